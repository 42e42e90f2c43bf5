// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cassert>
#include <cerrno>
#include <cstddef>
#include <initializer_list>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <weft/core/raise.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/io_source.hpp>
#include <weft/loop/reactor.hpp>
#include <weft/loop/readiness.hpp>
#include <weft/loop/unique_fd.hpp>
#include <weft/os/signal_mailbox.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft {

/// Receives signals, instead of what they would do to the process.
///
///     weft::signal_set stop{SIGINT, SIGTERM};
///     co_await weft::when_any(serve(), stop.next());
///
/// Any number of sets, also of loops on several threads, may wait for one signal: each gets it.
/// None is lost that the system delivers: it keeps one of each standard signal while that cannot
/// be delivered, and real-time signals up to a limit. Programs that are started are not affected.
/// A signal that is ignored, as SIGINT in what a script starts by `&`, is received all the same.
///
/// Ownership  As soon as the last set of a signal is gone, that does what it did before.
/// Order      Signals go to the waiters in the order in which these came. Of several that have
///            come, the lowest number is first.
/// Cancel     Loses no signal.
class signal_set final : private readiness_waiter {
    struct receiving;

public:
    /// Of the loop that runs on this thread.
    /// Errors  Throws `std::system_error` with EINVAL for what is no signal, or can be received by
    ///         nobody, such as SIGKILL.
    signal_set(std::initializer_list<int> signals) : signal_set(this_loop(), signals) {}
    signal_set(std::initializer_list<int> signals, repeated_signal second)
        : signal_set(this_loop(), signals, second) {}
    /// `second`: whether a signal that comes again has its default action: the second Ctrl-C ends
    /// a program even when nothing in it goes on any more.
    signal_set(event_loop& loop, std::initializer_list<int> signals,
               repeated_signal second = repeated_signal::is_received);
    signal_set(signal_set&&) = delete;
    /// Precondition: nobody waits.
    ~signal_set() { source_.closing(); }

    /// Waits for one of the signals. Returns its number.
    auto next() noexcept { return wait_queue::wait<receiving>(this); }

private:
    struct pipe_ends {
        pipe_ends();
        unique_fd read, write;
    };

    inline void ready(readiness what) noexcept override;
    void listen() noexcept {
        source_.blocked(readiness::readable);
        source_.wait(readiness::readable, *this);
    }
    // Signals that nobody was promised go to those who wait.
    void serve() noexcept {
        for (; unclaimed_ != 0 && !waiters_.empty(); --unclaimed_) waiters_.serve_one();
    }

    pipe_ends pipe_;
    io_source source_;
    std::array<std::size_t, signal_mailbox::numbers> pending_{};
    std::size_t unclaimed_ = 0; // none while somebody waits
    wait_queue waiters_;
    signal_mailbox mailbox_;
};

// Implementation ------------------------------------------------------------

struct signal_set::receiving {
    signal_set* from;

    wait_queue& queue() noexcept { return from->waiters_; }
    bool begin() noexcept {
        if (from->unclaimed_ == 0) return false;
        --from->unclaimed_;
        return true;
    }
    int result() noexcept {
        std::size_t number = 1;
        while (from->pending_[number] == 0) ++number;
        --from->pending_[number];
        return static_cast<int>(number);
    }
    void give_back() noexcept {
        ++from->unclaimed_;
        from->serve();
    }
    static constexpr const char* name = "signal_set.next";
};

inline signal_set::pipe_ends::pipe_ends() {
    // The system's own, whatever system the loop has: the handler writes to it.
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        raise<std::system_error>(errno, std::system_category(), "a pipe for signals");
    read = unique_fd(ends[0]);
    write = unique_fd(ends[1]);
}

inline signal_set::signal_set(event_loop& loop, std::initializer_list<int> signals,
                              repeated_signal second)
    : source_(loop.system(), pipe_.read.get()), mailbox_(pipe_.write.get()) {
    for (const int each : signals) mailbox_.subscribe(each, second);
    listen();
}

inline void signal_set::ready(readiness what) noexcept {
    if (any(what & readiness::closed)) return;
    char bytes[16]; // there is one
    while (::read(pipe_.read.get(), bytes, sizeof bytes) == sizeof bytes) {}
    mailbox_.take([this](int signal, std::size_t count) {
        pending_[static_cast<std::size_t>(signal)] += count;
        unclaimed_ += count;
    });
    listen();
    serve();
}

} // namespace weft
