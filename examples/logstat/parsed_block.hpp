// SPDX-License-Identifier: MIT
// What is done on other threads: lines are parsed, and what was found in them is counted.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "counts.hpp"
#include "formats.hpp"
#include "input_summary.hpp"
#include "lines.hpp"

namespace logstat {

/// What became of some lines of an input.
struct parsed_block {
    tally counted;
    std::vector<malformed_line> malformed;
    std::string error; // why the input makes no sense as a whole; empty if it does
};

inline std::string_view without_byte_order_mark(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    return text;
}

/// Adds the lines of `block`, whose first one has this `number`, to a tally. All of it is this
/// call's own while it runs, so that nothing needs a lock.
inline parsed_block parse_block(std::shared_ptr<parser> parse, std::string block,
                                std::uint64_t number, tally counted) {
    parsed_block result;
    batch found;
    try {
        for (const line& next : lines_of(block)) {
            const auto text = number == 1 ? without_byte_order_mark(next.text) : next.text;
            const auto problem = next.too_long ? "longer than 1 MiB" : parse->parse(text, found);
            if (!problem.empty()) result.malformed.push_back({number, problem});
            ++number;
        }
        counted.add(found);
    } catch (const std::invalid_argument& problem) { // a field that is not there
        result.error = problem.what();
    }
    result.counted = std::move(counted);
    return result;
}

} // namespace logstat
