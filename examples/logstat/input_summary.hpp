// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace logstat {

/// What became of one input.
struct input_summary {
    std::string name;
    std::uint64_t lines = 0;
    std::uint64_t malformed = 0;
    std::uint64_t first_malformed = 0; // its line number
    std::string first_problem;
    std::string error; // why reading it stopped early; empty if it did not
};

} // namespace logstat
