// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cassert>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <signal.h>
#include <unistd.h>

#include <weft/core/error.hpp>
#include <weft/core/intrusive_list.hpp>
#include <weft/core/raise.hpp>
#include <weft/core/scheduler.hpp>

namespace weft {

/// Threads that run what is put into one queue, in order.
///
/// A thread is started when there is more to do than threads that have nothing to do, up to a
/// limit. From then on it sleeps while the queue is empty. Signals are delivered to other threads
/// of the process: these block all but those that a thread causes itself, such as SIGSEGV, and the
/// profiler's.
///
/// Ownership  Shared with what is put in, which may be withdrawn however late.
/// Lifetime   `close` it before the last owner goes.
/// Threads    Any; `close`: one that is not of these.
class worker_threads : public std::enable_shared_from_this<worker_threads> {
public:
    explicit worker_threads(std::size_t most) noexcept : most_(std::max<std::size_t>(most, 1)) {}
    worker_threads(worker_threads&&) = delete;

    /// Waits for the end of what has begun; what has not is discarded. Nothing is put in any more.
    void close();

    /// Has `item.run()` called by a thread.
    /// Errors    Throws `std::system_error` if there is no thread and none can be started; `error`
    ///           (errc::closed) in the child of a fork, where the threads are not.
    /// Lifetime  `item` must live until it has run, was discarded or withdrawn.
    void submit(runnable& item);

    /// Takes `item` back. Returns false if it has begun.
    bool withdraw(runnable& item) noexcept;

    /// How many threads there are at most.
    std::size_t limit() const noexcept { return most_; }

    /// This is the copy in the child of a fork: it can only be leaked.
    bool is_copied_by_fork() const noexcept { return process_ != ::getpid(); }

private:
    void start_thread();
    void work() noexcept;

    std::mutex mutex_;
    std::condition_variable changed_;
    intrusive_list<runnable> queue_;
    std::vector<std::thread> threads_;
    std::size_t queued_ = 0;
    std::size_t idle_ = 0;
    std::size_t most_;
    bool closing_ = false;
    ::pid_t process_ = ::getpid();
};

// Implementation ------------------------------------------------------------

inline void worker_threads::close() {
    std::unique_lock lock(mutex_);
    closing_ = true;
    changed_.notify_all();
    lock.unlock();
    for (auto& each : threads_) each.join();
    threads_.clear();
    lock.lock();
    while (!queue_.empty()) {
        auto& next = queue_.pop_front(); // nobody can withdraw it any more
        lock.unlock();
        next.discard();
        lock.lock();
    }
}

inline void worker_threads::submit(runnable& item) {
    if (is_copied_by_fork())
        raise<error>(errc::closed, "a thread pool was used in the child of a fork");
    const std::lock_guard lock(mutex_);
    assert(!closing_ && "a thread pool was used while it is destroyed");
    if (idle_ <= queued_ && threads_.size() < most_)
        guarded([&] { start_thread(); },
                [&](std::exception_ptr error) {
                    // Those that there are will do it, later.
                    if (threads_.empty()) std::rethrow_exception(std::move(error));
                });
    queue_.push_back(item);
    ++queued_;
    changed_.notify_one();
}

inline bool worker_threads::withdraw(runnable& item) noexcept {
    const std::lock_guard lock(mutex_);
    if (!item.is_queued()) return false;
    item.leave_queue();
    --queued_;
    return true;
}

// A thread inherits the mask of whoever starts it.
inline void worker_threads::start_thread() {
    class signals_blocked {
    public:
        signals_blocked() noexcept {
            ::sigset_t all;
            ::sigfillset(&all);
            for (const int own :
                 {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF})
                ::sigdelset(&all, own);
            ::pthread_sigmask(SIG_SETMASK, &all, &before_);
        }
        ~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

    private:
        ::sigset_t before_;
    };
    const signals_blocked here;
    threads_.emplace_back([this] { work(); });
}

inline void worker_threads::work() noexcept {
    std::unique_lock lock(mutex_);
    for (;;) {
        ++idle_;
        changed_.wait(lock, [this] { return closing_ || !queue_.empty(); });
        --idle_;
        if (closing_) return;
        auto& next = queue_.pop_front();
        --queued_;
        lock.unlock();
        next.run();
        lock.lock();
    }
}

} // namespace weft
