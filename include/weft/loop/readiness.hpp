// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <poll.h>

namespace weft {

/// What can be done with a descriptor, or what happened to it: a set of bits.
enum class readiness : std::uint8_t {
    none = 0,
    readable = 1,
    writable = 2,
    hangup = 4, ///< the peer has finished or an error is pending: the next system call tells
    closed = 8, ///< there is no such descriptor any more
};

constexpr readiness operator|(readiness a, readiness b) noexcept {
    return static_cast<readiness>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr readiness operator&(readiness a, readiness b) noexcept {
    return static_cast<readiness>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
}
constexpr readiness without(readiness set, readiness bits) noexcept {
    return static_cast<readiness>(static_cast<unsigned>(set) & ~static_cast<unsigned>(bits));
}
constexpr bool any(readiness set) noexcept { return set != readiness::none; }

/// Asks the system what of `interest` holds for `fd` right now. A hangup or an error counts as
/// both directions, since no system call would wait any more.
readiness ready_now(int fd, readiness interest) noexcept;

// Implementation ------------------------------------------------------------

namespace detail {

inline short to_poll(readiness interest) noexcept {
    return static_cast<short>((any(interest & readiness::readable) ? POLLIN : 0) |
                              (any(interest & readiness::writable) ? POLLOUT : 0));
}

inline readiness from_poll(short events) noexcept {
    readiness what{};
    if (events & POLLIN) what = what | readiness::readable;
    if (events & POLLOUT) what = what | readiness::writable;
    if (events & (POLLERR | POLLHUP))
        what = what | readiness::readable | readiness::writable | readiness::hangup;
    if (events & POLLNVAL) what = what | readiness::closed;
    return what;
}

} // namespace detail

inline readiness ready_now(int fd, readiness interest) noexcept {
    if (fd < 0) return readiness::closed; // poll(2) would skip it
    ::pollfd asked{fd, detail::to_poll(interest), 0};
    return ::poll(&asked, 1, 0) == 1 ? detail::from_poll(asked.revents) : readiness::none;
}

} // namespace weft
