// SPDX-License-Identifier: MIT
// What the user asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "node.hpp"

namespace replicated_log {

struct options {
    std::uint64_t first = 1;
    std::optional<std::size_t> seeds;
    std::string replay; // not empty: only this
    bug planted = bug::none;
    bool verbose = false;
    bool real = false;
    std::size_t entries = 10; // of a real run
};

/// Returns the options, or the program's exit code when the command line asks for nothing more
/// (--help) or is wrong (a message has been printed).
std::variant<options, int> parse_command_line(int argc, char** argv);

} // namespace replicated_log
