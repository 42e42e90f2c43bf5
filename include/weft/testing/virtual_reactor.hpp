// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cassert>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <semaphore.h>

#include <weft/core/intrusive_list.hpp>
#include <weft/loop/reactor.hpp>
#include <weft/loop/readiness.hpp>
#include <weft/testing/no_faults.hpp>

namespace weft::testing {

namespace detail {
struct waiting_for_quiet;
}

/// Somebody who waits until nothing can run before time passes.
class quiet_waiter : public list_hook<detail::waiting_for_quiet> {
public:
    virtual void quiet() noexcept = 0;

protected:
    ~quiet_waiter() = default;
};

/// A reactor without a system: its clock jumps, and its descriptors exist only in the
/// `system_calls` that it is given, which `report` their changes.
///
/// Threads  It blocks only while work outside of the loop is under way.
class virtual_reactor final : public reactor {
public:
    virtual_reactor() { ::sem_init(&wakes_, 0, 0); }
    ~virtual_reactor() override { ::sem_destroy(&wakes_); }

    std::int64_t now() const noexcept override { return now_; }
    bool is_real_time() const noexcept override { return false; }
    void advance(std::int64_t nanoseconds) noexcept override {
        assert(nanoseconds >= 0);
        now_ = nanoseconds > never - now_ ? never : now_ + nanoseconds;
    }
    inline bool wait(std::int64_t deadline) override;
    void wake() noexcept override {
        if (!woken_.exchange(true, std::memory_order_acq_rel)) ::sem_post(&wakes_);
    }

    /// Says that `what` has just come true of `fd`: who waits for it goes on.
    void report(int fd, readiness what) noexcept {
        auto* const which = find(fd);
        if (!which || !which->in_use()) return;
        collect(*which, what);
        deliver();
    }

    /// Reports what holds of `fd` then, in the next turn, as if it had just come true.
    void report_again(int fd) {
        const no_faults scope;
        armed_.push_back(fd);
    }

    /// Calls `waiter.quiet()` when nothing is left to do but to let time pass.
    void when_quiet(quiet_waiter& waiter) noexcept { quiet_.push_back(waiter); }
    /// Does so now. Returns whether anybody waited.
    bool tell_quiet() noexcept {
        if (quiet_.empty()) return false;
        while (!quiet_.empty()) quiet_.pop_front().quiet();
        return true;
    }

private:
    // What holds when somebody begins to wait is reported too, but not before it does.
    int arm(const descriptor& which, bool) noexcept override {
        const no_faults scope;
        const auto now = calls().ready_now(which.fd, which.armed);
        if (any(now & readiness::closed)) return EBADF;
        if (any(now)) armed_.push_back(which.fd);
        return 0;
    }
    void disarm(const descriptor&) noexcept override {}

    bool report_armed() noexcept {
        if (armed_.empty()) return false;
        std::swap(armed_, reported_);
        for (const int fd : reported_)
            if (auto* which = find(fd); which && which->in_use())
                collect(*which, calls().ready_now(fd, which->armed));
        reported_.clear();
        return deliver() != 0;
    }

    std::int64_t now_ = 0;
    std::vector<int> armed_;
    std::vector<int> reported_;
    intrusive_list<quiet_waiter, detail::waiting_for_quiet> quiet_;
    std::atomic<bool> woken_{false};
    ::sem_t wakes_;
};

// Implementation ------------------------------------------------------------

inline bool virtual_reactor::wait(std::int64_t deadline) {
    const bool served = report_armed();
    for (;;) {
        const bool woken = woken_.exchange(false, std::memory_order_acq_rel);
        if (woken) ::sem_wait(&wakes_); // never blocks: it was posted, or is about to be
        if (woken || served || deadline <= now_) return true;
        if (outside_work() == 0) break;
        while (::sem_wait(&wakes_) != 0) {} // a signal
        ::sem_post(&wakes_);
    }
    if (tell_quiet()) return true;
    if (deadline == never) return false;
    now_ = deadline;
    return true;
}

} // namespace weft::testing
