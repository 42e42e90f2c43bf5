// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <weft/core/intrusive_list.hpp>
#include <weft/loop/timer.hpp>

namespace weft {

/// A list of timers of which a `timer_queue` is made: it knows whether it happens to be sorted, and
/// can be walked without waiting for memory at each step.
///
/// Order  Timers of equal deadline stay in the order of arming.
class timer_list : public intrusive_list<timer, timer> {
public:
    static constexpr std::size_t short_length = 16; // sorted by insertion

    void add(timer& t) noexcept;
    /// Moves all that are in `other` here. Precondition: no deadline is in both.
    void add_all(timer_list& other) noexcept;
    /// Returns whether it is short, and sorted now.
    bool sort_if_short() noexcept;
    /// Takes the first one out, and prefetches what is some places behind it.
    timer& take_first() noexcept {
        timer& t = pop_front();
        t.prefetch_ahead();
        return t;
    }

    // Of all that were added since it was empty, also of those that were disarmed: to look at the
    // timers would be to wait for memory once more.
    std::int64_t low = 0, high = 0;
    std::uint32_t count = 0;
    bool sorted = true;

private:
    static constexpr int prefetch_distance = 8;

    void link_ahead() noexcept;
};

// Implementation ------------------------------------------------------------

inline void timer_list::add(timer& t) noexcept {
    timer* behind = last();
    if (behind == nullptr) {
        low = high = t.deadline_;
        count = 1;
        sorted = true;
    } else {
        sorted = sorted && (high <= t.deadline_ || behind->deadline_ <= t.deadline_);
        low = std::min(low, t.deadline_);
        high = std::max(high, t.deadline_);
        ++count;
    }
    push_back(t);
    if (!sorted && count % prefetch_distance == 0) link_ahead(); // else it need not be walked
}

// The last ones but eight learn of the last ones: at once, for to get there is to walk.
inline void timer_list::link_ahead() noexcept {
    timer* to = last();
    timer* from = to;
    for (int i = 0; i != prefetch_distance && from != nullptr; ++i) from = before(*from);
    for (int i = 0; i != prefetch_distance && from != nullptr; ++i) {
        from->ahead_ = reinterpret_cast<std::uintptr_t>(to);
        from = before(*from);
        to = before(*to);
    }
}

inline void timer_list::add_all(timer_list& other) noexcept {
    if (other.empty()) return;
    const bool alone = empty();
    sorted = alone && other.sorted;
    low = alone ? other.low : std::min(low, other.low);
    high = alone ? other.high : std::max(high, other.high);
    count = alone ? other.count : count + other.count;
    append(other);
}

inline bool timer_list::sort_if_short() noexcept {
    std::size_t length = 0;
    for (const timer* t = first(); t != nullptr; t = after(*t)) {
        if (++length > short_length) return false;
    }
    for (timer* t = after(front()); t != nullptr;) {
        timer& moving = *t;
        timer* place = &moving; // before which it belongs
        t = after(moving);
        for (timer* p = before(moving); p && p->deadline_ > moving.deadline_; p = before(*p))
            place = p;
        if (place == &moving) continue;
        moving.unlink();
        insert_before(*place, moving);
    }
    return sorted = true;
}

} // namespace weft
