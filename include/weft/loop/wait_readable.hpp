// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <exception>
#include <system_error>

#include <weft/core/operation.hpp>
#include <weft/core/prepared.hpp>
#include <weft/core/raise.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/io_source.hpp>
#include <weft/loop/reactor.hpp>
#include <weft/loop/readiness.hpp>

namespace weft {

/// Waits until something can be done with a descriptor, which the system is asked first: a state
/// is waited for, not a change, however the descriptor is registered.
class wait_for_descriptor final : public operation<wait_for_descriptor>, private readiness_waiter {
public:
    /// Of a descriptor of which nothing is remembered.
    wait_for_descriptor(int fd, readiness direction) noexcept : fd_(fd), direction_(direction) {}
    /// Of one that is registered.
    wait_for_descriptor(io_source* source, readiness direction) noexcept
        : source_(source), direction_(direction) {}

    bool start(branch& waiter) noexcept;
    bool withdraw() noexcept override {
        cancel();
        return true;
    }
    void await_resume() const;
    const char* describe() const noexcept override {
        return direction_ == readiness::readable ? "wait_readable" : "wait_writable";
    }

private:
    void ready(readiness what) noexcept override {
        closed_ = any(what & readiness::closed);
        complete();
    }

    io_source* source_ = nullptr;
    int fd_ = -1;
    readiness direction_;
    bool closed_ = false;
    std::exception_ptr error_;
};

/// Waits until a read from `fd` would not block: there is data, or the end of it, or an error that
/// the read will report. `fd` may be anybody's, blocking or not; nothing is remembered about it.
///
/// `watched_fd` is the form for a descriptor that is waited for again and again.
/// Errors    Throws `std::system_error`, with EBADF if `fd` is not open, or was closed meanwhile by
///           somebody who told the loop (`reactor::closing`). The system alone would not say so:
///           do not close a descriptor while somebody waits for it.
/// Order     All who wait for one descriptor wake, the oldest first.
/// Cancel    Ends the wait; nothing is read.
inline auto wait_readable(int fd) noexcept {
    return prepared<wait_for_descriptor, int, readiness>(fd, readiness::readable);
}

/// Waits until a write to `fd` would not block, as `wait_readable`.
inline auto wait_writable(int fd) noexcept {
    return prepared<wait_for_descriptor, int, readiness>(fd, readiness::writable);
}

// Implementation ------------------------------------------------------------

inline bool wait_for_descriptor::start(branch& waiter) noexcept {
    if (source_) fd_ = source_->fd();
    auto& system = static_cast<event_loop&>(waiter.loop()).system();
    const auto now = system.calls().ready_now(fd_, direction_);
    closed_ = any(now & readiness::closed);
    if (any(now)) return true;
    if (source_) {
        // Changes are reported from here on; an old one would be reported of a state that is over.
        source_->blocked(direction_);
        source_->wait(direction_, *this);
        return false;
    }
    bool waits = false;
    guarded(
        [&] {
            waits = system.wait_once(fd_, direction_, *this);
        },
        [&](std::exception_ptr error) { error_ = std::move(error); });
    return !waits;
}

inline void wait_for_descriptor::await_resume() const {
    if (error_) std::rethrow_exception(error_);
    if (closed_)
        raise<std::system_error>(EBADF, std::system_category(), "waiting for a descriptor");
}

} // namespace weft
