// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <termios.h>

#include <weft/loop/unique_fd.hpp>

namespace arena {

/// The terminal, in raw mode and on its second screen while this object lives. However that ends,
/// it is as it was found.
///
/// What is drawn goes through a description of the terminal of its own, which does not block: a
/// terminal that is slow, or stopped, must not keep the program from hearing a signal.
class terminal {
public:
    /// Errors  Throws `std::system_error` if standard input or output is no terminal.
    terminal();
    terminal(terminal&&) = delete;
    ~terminal() { leave(); }

    void enter();
    void leave() noexcept;

    struct window {
        int columns, rows;
        friend bool operator==(window, window) = default;
    };
    window size() const noexcept;

    /// The descriptor that `flush` writes to.
    int output() const noexcept { return output_.get(); }
    void send(std::string text) { pending_ += std::move(text); }
    /// Writes what the terminal takes. Returns whether that was all.
    bool flush();

    /// How often it was entered: what it shows is unknown then.
    int times_entered() const noexcept { return times_entered_; }

private:
    termios found_{};
    weft::unique_fd output_;
    std::string pending_;
    bool entered_ = false;
    int times_entered_ = 0;
};

} // namespace arena
