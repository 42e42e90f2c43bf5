// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include <weft/core/branch.hpp>
#include <weft/core/raise.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft {

/// A count that goes down to zero, once: those who wait for that are then woken.
///
/// Source  C++20 [thread.latch].
class latch {
    struct waiting;

public:
    /// Errors  Throws `std::invalid_argument` if `expected` was a negative number.
    explicit latch(std::size_t expected) : count_(expected) {
        if (expected > PTRDIFF_MAX) raise<std::invalid_argument>("latch: a negative count");
    }
    latch(latch&&) = delete;

    /// Precondition: `n` is not more than what is left.
    void count_down(std::size_t n = 1) noexcept {
        assert(n <= count_ && "latch: counted below zero");
        count_ = n < count_ ? count_ - n : 0;
        if (count_ == 0) waiters_.wake_all();
    }

    /// Whether the count is zero.
    bool try_wait() const noexcept { return count_ == 0; }

    /// Waits until the count is zero.
    auto wait() noexcept { return wait_queue::wait<waiting>(this, false); }

    /// Counts down by one and waits.
    /// Cancel  Takes that back: the count goes up again.
    auto arrive_and_wait() noexcept { return wait_queue::wait<waiting>(this, true); }

private:
    std::size_t count_;
    wait_queue waiters_;
};

// Implementation ------------------------------------------------------------

struct latch::waiting {
    latch* at;
    bool arrives;

    wait_queue& queue() noexcept { return at->waiters_; }
    bool begin() noexcept {
        assert(!(arrives && at->count_ == 0) && "latch: counted below zero");
        if (arrives && at->count_ == 1) at->count_down();
        return at->count_ == 0;
    }
    void waits(branch&) noexcept {
        if (arrives) --at->count_;
    }
    void result() const noexcept {}
    void left() noexcept {
        if (arrives) ++at->count_;
    }
    static constexpr const char* name = "latch.wait";
};

} // namespace weft
