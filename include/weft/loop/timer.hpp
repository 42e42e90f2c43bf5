// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <weft/core/intrusive_list.hpp>

namespace weft {

/// Something that happens at a deadline, unless it is disarmed before.
///
/// Embed it in the operation that waits; a `timer_queue` links it.
///
/// Lifetime  Destroying an armed timer disarms it. A timer may outlive its queue.
class timer : private list_hook<timer> {
public:
    using fire_function = void (*)(timer&) noexcept;

    /// `fire` is called at the deadline. The timer is disarmed by then: `fire` may arm it again,
    /// or destroy it. `deadline` is what it will be armed with, if that is known already.
    explicit timer(fire_function fire, std::int64_t deadline = 0) noexcept
        : deadline_(deadline), fire_(fire) {}

    bool armed() const noexcept { return is_linked(); }
    bool fires_by(fire_function fire) const noexcept { return fire_ == fire; }

    /// Returns the deadline it was last armed with, in nanoseconds; else that of its constructor.
    std::int64_t deadline() const noexcept { return deadline_; }

    /// Leaves the queue in constant time. Does nothing to a timer that is not armed.
    void disarm() noexcept { unlink(); }

private:
    friend class timer_list;
    friend class timer_queue;
    friend class intrusive_list<timer, timer>;

    // Both ends of what lists have to do with: it may lie across two lines of the cache.
    void prefetch_ahead() const noexcept {
        __builtin_prefetch(reinterpret_cast<const void*>(ahead_));
        __builtin_prefetch(reinterpret_cast<const void*>(ahead_ + 31));
    }

    // A timer further down the list, if that still exists: to prefetch, never to read. Without it,
    // walking a long list waits for memory at each step: 80 % of the time of a million timers.
    std::uintptr_t ahead_ = 0; // an address
    std::int64_t deadline_;
    fire_function fire_;
};

} // namespace weft
