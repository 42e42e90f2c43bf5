// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <utility>

#include <weft/core/branch.hpp>
#include <weft/core/error.hpp>
#include <weft/core/raise.hpp>
#include <weft/sync/fair_lock.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft {

/// Holds a `shared_mutex` together with others; gives it up when it is destroyed.
///
/// Lifetime  The mutex must outlive it.
class [[nodiscard]] shared_guard {
public:
    explicit shared_guard(fair_lock& held) noexcept : lock_(&held) {}
    shared_guard(shared_guard&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)) {}
    shared_guard& operator=(shared_guard&& other) noexcept {
        if (this != &other) {
            unlock();
            lock_ = std::exchange(other.lock_, nullptr);
        }
        return *this;
    }
    ~shared_guard() { unlock(); }

    /// Gives it up now. No effect the second time.
    void unlock() noexcept {
        if (lock_) std::exchange(lock_, nullptr)->unshare();
    }
    bool owns_lock() const noexcept { return lock_ != nullptr; }

private:
    fair_lock* lock_;
};

namespace detail {

/// Waits for a lock, to share it.
struct sharing {
    fair_lock* lock;
    bool holds_it_alone = false;

    wait_queue& queue() noexcept { return lock->waiters(); }
    bool begin() noexcept {
        if (lock->try_share()) return true;
        holds_it_alone = lock->owner() == this_execution.current;
        return holds_it_alone;
    }
    void waits(branch& self) noexcept { self.set(wait_queue::shares_flag); }
    shared_guard result() {
        if (holds_it_alone)
            raise<deadlock_error>("shared_mutex.lock_shared: the caller holds it alone");
        return shared_guard(*lock);
    }
    void give_back() noexcept {
        if (!holds_it_alone) lock->unshare();
    }
    void serve_others() noexcept { lock->waiter_left(); }
    branch* holder() const noexcept { return lock->owner(); }
    static constexpr const char* name = "shared_mutex.lock_shared";
};

} // namespace detail

/// A mutex that any number of readers share, or one writer holds.
///
/// Order   One queue for both: a reader waits behind a writer that came before, and readers that
///         stand next to each other in the queue are let in together. Nobody starves.
/// Errors  As `mutex`: `deadlock_error` for a branch that holds it alone and asks again. A reader
///         that wants to write has to give up its guard first, or waits for itself.
class shared_mutex {
public:
    shared_mutex() = default;
    shared_mutex(shared_mutex&&) = delete;

    auto lock() noexcept { return wait_queue::wait<detail::locking>(&lock_); }
    auto lock_shared() noexcept { return wait_queue::wait<detail::sharing>(&lock_); }

    std::optional<lock_guard> try_lock() noexcept {
        if (!lock_.try_lock(this_execution.current)) return std::nullopt;
        return std::optional<lock_guard>(std::in_place, lock_);
    }
    std::optional<shared_guard> try_lock_shared() noexcept {
        if (!lock_.try_share()) return std::nullopt;
        return std::optional<shared_guard>(std::in_place, lock_);
    }

    /// The branch that holds it alone; null if none does, or its guard has been moved since.
    branch* owner() const noexcept { return lock_.owner(); }

private:
    fair_lock lock_;
};

} // namespace weft
