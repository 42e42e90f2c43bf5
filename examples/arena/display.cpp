// SPDX-License-Identifier: MIT
#include "display.hpp"

#include <iterator>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace arena {

void display::show(const canvas& picture) {
    if (!terminal_.flush()) return;
    text_.clear();
    const auto window = terminal_.size();
    if (window != window_ || terminal_.times_entered() != times_entered_) begin_anew(window);
    if (fits(window_)) add_changes(picture);
    terminal_.send(std::exchange(text_, {}));
    terminal_.flush();
}

void display::begin_anew(terminal::window window) {
    window_ = window;
    times_entered_ = terminal_.times_entered();
    shown_.clear();
    text_ = "\x1b[0;40m\x1b[2J";
    if (!fits(window_))
        fmt::format_to(std::back_inserter(text_),
                       "\x1b[H\x1b[0marena needs a window of {}x{}, this one is {}x{}",
                       canvas::columns, canvas::rows, window_.columns, window_.rows);
}

void display::add_changes(const canvas& picture) {
    const auto out = std::back_inserter(text_);
    const int left = 1 + (window_.columns - canvas::columns) / 2;
    const int top = 1 + (window_.rows - canvas::rows) / 2;
    int front = -1, back = -1;
    for (int row = 0; row < canvas::rows; ++row) {
        int cursor = -1;
        for (int column = 0; column < canvas::columns; ++column) {
            const cell& here = picture.at(column, row);
            if (here == shown_.at(column, row)) continue;
            if (cursor != column) fmt::format_to(out, "\x1b[{};{}H", top + row, left + column);
            cursor = column + 1;
            if (here.front != front) fmt::format_to(out, "\x1b[38;5;{}m", here.front);
            if (here.back != back) fmt::format_to(out, "\x1b[48;5;{}m", here.back);
            front = here.front;
            back = here.back;
            if (here.letter != 0)
                text_ += here.letter;
            else
                text_ += "\xe2\x96\x80"; // the upper half block
        }
    }
    shown_ = picture;
}

} // namespace arena
