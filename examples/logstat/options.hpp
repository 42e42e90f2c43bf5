// SPDX-License-Identifier: MIT
// What the user asked for.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace logstat {

struct options {
    std::vector<std::string> files; // "-": standard input
    std::vector<std::string> by;    // empty: the report
    std::optional<std::size_t> top;
    std::string format = "auto";
    std::size_t jobs = 1; // blocks of lines that are parsed at a time
    bool malformed = false;
    bool ordered = false;
    bool follow = false;
    bool progress = false;
    std::chrono::duration<double> every{0}; // 0: only at the end
};

/// Returns the options, or the program's exit code when the command line asks for nothing more
/// (--help) or is wrong (a message has been printed).
std::variant<options, int> parse_command_line(int argc, char** argv);

} // namespace logstat
