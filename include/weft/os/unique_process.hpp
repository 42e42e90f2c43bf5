// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#endif

#include <weft/core/raise.hpp>
#include <weft/coro/task.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/reactor.hpp>
#include <weft/loop/unique_fd.hpp>
#include <weft/loop/wait_readable.hpp>
#include <weft/time/sleep.hpp>

namespace weft {

/// Owns a child of this process: it ends no later than this, and leaves no zombie.
///
/// Nobody else may wait for it: no `waitpid(-1)`, no ignored SIGCHLD.
class unique_process {
public:
    /// `name` is for errors. To be made before the process is, so that nothing can fail after.
    explicit unique_process(std::string name) noexcept : name_(std::move(name)) {}
    unique_process(unique_process&&) = delete;
    /// Kills it and waits for its end, which then comes at once.
    ~unique_process() { end(); }

    /// Takes over the child `id`.
    void adopt(::pid_t id) noexcept;
    ::pid_t id() const noexcept { return id_; }

    /// How it ended: what it passed to exit(), or the number of the signal that ended it, negative.
    /// Nothing: it runs.
    /// Errors  Throws `std::system_error` with ECHILD if somebody else has waited for it.
    std::optional<int> status();

    /// No effect once it is known to have ended.
    void send(int signal) noexcept;
    /// Kills it and waits for its end.
    void end() noexcept;

    /// Waits until it has ended, any number of times.
    template <class = if_used>
    static task<int> wait(std::shared_ptr<unique_process> process);

private:
    class counted_wait {
    public:
        explicit counted_wait(reactor& system) noexcept : system_(system) {
            system_.begin_outside_work();
        }
        counted_wait(counted_wait&&) = delete;
        ~counted_wait() { system_.end_outside_work(); }

    private:
        reactor& system_;
    };

    // A child of a fork has copies of the parent's objects, and no business with its children.
    bool is_mine() const noexcept { return id_ > 0 && owner_ == ::getpid(); }
    bool reap(int flags) noexcept;

    std::string name_;
    unique_fd handle_; // a pidfd; none: the system has no such thing, or no descriptor left
    ::pid_t id_ = -1;
    ::pid_t owner_ = ::getpid();
    std::optional<int> status_;
    bool lost_ = false;
};

// Implementation ------------------------------------------------------------

namespace detail {

inline unique_fd open_process(::pid_t id) noexcept {
#ifdef SYS_pidfd_open
    return unique_fd(static_cast<int>(::syscall(SYS_pidfd_open, id, 0)));
#else
    static_cast<void>(id);
    return {};
#endif
}

} // namespace detail

inline void unique_process::adopt(::pid_t id) noexcept {
    id_ = id;
    handle_ = detail::open_process(id);
}

inline bool unique_process::reap(int flags) noexcept {
    if (status_) return true;
    int ending = 0;
    ::pid_t ended;
    do
        ended = ::waitpid(id_, &ending, flags);
    while (ended < 0 && errno == EINTR);
    lost_ = ended < 0;
    if (ended == id_) status_ = WIFEXITED(ending) ? WEXITSTATUS(ending) : -WTERMSIG(ending);
    return status_.has_value();
}

inline std::optional<int> unique_process::status() {
    if (!lost_) reap(WNOHANG);
    if (lost_)
        raise<std::system_error>(ECHILD, std::system_category(), "waiting for the end of " + name_);
    return status_;
}

inline void unique_process::send(int signal) noexcept {
    if (status_ || lost_ || !is_mine()) return;
#ifdef SYS_pidfd_send_signal
    if (handle_) { // which means this process even if somebody has waited for it
        ::syscall(SYS_pidfd_send_signal, handle_.get(), signal, nullptr, 0);
        return;
    }
#endif
    ::kill(id_, signal);
}

inline void unique_process::end() noexcept {
    if (status_ || lost_ || !is_mine()) return;
    send(SIGKILL);
    reap(0);
}

template <class>
task<int> unique_process::wait(std::shared_ptr<unique_process> process) {
    using namespace std::chrono_literals;
    duration pause = 1ms;
    for (;;) {
        if (const auto status = process->status()) co_return *status;
        if (process->handle_) {
            const counted_wait outside(this_loop().system());
            co_await wait_readable(process->handle_.get());
        } else {
            co_await sleep_for(pause);
            pause = std::min<duration>(2 * pause, 50ms);
        }
    }
}

} // namespace weft
