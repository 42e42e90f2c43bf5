// SPDX-License-Identifier: MIT
#include "formats.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "log_format.hpp"

namespace logstat {

namespace {

class log_parser final : public parser {
public:
    explicit log_parser(const field_list& fields) {
        for (const std::string& field : fields) {
            const auto* known = std::ranges::find(log_fields, field, &log_field::name);
            if (known == log_fields.end()) {
                std::vector<std::string_view> names;
                for (const log_field& one : log_fields) names.push_back(one.name);
                throw std::invalid_argument(fmt::format("a web log has no field '{}' (it has {})",
                                                        field, fmt::join(names, ", ")));
            }
            wanted_.push_back(known->value);
        }
    }

    std::string_view parse(std::string_view line, batch& found) override {
        log_record record;
        if (const auto problem = parse_log_line(line, record); !problem.empty()) return problem;
        ++found.records;
        found.bytes_served += record.size;
        found.first = std::min(found.first, record.time);
        found.last = std::max(found.last, record.time);
        if (wanted_.empty())
            add_report_keys(record, found);
        else
            add_answer_key(record, found);
        return {};
    }

    std::shared_ptr<parser> another() const override {
        return std::make_shared<log_parser>(*this);
    }

private:
    void add_answer_key(const log_record& record, batch& found) const {
        for (std::size_t i = 0; i < wanted_.size(); ++i) {
            if (i != 0) found.append(" ");
            found.append(record.*wanted_[i]);
        }
        found.finish_key(table::answer);
    }

    static void add_report_keys(const log_record& record, batch& found) {
        found.add(table::hosts, record.host);
        found.add(table::paths, record.path.substr(0, record.path.find('?')));
        found.add(table::agents, record.agent);
        found.add(table::statuses, record.status);
        found.add(table::hours, record.hour);
    }

    std::vector<std::string_view log_record::*> wanted_;
};

std::string_view take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}

bool any_log_line(std::string_view text) {
    log_record ignored;
    for (int tries = 0; tries < 20 && !text.empty(); ++tries)
        if (parse_log_line(take_line(text), ignored).empty()) return true;
    return false;
}

/// The separator that the header uses most.
char delimiter_of(std::string_view header) {
    constexpr std::array candidates{',', ';', '\t', '|'};
    return *std::ranges::max_element(candidates, {},
                                     [header](char c) { return std::ranges::count(header, c); });
}

std::string_view detect(std::string_view name, std::string_view first_line,
                        std::string_view chunk) {
    if (name.ends_with(".csv") || name.ends_with(".tsv")) return "csv";
    if (name.ends_with(".ndjson") || name.ends_with(".jsonl") || name.ends_with(".json"))
        return "ndjson";
    if (first_line.substr(std::min(first_line.find_first_not_of(" \t"), first_line.size()))
            .starts_with('{'))
        return "ndjson";
    log_record ignored;
    if (parse_log_line(first_line, ignored).empty() || any_log_line(chunk)) return "log";
    return first_line.find_first_of(",;\t|") == std::string_view::npos ? "log" : "csv";
}

} // namespace

std::shared_ptr<parser> make_log_parser(const field_list& fields) {
    return std::make_shared<log_parser>(fields);
}

std::shared_ptr<parser> make_parser(std::string_view format, std::string_view name,
                                    std::string_view first_line, std::string_view chunk,
                                    field_list fields) {
    if (name.ends_with(".gz")) name.remove_suffix(3);
    if (format == "auto") format = detect(name, first_line, chunk);
    if (format == "csv") return make_csv_parser(std::move(fields), delimiter_of(first_line));
    if (format == "ndjson") return make_ndjson_parser(std::move(fields));
    return make_log_parser(fields);
}

} // namespace logstat
