// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>
#include <ostream>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <weft/core/raise.hpp>
#include <weft/core/scheduler.hpp>
#include <weft/coro/join_handle.hpp>
#include <weft/coro/task.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/task_report.hpp>
#include <weft/loop/unique_fd.hpp>
#include <weft/loop/wait_readable.hpp>

/// Looking into a program that runs.
namespace weft::debug {

/// Writes who lives in the loop that runs on this thread, what each waits for, and where: see
/// `task_report`. The one that calls it "runs". Precondition: a loop runs on this thread.
inline void dump_tasks(std::ostream& to) { to << report_tasks(this_loop()); }

/// From now on, and as long as the loop that runs on this thread runs, `signal` makes it write its
/// tasks to standard error:
///
///     weft::debug::dump_on_signal(SIGUSR1);        // kill -USR1 tells why the program hangs
///
/// One loop and one signal in a program; the last call counts. A task that never awaits keeps the
/// loop from answering.
/// Errors  Throws `std::system_error`.
template <class = if_used>
void dump_on_signal(int signal);

// Implementation ------------------------------------------------------------

namespace detail {

inline std::atomic<int> dump_request{-1}; // where the signal handler writes
static_assert(std::atomic<int>::is_always_lock_free);

inline void request_dump(int) noexcept {
    const int saved = errno;
    [[maybe_unused]] const auto size = ::write(dump_request.load(), "", 1);
    errno = saved;
}

/// The pipe through which the handler reaches the loop.
class dump_pipe {
public:
    dump_pipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
            raise<std::system_error>(errno, std::system_category(), "dump_on_signal: pipe2");
        read_ = unique_fd(ends[0]);
        write_ = unique_fd(ends[1]);
    }
    dump_pipe(dump_pipe&&) = delete;
    ~dump_pipe() {
        int own = write_.get();
        dump_request.compare_exchange_strong(own, -1);
    }

    int fd() const noexcept { return read_.get(); }
    /// From now on the handler writes here.
    void listen() const noexcept { dump_request.store(write_.get()); }
    void drain() const noexcept {
        char requests[64];
        while (::read(read_.get(), requests, sizeof requests) > 0) {}
    }

private:
    unique_fd read_;
    unique_fd write_;
};

template <class = if_used>
task<> dump_when_asked(std::unique_ptr<const dump_pipe> requests) {
    for (;;) {
        co_await wait_readable(requests->fd());
        requests->drain();
        std::fputs(report_tasks(this_loop()).c_str(), stderr);
    }
}

} // namespace detail

template <class>
void dump_on_signal(int signal) {
    auto pipe = std::make_unique<const detail::dump_pipe>();
    const auto& requests = *pipe;
    auto answers = this_loop().spawn(detail::dump_when_asked(std::move(pipe)));
    answers.set_name("dump_on_signal");
    struct ::sigaction action {};
    action.sa_handler = detail::request_dump;
    action.sa_flags = SA_RESTART;
    if (::sigaction(signal, &action, nullptr) != 0) {
        const int why = errno;
        answers.cancel();
        raise<std::system_error>(why, std::system_category(), "dump_on_signal: sigaction");
    }
    requests.listen(); // last: one that fails changes nothing
}

} // namespace weft::debug
