// SPDX-License-Identifier: MIT
#pragma once

#include <weft/core/prepared.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/io_source.hpp>
#include <weft/loop/readiness.hpp>
#include <weft/loop/wait_readable.hpp>

namespace weft {

/// A descriptor of somebody else's that is registered with the loop, because it is waited for
/// again and again: a database connection, a device.
///
///     weft::watched_fd connection(PQsocket(database));
///     while (PQisBusy(database)) {
///         co_await connection.readable();
///         PQconsumeInput(database);
///     }
///
/// Both waits are for a state: one may read all there is, a part, or nothing, and wait again.
/// That costs one system call more than sockets of weft's own need, which know what was read.
///
/// Ownership  It does not own the descriptor; its destructor ends the registration.
/// Lifetime   Destroy it before the descriptor is closed, or call `closing`; nobody waits for it
///            when it is destroyed.
class watched_fd {
public:
    /// Registers `fd` with the loop that runs on this thread.
    /// Errors  Throws `std::system_error`, with EBADF if `fd` is not open.
    explicit watched_fd(int fd) : watched_fd(this_loop(), fd) {}
    watched_fd(event_loop& loop, int fd) : source_(loop.system(), fd) {}

    /// Waits until a read would not block: there is data, or the end of it, or an error.
    /// Errors  Throws `std::system_error` with EBADF if the descriptor was closed: see `closing`.
    /// Cancel  Ends the wait; nothing is read.
    auto readable() noexcept { return wait(readiness::readable); }

    /// Waits until a write would not block, as `readable`.
    auto writable() noexcept { return wait(readiness::writable); }

    /// Says that the descriptor is about to be closed: whoever waits for it gets an error.
    void closing() noexcept { source_.closing(); }

private:
    prepared<wait_for_descriptor, io_source*, readiness> wait(readiness direction) noexcept {
        return prepared<wait_for_descriptor, io_source*, readiness>(&source_, direction);
    }

    io_source source_;
};

} // namespace weft
