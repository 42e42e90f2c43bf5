// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>

#include <weft/loop/poll_reactor.hpp>

namespace weft {

/// A reactor with a clock of its own, for tests and for programs whose time is not the system's,
/// such as games. Descriptors and `wake` work as ever.
///
/// `wait` does not block, and returns false if nothing happened and the deadline is not reached;
/// while there is outside work it blocks until that reports. A clock that *jumps* goes to the
/// deadline instead of returning false, if there is one.
class manual_reactor final : public poll_reactor {
public:
    enum class clock { advances, jumps };

    explicit manual_reactor(clock kind = clock::advances) : jumps_(kind == clock::jumps) {}

    std::int64_t now() const noexcept override { return now_; }
    bool is_real_time() const noexcept override { return false; }

    /// Moves the clock by `nanoseconds`, but not beyond the end of time.
    /// Precondition: not negative.
    void advance(std::int64_t nanoseconds) noexcept override {
        assert(nanoseconds >= 0);
        now_ = nanoseconds > never - now_ ? never : now_ + nanoseconds;
    }

    inline bool wait(std::int64_t deadline) override;

    void wake() noexcept override {
        woken_.store(true, std::memory_order_release);
        poll_reactor::wake();
    }

private:
    std::int64_t now_ = 0;
    bool jumps_;
    std::atomic<bool> woken_{false};
};

// Implementation ------------------------------------------------------------

inline bool manual_reactor::wait(std::int64_t deadline) {
    const bool due = deadline <= now_;
    const bool block = outside_work() != 0 && !due;
    // A jump should cost no system call where there is nothing to ask for.
    // Nor an exchange where nobody called: it would wait for all that was written before it.
    const bool woken = woken_.load(std::memory_order_relaxed) &&
                       woken_.exchange(false, std::memory_order_acquire);
    const bool served =
        (woken || block || !idle()) && wait_until(block && !woken ? never : immediately) != 0;
    if (woken || served || due) return true;
    if (!jumps_ || deadline == never) return false;
    now_ = deadline;
    return true;
}

} // namespace weft
