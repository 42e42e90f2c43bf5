// SPDX-License-Identifier: MIT
// What is printed.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "counts.hpp"
#include "input_summary.hpp"
#include "output.hpp"

namespace logstat {

/// Rows as `uniq -c` prints them.
void print_rows(output& out, const std::vector<row>& rows);

/// The report for people: totals, statuses, busiest hours, the `top` most frequent of each kind.
void print_report(output& out, const tally& total, const std::deque<input_summary>& inputs,
                  std::size_t top);

/// One line on standard error for each: "access.log:17: not a time".
void print_malformed(std::string_view name, const std::vector<malformed_line>& lines);

/// One line on standard error for each input with malformed lines or an error.
/// Returns false if an input could not be read to its end.
bool print_problems(const std::deque<input_summary>& inputs);

} // namespace logstat
