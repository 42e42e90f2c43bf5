// SPDX-License-Identifier: MIT
// NDJSON through simdjson: one JSON object a line.
#include <cstddef>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "formats.hpp"

namespace logstat {

namespace {

class ndjson_parser final : public parser {
public:
    explicit ndjson_parser(field_list fields) : fields_(std::move(fields)) {}

    std::string_view parse(std::string_view line, batch& found) override {
        simdjson::dom::object object;
        const auto error = json_.parse(line.data(), line.size()).get(object);
        if (error == simdjson::EMPTY) return {}; // a blank line
        if (error == simdjson::INCORRECT_TYPE) return "not a JSON object";
        if (error != simdjson::SUCCESS) return simdjson::error_message(error);
        ++found.records;
        if (fields_.empty())
            add_names(object, found);
        else
            add_answer_key(object, found);
        return {};
    }

    std::shared_ptr<parser> another() const override {
        return std::make_shared<ndjson_parser>(fields_);
    }

private:
    void add_answer_key(simdjson::dom::object object, batch& found) const {
        for (std::size_t i = 0; i < fields_.size(); ++i) {
            if (i != 0) found.append(" ");
            append_value(find(object, fields_[i]), found);
        }
        found.finish_key(table::answer);
    }

    static void add_names(simdjson::dom::object object, batch& found) {
        for (const auto field : object) {
            if (field.value.is_null()) continue;
            found.append_escaped(field.key);
            found.finish_key(table::columns);
        }
    }

    /// The value of key "a.b", else of key "b" in the object that is the value of key "a".
    static simdjson::simdjson_result<simdjson::dom::element> find(simdjson::dom::object object,
                                                                  std::string_view path) {
        const auto value = object.at_key(path);
        const std::size_t dot = path.find('.');
        simdjson::dom::object inner;
        if (value.error() == simdjson::SUCCESS || dot == std::string_view::npos ||
            object.at_key(path.substr(0, dot)).get(inner) != simdjson::SUCCESS)
            return value;
        return find(inner, path.substr(dot + 1));
    }

    /// As `jq -r` prints it: texts bare, what is missing as null, the rest as JSON.
    static void append_value(simdjson::simdjson_result<simdjson::dom::element> value,
                             batch& found) {
        std::string_view text;
        if (value.error() != simdjson::SUCCESS)
            found.append("null");
        else if (value.get(text) == simdjson::SUCCESS)
            found.append_escaped(text);
        else if (double number; value.is_double() && value.get(number) == simdjson::SUCCESS)
            found.append(fmt::format("{}", number));
        else
            found.append(simdjson::minify(value.value_unsafe()));
    }

    simdjson::dom::parser json_;
    field_list fields_;
};

} // namespace

std::shared_ptr<parser> make_ndjson_parser(field_list fields) {
    return std::make_shared<ndjson_parser>(std::move(fields));
}

} // namespace logstat
