// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <cstdint>
#include <utility>

#include <weft/loop/reactor.hpp>

namespace weft {

/// The registration of a descriptor that is used for long, such as a socket: one system call when
/// it begins, one when it ends, none in between.
///
/// The system reports changes only, so ask the system call first and wait when it says EAGAIN:
///
///     while ((n = ::recv(source.fd(), data, size, 0)) < 0 && errno == EAGAIN) {
///         source.blocked(readiness::readable);
///         source.wait(readiness::readable, *this); // suspend; `ready` resumes
///     }
///
/// Changes that come while nobody waits are remembered in `may_be`, so that a call that cannot
/// succeed need not be made: see `drained`.
///
/// Ownership  The descriptor is its user's. It must be non-blocking.
/// Lifetime   Call `closing` before the descriptor is closed. The reactor outlives the source.
class io_source {
public:
    io_source() noexcept = default;
    /// Errors  Throws `std::system_error`.
    io_source(reactor& owner, int fd)
        : reactor_(&owner), descriptor_(&owner.use(fd, readiness::readable | readiness::writable,
                                                   "registering a descriptor")),
          generation_(descriptor_->generation) {
        ++descriptor_->sources;
    }
    /// With the reactor of `other`, which is registered.
    io_source(const io_source& other, int fd) : io_source(*other.reactor_, fd) {}
    io_source(io_source&& other) noexcept
        : reactor_(std::exchange(other.reactor_, nullptr)), descriptor_(other.descriptor_),
          generation_(other.generation_) {}
    io_source& operator=(io_source&& other) noexcept {
        io_source moved(std::move(other));
        std::swap(reactor_, moved.reactor_);
        std::swap(descriptor_, moved.descriptor_);
        std::swap(generation_, moved.generation_);
        return *this;
    }
    ~io_source() { leave(); }

    /// False after `closing` of its descriptor, whoever called it.
    bool registered() const noexcept { return reactor_ && descriptor_->generation == generation_; }

    /// Returns -1 if it is not registered.
    int fd() const noexcept { return registered() ? descriptor_->fd : -1; }

    /// Whether a system call in `direction` may succeed, for all that is known.
    /// With `readiness::hangup`: whether the peer has finished, or an error was reported.
    bool may_be(readiness direction) const noexcept {
        assert(registered());
        return any(descriptor_->possible & direction);
    }

    /// Says that a system call in `direction` just failed with EAGAIN.
    void blocked(readiness direction) noexcept {
        assert(registered());
        if (!descriptor_->always_ready)
            descriptor_->possible = without(descriptor_->possible, direction);
    }

    /// Says that a system call in `direction` just did less than was asked of it: the next one
    /// would fail with EAGAIN, unless the end of the stream or an error is next.
    void drained(readiness direction) noexcept {
        if (!may_be(readiness::hangup)) blocked(direction);
    }

    /// Lets `waiter` wait for the next change in `direction`. Several may wait: all are served.
    /// Precondition: not `may_be(direction)`.
    void wait(readiness direction, readiness_waiter& waiter) noexcept {
        assert(!may_be(direction) && "the system would not report it again");
        reactor_->attach(*descriptor_, direction, waiter);
    }

    /// Ends the registration because the descriptor is about to be closed: all who wait for it
    /// are told `readiness::closed`.
    void closing() noexcept {
        if (registered()) reactor_->closing(descriptor_->fd);
        reactor_ = nullptr;
    }

private:
    void leave() noexcept {
        if (!registered()) return;
        --descriptor_->sources;
        reactor_->release_unused(*descriptor_);
    }

    reactor* reactor_ = nullptr; // null: not registered
    detail::watched_descriptor* descriptor_ = nullptr;
    std::uint32_t generation_ = 0;
};

} // namespace weft
