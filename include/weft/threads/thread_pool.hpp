// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <thread>
#include <utility>

#include <weft/threads/thread_call.hpp>
#include <weft/threads/worker_threads.hpp>

namespace weft {

/// Threads for calls that block or compute: at most so many at a time.
///
///     weft::thread_pool disk(2);
///     auto text = co_await disk.run(read_whole_file, path);
///
/// Calls begin in the order in which they were awaited. Threads are started when they are needed
/// and then kept; one that has nothing to do sleeps. Signals go to the other threads.
///
/// Ownership  The destructor waits for the calls that have begun; who waits for one that has not
///            gets an `error` (errc::closed).
/// Threads    Any number of loops may use one pool.
class thread_pool {
public:
    explicit thread_pool(std::size_t threads)
        : threads_(std::make_shared<worker_threads>(threads)) {}
    thread_pool(thread_pool&&) = delete;
    ~thread_pool() {
        // The child of a fork has a copy of this, but none of the threads: nobody to wait for, and
        // locks that nobody will ever let go.
        if (threads_->is_copied_by_fork())
            new auto(threads_);
        else
            threads_->close();
    }

    /// Calls `f(args...)` on a thread of this pool: see `to_thread`.
    template <class F, class... Args>
        requires thread_callable<F, Args...>
    auto run(F f, Args... args) {
        return call_on<begun_call::is_waited_for>(*threads_, std::move(f), std::move(args)...);
    }

    /// As `run`, but a cancel does not wait: see `to_thread_abandon`.
    template <class F, class... Args>
        requires thread_callable<F, Args...>
    auto run_abandon(F f, Args... args) {
        return call_on<begun_call::is_abandoned>(*threads_, std::move(f), std::move(args)...);
    }

    /// How many calls run at a time, at most.
    std::size_t size() const noexcept { return threads_->limit(); }

private:
    std::shared_ptr<worker_threads> threads_; // shared with the calls
};

/// The pool of this process, which `to_thread` uses: as many threads as there are cores and four
/// more, but 32 at most; none before the first call.
///
/// At the exit of the process it waits for the calls that have begun, abandoned ones too.
/// The child of a fork has the pool but not its threads, and gets an error: make one there.
inline thread_pool& default_thread_pool() {
    static thread_pool pool(
        std::min<std::size_t>(32, std::size_t{std::thread::hardware_concurrency()} + 4));
    return pool;
}

} // namespace weft
