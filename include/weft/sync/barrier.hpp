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

/// Holds branches back until a certain number has arrived, then lets them go on together; again and
/// again.
///
/// Order   They go on in the order of their arrival, the last one at once. Who comes later belongs
///         to the next round.
class barrier {
    struct arriving;

public:
    /// Errors  Throws `std::invalid_argument` if `expected` is zero or was a negative number.
    explicit barrier(std::size_t expected) : expected_(expected) {
        if (expected == 0 || expected > PTRDIFF_MAX)
            raise<std::invalid_argument>("barrier: nobody is expected");
    }
    barrier(barrier&&) = delete;

    /// Arrives, and waits for the others. Returns the place among the arrivals of this round: 0 for
    /// the first of those who met, and each number once. So one of them can be told to do
    /// something for all.
    /// Cancel  It has not arrived.
    auto arrive_and_wait() noexcept { return wait_queue::wait<arriving>(this); }

    /// Arrives and will not come again: from now on one less is expected.
    /// Precondition: somebody is expected.
    void arrive_and_drop() noexcept {
        assert(expected_ != 0 && "barrier: everybody has been dropped already");
        --expected_;
        if (waiting_ != 0 && waiting_ >= expected_) release();
    }

private:
    void release() noexcept;

    std::size_t expected_;
    std::size_t waiting_ = 0;
    wait_queue waiters_;
};

// Implementation ------------------------------------------------------------

struct barrier::arriving {
    barrier* at;
    std::size_t index = 0;

    wait_queue& queue() noexcept { return at->waiters_; }
    bool begin() noexcept {
        assert(at->expected_ != 0 && "barrier: everybody has been dropped already");
        if (at->waiting_ + 1 < at->expected_) return false;
        index = at->waiting_;
        at->release();
        return true;
    }
    void waits(branch&) noexcept { ++at->waiting_; }
    std::size_t result() const noexcept { return index; }
    void left() noexcept { --at->waiting_; }
    static constexpr const char* name = "barrier.arrive_and_wait";
};

// Numbers are given out here and not on arrival: one who came first may have been cancelled since.
inline void barrier::release() noexcept {
    for (std::size_t index = 0; !waiters_.empty(); ++index) {
        request_of<arriving>(waiters_.front()).index = index;
        waiters_.wake_one();
    }
    waiting_ = 0;
}

} // namespace weft
