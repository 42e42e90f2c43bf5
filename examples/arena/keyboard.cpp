// SPDX-License-Identifier: MIT
#include "keyboard.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <span>
#include <system_error>

#include <unistd.h>

namespace arena {

namespace {

void type(char key, controls& wanted) noexcept {
    switch (key) {
    case 'w':
        wanted.pressed.press(button::up);
        break;
    case 's':
        wanted.pressed.press(button::down);
        break;
    case 'a':
        wanted.pressed.press(button::left);
        break;
    case 'd':
        wanted.pressed.press(button::right);
        break;
    case 'e':
        wanted.pressed.press(button::halt);
        break;
    case 'i':
        wanted.pressed.press(button::fire_up);
        break;
    case 'k':
        wanted.pressed.press(button::fire_down);
        break;
    case 'j':
        wanted.pressed.press(button::fire_left);
        break;
    case 'l':
        wanted.pressed.press(button::fire_right);
        break;
    case ' ':
        wanted.pressed.press(button::bomb);
        break;
    case 'r':
        wanted.pressed.press(button::again);
        break;
    case 'p':
        wanted.paused = !wanted.paused;
        break;
    case 'q':
        wanted.quit = true;
        break;
    default:
        break;
    }
}

} // namespace

void key_decoder::feed(char byte, controls& wanted) noexcept {
    constexpr char escape = '\x1b';
    if (byte == escape) {
        state_ = state::escape;
    } else if (state_ == state::escape && (byte == '[' || byte == 'O')) {
        state_ = state::sequence;
    } else if (state_ == state::sequence) {
        if (byte == 'A') wanted.pressed.press(button::fire_up);
        if (byte == 'B') wanted.pressed.press(button::fire_down);
        if (byte == 'C') wanted.pressed.press(button::fire_right);
        if (byte == 'D') wanted.pressed.press(button::fire_left);
        const bool final_byte = byte >= '@' && byte <= '~'; // before it come parameters
        if (final_byte) state_ = state::plain;
    } else {
        state_ = state::plain;
        type(byte, wanted);
    }
}

weft::task<> read_keyboard(controls& wanted) {
    key_decoder decoder;
    std::array<char, 64> bytes;
    while (!wanted.quit) {
        co_await weft::wait_readable(STDIN_FILENO);
        const auto size = ::read(STDIN_FILENO, bytes.data(), bytes.size());
        if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (size < 0 && errno != EIO)
            throw std::system_error(errno, std::generic_category(), "reading the keyboard");
        if (size <= 0) { // the terminal is gone
            wanted.signal = SIGHUP;
            break;
        }
        for (char each : std::span(bytes).first(static_cast<std::size_t>(size)))
            decoder.feed(each, wanted);
    }
    wanted.quit = true;
}

} // namespace arena
