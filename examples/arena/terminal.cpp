// SPDX-License-Identifier: MIT
#include "terminal.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace arena {

namespace {

constexpr std::string_view second_screen = "\x1b[?1049h\x1b[?25l\x1b[0m\x1b[2J";
constexpr std::string_view first_screen = "\x1b[0m\x1b[?25h\x1b[?1049l";

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

} // namespace

terminal::terminal() {
    std::array<char, 256> name{};
    if (::tcgetattr(STDIN_FILENO, &found_) != 0) fail("standard input");
    if (const int error = ::ttyname_r(STDOUT_FILENO, name.data(), name.size()); error != 0)
        throw std::system_error(error, std::generic_category(), "standard output");
    output_ = weft::unique_fd(::open(name.data(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!output_) fail(name.data());
    enter();
}

void terminal::enter() {
    termios raw = found_;
    raw.c_iflag &= ~static_cast<tcflag_t>(ICRNL | IXON | ISTRIP | INLCR);
    raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | IEXTEN); // ISIG stays: Ctrl-C is a signal
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (::tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0) fail("standard input");
    entered_ = true;
    ++times_entered_;
    pending_ = second_screen;
}

void terminal::leave() noexcept {
    if (!entered_) return;
    entered_ = false;
    // Also into a sequence that was cut off: CAN ends it. A terminal that takes nothing for a while
    // is left as it is.
    pending_.clear();
    std::array<char, 64> farewell{'\x18'};
    const std::size_t size = 1 + first_screen.copy(farewell.data() + 1, farewell.size() - 1);
    pollfd ready{output_.get(), POLLOUT, 0};
    ::poll(&ready, 1, 200);
    [[maybe_unused]] const auto written = ::write(output_.get(), farewell.data(), size);
    ::tcflush(STDIN_FILENO, TCIFLUSH); // keys that came too late are not for the shell
    ::tcsetattr(STDIN_FILENO, TCSANOW, &found_);
}

terminal::window terminal::size() const noexcept {
    winsize found{};
    if (::ioctl(output_.get(), TIOCGWINSZ, &found) != 0 || found.ws_col == 0) return {80, 24};
    return {found.ws_col, found.ws_row};
}

bool terminal::flush() {
    while (!pending_.empty()) {
        const auto size = ::write(output_.get(), pending_.data(), pending_.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && errno == EAGAIN) return false;
        if (size < 0 && errno != EIO) fail("writing to the terminal");
        // EIO: it is gone, as the keyboard will find.
        pending_.erase(0, size < 0 ? std::string::npos : static_cast<std::size_t>(size));
    }
    return true;
}

} // namespace arena
