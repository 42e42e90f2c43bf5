// SPDX-License-Identifier: MIT
// The keyboard as a task: it waits for standard input and notes what the player wants.
#pragma once

#include <optional>

#include <weft/weft.hpp>

#include "buttons.hpp"

namespace arena {

/// What the player wants, until somebody looks.
struct controls {
    buttons pressed{};
    bool paused = false;
    bool quit = false;
    std::optional<int> signal{}; // that ended the game
};

/// Makes keys out of bytes, which may come one at a time in the middle of an arrow key.
class key_decoder {
public:
    void feed(char byte, controls& wanted) noexcept;

private:
    enum class state { plain, escape, sequence };
    state state_ = state::plain;
};

/// Notes what is typed, until the player quits or there is nobody there any more. Never reads more
/// than there is, so standard input stays as blocking as it was.
weft::task<> read_keyboard(controls& wanted);

} // namespace arena
