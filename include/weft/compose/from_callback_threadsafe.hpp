// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <mutex>
#include <utility>

#include <weft/compose/completer.hpp>
#include <weft/compose/from_callback.hpp>
#include <weft/core/prepared.hpp>
#include <weft/core/scheduler.hpp>
#include <weft/loop/event_loop.hpp>

namespace weft {

/// A completer whose functions may be called from any thread. A `set_` that returns true has been
/// accepted: the waiter gets it, also if it is cancelled meanwhile. A drop discards it.
template <class T>
class threadsafe_completer : public completer<T> {
public:
    using completer<T>::completer;

    static threadsafe_completer from(void* released) noexcept {
        return threadsafe_completer(static_cast<completion<T>*>(released));
    }
};

/// The state of a completer that is used by several threads.
template <class T>
class threadsafe_completion_state final : public completion<T>, private runnable {
public:
    using handle = threadsafe_completer<T>;

    explicit threadsafe_completion_state(completion_waiter<T>& waiter, scheduler& loop)
        : waiter_(&waiter), loop_(static_cast<event_loop&>(loop).handle()) {}

    void keep() noexcept override {
        const std::lock_guard lock(mutex_);
        ++uses_;
    }
    void release() noexcept override {
        mutex_.lock();
        const auto left = --uses_;
        const bool abandoned = left == 1 && waiter_ && !accepted_;
        if (abandoned) ++uses_; // until it is told
        mutex_.unlock();
        if (left == 0) delete this;
        if (!abandoned) return;
        complete(no_completion<T>());
        release();
    }
    bool complete(outcome<T>&& result) noexcept override {
        {
            const std::lock_guard lock(mutex_);
            if (!waiter_ || accepted_) return false;
            accepted_ = true;
            guarded([&] { result_ = std::move(result); },
                    [&](std::exception_ptr error) { result_.set_error(std::move(error)); });
            ++uses_; // the loop's
        }
        if (loop_.enqueue_threadsafe(*this)) return true;
        release(); // it is gone
        return false;
    }
    /// From now on it is too late. Returns false if something had been accepted.
    bool refuse() noexcept {
        const std::lock_guard lock(mutex_);
        return !accepted_ && std::exchange(waiter_, nullptr);
    }
    /// The waiter leaves. Returns whether nothing had been accepted for it.
    bool detach() noexcept {
        mutex_.lock();
        const bool waited = std::exchange(waiter_, nullptr) && !accepted_;
        mutex_.unlock();
        release();
        return waited;
    }

private:
    // It travels into the loop itself: that needs no memory, and so cannot fail.
    void run() noexcept override {
        deliver();
        release();
    }
    void discard() noexcept override { release(); }

    void deliver() noexcept {
        mutex_.lock();
        auto* waiter = std::exchange(waiter_, nullptr);
        mutex_.unlock();
        if (waiter) waiter->completed(std::move(result_));
    }

    std::mutex mutex_;
    completion_waiter<T>* waiter_;
    outcome<T> result_;
    loop_handle loop_;
    unsigned uses_ = 2;
    bool accepted_ = false;
};

/// As `from_callback`, for callbacks that come from other threads.
/// A clock that is not the system's does not wait for them; wrap those in `to_thread`.
/// Threads  `initiate` is called on the loop's thread; the completer may be used, copied and
///          destroyed on any.
template <class T, std::invocable<threadsafe_completer<T>> F>
auto from_callback_threadsafe(F initiate) {
    return prepared<callback_operation<T, threadsafe_completion_state<T>, F, leave_it>, F,
                    leave_it>(std::move(initiate), {});
}

/// The same, and `on_cancel()` is called, on the loop's thread, if the wait ends before a completer
/// was accepted, by a cancel or by a drop.
template <class T, std::invocable<threadsafe_completer<T>> F, std::invocable C>
auto from_callback_threadsafe(F initiate, C on_cancel) {
    return prepared<callback_operation<T, threadsafe_completion_state<T>, F, C>, F, C>(
        std::move(initiate), std::move(on_cancel));
}

} // namespace weft
