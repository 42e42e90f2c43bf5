// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <mutex>

#include <weft/core/intrusive_list.hpp>
#include <weft/core/scheduler.hpp>
#include <weft/loop/reactor.hpp>

namespace weft {

/// The door through which other threads reach a loop. Shared by the loop and all who may want to
/// reach it, so that it outlives the loop and can say that it is gone.
///
/// Order    What was pushed first is taken first.
/// Threads  `push`, `wake`, `wake_after` and `empty`: any. The rest: the loop's.
class inbox {
public:
    explicit inbox(reactor& owner) noexcept : reactor_(&owner) {}
    inbox(inbox&&) = delete;

    /// Leaves `item` for the loop and wakes it. Returns false if the loop is gone.
    /// Lifetime  `item` must live until it is taken.
    bool push(runnable& item) noexcept {
        const std::lock_guard lock(mutex_);
        if (!reactor_) return false;
        items_.push_back(item);
        // Under the lock, or the reactor might be gone. Whoever finds items here already has
        // been preceded by somebody who woke the loop.
        if (!pending_.exchange(true, std::memory_order_relaxed)) reactor_->wake();
        return true;
    }

    /// A hint that costs no lock. What it misses is followed by a `wake`.
    bool empty() const noexcept { return !pending_.load(std::memory_order_relaxed); }

    /// Moves all there is behind what `into` holds.
    void take(intrusive_list<runnable>& into) noexcept {
        const std::lock_guard lock(mutex_);
        pending_.store(false, std::memory_order_relaxed);
        into.append(items_);
    }

    /// Wakes the loop without leaving anything.
    void wake() noexcept {
        wake_after([] {});
    }
    /// Calls `f()`, by which the loop may learn that it is to end, and wakes it. The loop does not
    /// get beyond `close` meanwhile.
    template <class F>
    void wake_after(F f) noexcept {
        const std::lock_guard lock(mutex_);
        f();
        if (reactor_) reactor_->wake();
    }

    /// Takes `item` out again, if it is still here.
    void withdraw(runnable& item) noexcept {
        const std::lock_guard lock(mutex_);
        item.leave_queue();
    }

    /// The loop is gone from now on; hands over what will never run.
    void close(intrusive_list<runnable>& left) noexcept {
        const std::lock_guard lock(mutex_);
        reactor_ = nullptr;
        pending_.store(false, std::memory_order_relaxed);
        left.append(items_);
    }

private:
    std::mutex mutex_;
    intrusive_list<runnable> items_;
    reactor* reactor_; // null: the loop is gone
    std::atomic<bool> pending_{false};
};

} // namespace weft
