// SPDX-License-Identifier: MIT
// What a player can do: all that enters the game from outside.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace arena {

enum class button : unsigned {
    up,
    down,
    left,
    right,
    halt,
    fire_up,
    fire_down,
    fire_left,
    fire_right,
    bomb,
    again,
};

/// As recordings spell them.
inline constexpr std::array<std::string_view, 11> button_names{
    "up",        "down",      "left",       "right", "halt", "fire_up",
    "fire_down", "fire_left", "fire_right", "bomb",  "again"};

/// The buttons pressed in one tick.
class buttons {
public:
    constexpr void press(button which) noexcept { bits_ |= bit(which); }
    constexpr bool has(button which) const noexcept { return (bits_ & bit(which)) != 0; }
    constexpr bool none() const noexcept { return bits_ == 0; }

private:
    static constexpr unsigned bit(button which) noexcept {
        return 1u << static_cast<unsigned>(which);
    }

    unsigned bits_ = 0;
};

} // namespace arena
