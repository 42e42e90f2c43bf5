// SPDX-License-Identifier: MIT
// CSV through libcsv: the first record names the columns, a quoted field may hold separators,
// quotes ("") and newlines.
#include <cstddef>
#include <new>
#include <stdexcept>
#include <utility>

#include <csv.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "formats.hpp"
#include "lines.hpp"

namespace logstat {

namespace {

class csv_row_parser final : public parser {
public:
    csv_row_parser(field_list fields, char delimiter)
        : fields_(std::move(fields)), delimiter_(delimiter) {
        begin();
    }
    csv_row_parser(csv_row_parser&&) = delete;
    ~csv_row_parser() override { csv_free(&state_); }

    std::string_view parse(std::string_view line, batch& found) override {
        found_ = &found;
        problem_ = {};
        unfinished_ += line.size();
        const bool parsed = feed(line) && feed("\n");
        if (parsed && unfinished_ <= line_limit) return problem_;
        start_over();
        return parsed ? "a quoted field that is too long" : "a quote in the wrong place";
    }

    std::string_view finish() override {
        return csv_fini(&state_, on_field, on_row, this) == 0 ? std::string_view{}
                                                              : "a quoted field does not end";
    }

private:
    // Called by libcsv, which is C: no exception may cross it, so feed() throws what is wrong with
    // the header.
    static void on_field(void* text, std::size_t size, void* self) noexcept {
        static_cast<csv_row_parser*>(self)->row_.emplace_back(static_cast<const char*>(text), size);
    }
    static void on_row(int, void* self) noexcept {
        auto& parser = *static_cast<csv_row_parser*>(self);
        parser.end_row();
        parser.row_.clear();
        parser.unfinished_ = 0;
    }

    void end_row() {
        if (header_.empty())
            header_.swap(row_);
        else if (row_.size() != header_.size())
            problem_ = "not as many fields as the header";
        else
            add_keys();
    }

    bool feed(std::string_view text) {
        const bool had_header = !header_.empty();
        const bool parsed =
            csv_parse(&state_, text.data(), text.size(), on_field, on_row, this) == text.size();
        if (!had_header && !header_.empty()) find_columns();
        return parsed;
    }

    void find_columns() {
        for (const std::string& field : fields_) {
            const auto column = std::ranges::find(header_, field);
            if (column == header_.end())
                throw std::invalid_argument(
                    fmt::format("no column '{}' (there are {})", field, fmt::join(header_, ", ")));
            columns_.push_back(static_cast<std::size_t>(column - header_.begin()));
        }
    }

    void add_keys() {
        ++found_->records;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (i != 0) found_->append(" ");
            found_->append_escaped(row_[columns_[i]]);
        }
        if (!columns_.empty()) return found_->finish_key(table::answer);
        for (std::size_t i = 0; i < row_.size(); ++i) {
            if (row_[i].empty()) continue;
            found_->append_escaped(header_[i]);
            found_->finish_key(table::columns);
        }
    }

    void begin() {
        if (csv_init(&state_, CSV_STRICT | CSV_STRICT_FINI) != 0) throw std::bad_alloc{};
        csv_set_delim(&state_, static_cast<unsigned char>(delimiter_));
        csv_set_space_func(&state_,
                           [](unsigned char) { return 0; }); // RFC 4180: spaces are part of a field
    }

    void start_over() { // csv_fini would refuse inside a quoted field
        csv_free(&state_);
        begin();
        row_.clear();
        unfinished_ = 0;
    }

    csv_parser state_{};
    field_list fields_;
    char delimiter_;
    std::vector<std::string> header_;
    std::vector<std::size_t> columns_;
    std::vector<std::string> row_;
    std::size_t unfinished_ = 0; // bytes of a record that goes on over several lines
    batch* found_ = nullptr;
    std::string_view problem_;
};

} // namespace

std::shared_ptr<parser> make_csv_parser(field_list fields, char delimiter) {
    return std::make_shared<csv_row_parser>(std::move(fields), delimiter);
}

} // namespace logstat
