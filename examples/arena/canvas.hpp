// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace arena {

/// One of the 256 colours of terminals.
using colour = std::uint8_t;

/// One character of the terminal: a letter, or two pixels, one above the other.
struct cell {
    char letter = 0;  // 0: pixels
    colour front = 0; // of the letter, or of the upper pixel
    colour back = 0;  // behind the letter, or of the lower pixel

    friend bool operator==(const cell&, const cell&) = default;
};

/// A picture of 80 by 48 pixels, or 80 by 24 letters.
class canvas {
public:
    static constexpr int columns = 80;
    static constexpr int rows = 24;

    void clear() noexcept { cells_.fill({}); }

    const cell& at(int column, int row) const noexcept { return cells_[index(column, row)]; }

    /// What is outside is left out.
    void plot(int x, int y, colour what) noexcept {
        if (x < 0 || x >= columns || y < 0 || y >= 2 * rows) return;
        cell& here = cells_[index(x, y / 2)];
        here.letter = 0;
        (y % 2 == 0 ? here.front : here.back) = what;
    }

    void write(int column, int row, std::string_view text, colour front, colour back = 0) noexcept {
        for (char each : text) {
            if (column >= 0 && column < columns) cells_[index(column, row)] = {each, front, back};
            ++column;
        }
    }
    void write_centred(int row, std::string_view text, colour front, colour back = 0) noexcept {
        write((columns - static_cast<int>(text.size())) / 2, row, text, front, back);
    }

private:
    static std::size_t index(int column, int row) noexcept {
        return static_cast<std::size_t>(row * columns + column);
    }

    std::array<cell, std::size_t{columns} * rows> cells_{};
};

} // namespace arena
