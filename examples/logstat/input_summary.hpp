// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace logstat {

struct malformed_line {
    std::uint64_t number = 0;
    std::string_view problem;
};

/// What became of one input.
struct input_summary {
    std::string name;
    std::uint64_t lines = 0;
    std::uint64_t malformed = 0;
    malformed_line first_malformed{};
    std::string error; // why reading it stopped early; empty if it did not

    /// In any order of the lines.
    void add(const std::vector<malformed_line>& found) {
        for (const malformed_line& one : found)
            if (malformed++ == 0 || one.number < first_malformed.number) first_malformed = one;
    }
};

} // namespace logstat
