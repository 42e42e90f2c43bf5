// SPDX-License-Identifier: MIT
// A game as a text file:
//
//     arena 1
//     seed 42
//     17 up fire_left
//     240 bomb
//     end 3600 1f0c9a6be2b0d7a4
//
// A line for each tick in which a button was pressed; then how many ticks there were, and the hash.
#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weft/coro/generator.hpp>

#include "buttons.hpp"

namespace arena {

/// Writes a game while it is played.
/// Errors  Throws `std::system_error` that names the file.
class recorder {
public:
    recorder(std::string path, std::uint64_t seed);

    void press(int when, buttons pressed);
    void end(int ticks, std::uint64_t hash);

private:
    void write(const std::string& line);

    std::string path_;
    std::ofstream file_;
};

struct recording {
    std::uint64_t seed = 0;
    std::vector<std::pair<int, buttons>> presses;
    int ticks = 0;
    std::optional<std::uint64_t> hash; // nothing: the end is missing
};

/// Errors  Throws `std::runtime_error` that names the file and the line.
recording read_recording(const std::string& path);

/// What was pressed in each tick, to the end.
weft::generator<buttons> replay(const recording& of);

} // namespace arena
