// SPDX-License-Identifier: MIT
// What turns lines into keys: one class for each format.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "counts.hpp"

namespace logstat {

/// What to count. Without fields: what the report needs.
using field_list = std::vector<std::string>;

class parser {
public:
    virtual ~parser() = default;

    /// Adds the keys of `line` to `found`. Returns what is wrong with the line; empty if nothing
    /// is.
    virtual std::string_view parse(std::string_view line, batch& found) = 0;

    /// Returns a parser for other lines of the same input, which may be at work on another thread;
    /// null if a line can only be understood after those before it.
    virtual std::shared_ptr<parser> another() const { return nullptr; }

    /// The input ended here. Returns what is wrong with that; empty if nothing is.
    virtual std::string_view finish() { return {}; }
};

/// Log, CSV or NDJSON, as `format` says; "auto" decides by the name of the input, then by its
/// `first_line`, then by the lines that follow it in `chunk`.
/// Errors: std::invalid_argument when the format has no such field.
std::shared_ptr<parser> make_parser(std::string_view format, std::string_view name,
                                    std::string_view first_line, std::string_view chunk,
                                    field_list fields);

std::shared_ptr<parser> make_log_parser(const field_list& fields);
std::shared_ptr<parser> make_csv_parser(field_list fields, char delimiter);
std::shared_ptr<parser> make_ndjson_parser(field_list fields);

} // namespace logstat
