// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "canvas.hpp"
#include "terminal.hpp"

namespace arena {

/// Shows pictures in the middle of a terminal, by sending only what has changed.
class display {
public:
    explicit display(terminal& on) : terminal_(on) {}

    /// Does nothing while an earlier picture is still under way.
    void show(const canvas& picture);

    /// Whether the window is large enough for a picture.
    bool fits() const noexcept { return fits(terminal_.size()); }

private:
    static bool fits(terminal::window size) noexcept {
        return size.columns >= canvas::columns && size.rows >= canvas::rows;
    }
    void begin_anew(terminal::window window);
    void add_changes(const canvas& picture);

    terminal& terminal_;
    canvas shown_;
    terminal::window window_{0, 0};
    int times_entered_ = 0;
    std::string text_;
};

} // namespace arena
