// SPDX-License-Identifier: MIT
// What the user asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace arena {

struct options {
    std::uint64_t seed = 0;
    std::optional<int> ticks; // nothing: until somebody quits
    std::string record;       // the file to write, or empty
    std::string replay;       // the file to read, or empty
    bool demo = false;
    bool headless = false;
    bool frame_loop = false;
    int frames_per_second = 30;
};

/// Returns the options, or the program's exit code when the command line asks for nothing more
/// (--help) or is wrong (a message has been printed).
std::variant<options, int> parse_command_line(int argc, char** argv);

} // namespace arena
