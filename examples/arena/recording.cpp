// SPDX-License-Identifier: MIT
#include "recording.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

namespace arena {

recorder::recorder(std::string path, std::uint64_t seed)
    : path_(std::move(path)), file_(path_, std::ios::trunc) {
    if (!file_) throw std::system_error(errno, std::generic_category(), path_);
    write(fmt::format("arena 1\nseed {}\n", seed));
}

void recorder::press(int when, buttons pressed) {
    if (pressed.none()) return;
    std::string line = fmt::format("{}", when);
    for (std::size_t i = 0; i < button_names.size(); ++i)
        if (pressed.has(static_cast<button>(i))) line.append(" ").append(button_names[i]);
    write(line + '\n');
}

void recorder::end(int ticks, std::uint64_t hash) {
    write(fmt::format("end {} {:016x}\n", ticks, hash));
}

void recorder::write(const std::string& line) {
    errno = 0;
    if (!(file_ << line << std::flush)) // at once: a game that crashes is the one to look at
        throw std::system_error(errno == 0 ? EIO : errno, std::generic_category(), path_);
}

namespace {

buttons parse_buttons(std::istream& words) {
    buttons pressed;
    for (std::string word; words >> word;) {
        const auto* found = std::ranges::find(button_names, word);
        if (found == button_names.end())
            throw std::invalid_argument(fmt::format("there is no button '{}'", word));
        pressed.press(static_cast<button>(found - button_names.begin()));
    }
    return pressed;
}

/// Returns whether that was the last line.
bool parse_line(const std::string& line, recording& into) {
    std::istringstream words(line);
    int when = 0;
    if (line.starts_with("end ")) {
        std::uint64_t hash = 0;
        words.ignore(4);
        if (!(words >> when >> std::hex >> hash) || when < into.ticks)
            throw std::invalid_argument("expected 'end TICKS HASH'");
        into.ticks = when;
        into.hash = hash;
        return true;
    }
    if (!(words >> when) || when < into.ticks)
        throw std::invalid_argument("expected a tick that is not before the last one");
    into.presses.emplace_back(when, parse_buttons(words));
    into.ticks = when + 1;
    return false;
}

} // namespace

recording read_recording(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::system_error(errno, std::generic_category(), path);
    recording found;
    std::string line;
    if (!std::getline(file, line) || line != "arena 1")
        throw std::runtime_error(path + ": not a recording of arena");
    int number = 2;
    try {
        std::getline(file, line);
        if (!line.starts_with("seed ") || !(std::istringstream(line.substr(5)) >> found.seed))
            throw std::invalid_argument("expected 'seed NUMBER'");
        for (bool done = false; !done && std::getline(file, line);) {
            ++number;
            done = parse_line(line, found);
        }
    } catch (const std::invalid_argument& problem) {
        throw std::runtime_error(fmt::format("{}:{}: {}", path, number, problem.what()));
    }
    return found;
}

weft::generator<buttons> replay(const recording& of) {
    auto next = of.presses.begin();
    for (int when = 0; when < of.ticks; ++when) {
        buttons pressed;
        if (next != of.presses.end() && next->first == when) pressed = (next++)->second;
        co_yield pressed;
    }
}

} // namespace arena
