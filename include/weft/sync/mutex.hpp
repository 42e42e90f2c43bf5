// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <utility>

#include <weft/core/branch.hpp>
#include <weft/core/error.hpp>
#include <weft/core/raise.hpp>
#include <weft/sync/fair_lock.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft {

/// Holds a `mutex`, or a `shared_mutex` alone; gives it up when it is destroyed.
///
/// Lifetime  The mutex must outlive it.
class [[nodiscard]] lock_guard {
public:
    explicit lock_guard(fair_lock& held) noexcept : lock_(&held) {}
    lock_guard(lock_guard&& other) noexcept : lock_(other.moved()) {}
    lock_guard& operator=(lock_guard&& other) noexcept {
        if (this != &other) {
            unlock();
            lock_ = other.moved();
        }
        return *this;
    }
    ~lock_guard() {
        if (lock_) lock_->unlock();
    }

    /// Gives it up now: to the oldest waiter. No effect the second time.
    void unlock() noexcept {
        if (lock_) std::exchange(lock_, nullptr)->unlock();
    }
    bool owns_lock() const noexcept { return lock_ != nullptr; }

private:
    friend class condition_variable;

    // Who moves it may hand it to another branch: better no owner than the wrong one.
    fair_lock* moved() noexcept {
        if (lock_) lock_->set_owner(nullptr);
        return std::exchange(lock_, nullptr);
    }

    fair_lock* lock_;
};

namespace detail {

/// Waits for a lock, to hold it alone.
struct locking {
    explicit locking(fair_lock* wanted) noexcept : lock(wanted) {}

    fair_lock* lock;
    bool holds_it_already; // since `begin`

    wait_queue& queue() noexcept { return lock->waiters(); }
    bool begin_at_once() noexcept { return lock->try_lock(this_execution.current); }
    bool begin() noexcept {
        const bool is_free = begin_at_once();
        holds_it_already = !is_free && lock->owner() == this_execution.current;
        return is_free || holds_it_already;
    }
    lock_guard result_at_once() noexcept { return lock_guard(*lock); }
    lock_guard result() {
        if (holds_it_already) raise<deadlock_error>("mutex.lock: the caller holds it already");
        return lock_guard(*lock);
    }
    void give_back() noexcept {
        if (!holds_it_already) lock->unlock();
    }
    void serve_others() noexcept { lock->waiter_left(); }
    branch* holder() const noexcept { return lock->owner(); }
    static constexpr const char* name = "mutex.lock";
};

} // namespace detail

/// Lets one branch at a time do something that takes several awaits. Between two awaits nobody else
/// runs, so that needs no mutex.
///
///     auto guard = co_await mutex.lock();
///     co_await weft::write_all(socket, head);
///     co_await weft::write_all(socket, body);  // nobody writes in between
///
/// Order   First come, first served: handed to the oldest waiter by whoever gives it up, who goes
///         to the end of the queue if he wants it again.
class mutex {
public:
    mutex() = default;
    mutex(mutex&&) = delete;

    /// Waits until it is free and returns the guard that holds it.
    /// Errors  Throws `deadlock_error` if the branch that asks holds it: it is not recursive. A
    ///         guard that was moved is taken to be anybody's; who waits for that one, waits.
    auto lock() noexcept { return wait_queue::wait<detail::locking>(&lock_); }

    std::optional<lock_guard> try_lock() noexcept {
        if (!lock_.try_lock(this_execution.current)) return std::nullopt;
        return std::optional<lock_guard>(std::in_place, lock_);
    }

    /// The branch that locked it; null if it is free, or its guard has been moved since.
    branch* owner() const noexcept { return lock_.owner(); }

private:
    fair_lock lock_;
};

} // namespace weft
