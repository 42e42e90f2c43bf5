// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <concepts>
#include <exception>
#include <utility>

#include <weft/core/branch.hpp>
#include <weft/core/intrusive_list.hpp>
#include <weft/core/raise.hpp>
#include <weft/core/scheduler.hpp>
#include <weft/sync/fair_lock.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft {

/// Lets those who hold a mutex wait for others to change what it protects.
///
///     auto guard = co_await mutex.lock();
///     co_await changed.wait(guard, [&] { return !jobs.empty(); });
///
/// `wait` gives up the lock, waits to be notified, and has the lock again when it returns.
///
/// Order   The oldest waiter is notified first, then queues for the lock like everybody.
/// Cancel  A waiter that is cancelled, also while it waits for the lock again, leaves its guard
///         without the lock: the destructors of its frame run unprotected, and so does what follows
///         `try_for(1s, changed.wait(guard))` when the time was not enough: see
///         `guard.owns_lock()`, and lock again. A notification that hit it goes to the next waiter.
class condition_variable {
    struct waiting;
    template <class Predicate>
    struct waiting_until;

public:
    condition_variable() = default;
    condition_variable(condition_variable&&) = delete;

    /// Waits to be notified.
    /// Lifetime  `guard` must stay where it is until then. Precondition: it owns the lock.
    auto wait(lock_guard& guard) noexcept { return wait_queue::wait<waiting>(this, &guard); }

    /// Waits until `until()`, which is called with the lock held: at once, and after notifications.
    /// Errors  What `until` throws is rethrown, with the lock held.
    template <std::predicate Predicate>
    auto wait(lock_guard& guard, Predicate until) {
        return wait_queue::wait<waiting_until<Predicate>>(this, &guard, std::move(until));
    }

    void notify_one() noexcept {
        if (!waiters_.empty()) waiters_.wake_one();
    }
    void notify_all() noexcept {
        notifies_all_ = true;
        waiters_.wake_all();
        notifies_all_ = false;
    }

private:
    struct owed;

    bool notifies_all_ = false;
    wait_queue waiters_;
    // Who was notified alone and has not returned: if he never does, somebody else is notified.
    intrusive_list<waiting, owed> notified_;
};

// Implementation ------------------------------------------------------------

struct condition_variable::waiting : list_hook<owed> {
    waiting(condition_variable* to_notify, lock_guard* to_return) noexcept
        : notifier(to_notify), guard(to_return) {}

    wait_queue& queue() noexcept { return locking ? lock->waiters() : notifier->waiters_; }

    bool begin() const noexcept {
        assert(guard->owns_lock() && "condition_variable.wait without the lock");
        return false;
    }
    void waits(branch&) noexcept {
        lock = std::exchange(guard->lock_, nullptr);
        owner = lock->owner();
        lock->unlock();
    }

    void proceed(branch& self, wait_queue::entry& entry) noexcept {
        if (has_lock(self, entry)) self.go_on();
    }

    void result() noexcept {
        unlink();
        guard->lock_ = lock;
    }
    void serve_others() noexcept {
        if (!locking) return;
        lock->waiter_left();
        pass_on();
    }
    void give_back() noexcept {
        if (!lock) return; // it was never given up
        lock->unlock();
        pass_on();
    }
    static constexpr const char* name = "condition_variable.wait";

protected:
    // Called when it was notified, and again if it had to queue for the lock.
    bool has_lock(branch& self, wait_queue::entry& entry) noexcept {
        if (!locking) {
            locking = true;
            if (!notifier->notifies_all_) notifier->notified_.push_back(*this);
            if (!lock->try_lock(owner)) {
                lock->waiters().wait_again(self);
                return false;
            }
            lock->waiters().keep(entry);
        }
        lock->set_owner(owner); // the guard's, who need not be who waits here
        return true;
    }

    void wait_again(branch& self, wait_queue::entry& entry) noexcept {
        unlink();
        locking = false;
        entry.unlink();
        notifier->waiters_.wait_again(self);
        lock->unlock();
    }

    condition_variable* notifier;
    lock_guard* guard;
    fair_lock* lock = nullptr; // that was given up
    branch* owner = nullptr;
    bool locking = false; // notified

private:
    void pass_on() noexcept {
        if (!is_linked()) return;
        unlink();
        notifier->notify_one();
    }
};

/// The predicate is called in a turn of the waiter's own: never from inside of `notify_one`, and
/// not by a frame, which this operation may not have.
template <class Predicate>
struct condition_variable::waiting_until : waiting {
    waiting_until(condition_variable* to_notify, lock_guard* to_return, Predicate until)
        : waiting(to_notify, to_return), predicate_(std::move(until)) {}

    bool begin() noexcept {
        assert(guard->owns_lock() && "condition_variable.wait without the lock");
        return !std::exchange(asked_, true) && is_true();
    }

    void proceed(branch& self, wait_queue::entry& entry) noexcept {
        if (!has_lock(self, entry)) return;
        evaluation_.self = &self;
        evaluation_.entry = &entry;
        self.loop().enqueue(evaluation_);
    }

    void result() {
        if (lock) waiting::result();
        if (error_) std::rethrow_exception(error_);
    }
    void give_back() noexcept {
        evaluation_.leave_queue();
        waiting::give_back();
    }

private:
    struct evaluation : runnable {
        explicit evaluation(waiting_until& of) noexcept : wait(of) {}
        void run() noexcept override { wait.evaluate(*self, *entry); }

        waiting_until& wait;
        branch* self = nullptr;
        wait_queue::entry* entry = nullptr;
    };

    bool is_true() noexcept {
        bool result = true;
        guarded([&] { result = predicate_(); },
                [&](std::exception_ptr error) { error_ = std::move(error); });
        return result;
    }

    void evaluate(branch& self, wait_queue::entry& entry) noexcept {
        this_execution.current = &self;
        const bool result = is_true();
        this_execution.current = nullptr;
        if (!entry.is_linked()) return; // the predicate has cancelled its own branch
        if (result)
            self.ready_next();
        else
            wait_again(self, entry);
    }

    Predicate predicate_;
    bool asked_ = false;
    std::exception_ptr error_;
    evaluation evaluation_{*this};
};

} // namespace weft
