// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include <weft/loop/timer.hpp>
#include <weft/loop/timer_list.hpp>

namespace weft {

/// Timers in the order of their deadlines; among equal deadlines, in the order of arming.
///
/// Deadlines are absolute, in integer nanoseconds of any clock, and kept exactly: every
/// `std::int64_t` is valid. Arming and disarming take constant time. Nothing is allocated.
///
/// Most timers are time-outs that are disarmed long before they are due, so timers are sorted only
/// when their turn comes near: they wait in the unsorted list of an interval of time, and when the
/// earliest interval holds more than a few of them, it is divided into 64. Thus a timer moves to
/// another list about three times if there are a million of them. Lists that happen to be sorted,
/// such as time-outs of equal length, are left as they are.
///
/// Source  Tang, Goh and Thng 2005, "Ladder queue".
class timer_queue {
public:
    /// Is told that the turn of `t` comes near, as a rule at two distances: it is among the next
    /// few hundred, or with `next` among the next few. To prefetch what its `fire` will touch:
    /// that is in no cache if timers are many, and to wait for it takes longer than all the rest.
    using expect_function = void (*)(const timer& t, bool next) noexcept;

    explicit timer_queue(expect_function expect = [](const timer&, bool) noexcept {}) noexcept
        : expect_(expect) {
        for (std::size_t i = 0; i != max_depth; ++i) ladder_[i] = &rungs_[i];
    }
    timer_queue(timer_queue&&) = delete;
    ~timer_queue() = default; // disarms the timers that are left

    /// Makes `t` fire in the first `expire(now)` with `now >= deadline`. Disarms it first if it
    /// is armed; it then counts as armed last.
    void arm(timer& t, std::int64_t deadline) noexcept;

    bool empty() noexcept { return near_.empty() && (depth_ == 0 || !find_earliest()); }

    /// Returns the earliest deadline; nothing if no timer is armed. Not const: it sorts.
    std::optional<std::int64_t> next_deadline() noexcept;

    /// Disarms and fires, in order, the timers whose deadline is `now` or earlier. Returns how
    /// many there were.
    ///
    /// Order  A `fire` function may arm, disarm and destroy timers. One that it disarms does not
    ///        fire, though it be due; one that it arms fires in the next call at the earliest, and
    ///        `next_deadline()` knows of it from the end of this one.
    std::size_t expire(std::int64_t now) noexcept;

private:
    static constexpr std::size_t slot_count = 64; // a bit each in rung::occupied
    static constexpr int slot_bits = 6;
    static constexpr std::size_t max_depth = 8;     // of the ladder; see fold_outermost
    static constexpr std::size_t near_length = 512; // fits into a cache, with what will be touched

    // Time from `bound` to the bound of the next outer rung, in equal slots. What is later than all
    // slots is in the last one.
    struct rung {
        std::int64_t bound = 0;
        std::int64_t start = 0;     // of slot 0
        int shift = 0;              // a slot is 2^shift ns wide
        std::size_t first = 0;      // earlier slots are used up; this one takes what is before it
        std::uint64_t occupied = 0; // slots that may have timers: disarming does not clear the bit
        std::array<timer_list, slot_count> slots;

        timer_list& slot_for(std::int64_t deadline) noexcept;
    };

    void insert(timer& t) noexcept;
    timer* earliest() noexcept;
    timer* find_earliest() noexcept;
    void take_slot(rung& from, std::size_t slot) noexcept;
    void divide_near() noexcept;
    void fold_outermost() noexcept;

    timer_list near_;                         // earlier than every rung
    std::size_t unsorted_ = 0;            // timers added to near_ since it was last sorted
    std::size_t depth_ = 0;               // rungs in use
    std::array<rung*, max_depth> ladder_; // the outermost, which is the latest, comes first
    std::array<rung, max_depth> rungs_;

    expect_function expect_;
    bool firing_ = false;
    std::int64_t now_ = 0; // while firing
    timer_list late_;          // armed while firing, and already due
};

// Implementation ------------------------------------------------------------

inline void timer_queue::arm(timer& t, std::int64_t deadline) noexcept {
    t.disarm();
    t.deadline_ = deadline;
    if (firing_ && deadline <= now_)
        late_.add(t);
    else
        insert(t);
}

inline std::optional<std::int64_t> timer_queue::next_deadline() noexcept {
    if (const timer* t = earliest()) return t->deadline_;
    return std::nullopt;
}

inline std::size_t timer_queue::expire(std::int64_t now) noexcept {
    std::size_t fired = 0;
    firing_ = true;
    now_ = now;
    for (timer* t = earliest(); t != nullptr && t->deadline_ <= now; t = earliest()) {
        t->disarm();
        ++fired;
        t->fire_(*t); // which may destroy it
    }
    firing_ = false;
    while (!late_.empty()) insert(late_.pop_front());
    return fired;
}

inline void timer_queue::insert(timer& t) noexcept {
    for (std::size_t i = 0; i != depth_; ++i) {
        if (t.deadline_ >= ladder_[i]->bound) return ladder_[i]->slot_for(t.deadline_).add(t);
    }
    near_.add(t);
    // Divide a growing list while it is still in the cache: the rest of a burst of timers then goes
    // to a slot at once.
    if (!near_.sorted && ++unsorted_ > 2 * timer_list::short_length) divide_near();
}

inline timer* timer_queue::earliest() noexcept {
    return near_.sorted && !near_.empty() ? &near_.front() : find_earliest();
}

[[gnu::noinline]] inline timer* timer_queue::find_earliest() noexcept {
    for (;;) {
        if (!near_.empty()) {
            if (near_.sorted || near_.sort_if_short()) {
                unsorted_ = 0;
                return &near_.front();
            }
            divide_near();
        }
        if (depth_ == 0) return nullptr;
        rung& inner = *ladder_[depth_ - 1];
        if (inner.occupied == 0) {
            --depth_;
            continue;
        }
        const auto slot = static_cast<std::size_t>(std::countr_zero(inner.occupied));
        if (inner.slots[slot].empty())
            inner.occupied &= inner.occupied - 1;
        else if (inner.slots[slot].sorted &&
                 inner.slots[slot].count > timer_list::short_length)
            return &inner.slots[slot].front();
        else
            take_slot(inner, slot);
    }
}

// Moves the timers of the earliest slot to near_, which is empty.
inline void timer_queue::take_slot(rung& from, std::size_t slot) noexcept {
    constexpr auto latest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    near_.add_all(from.slots[slot]);
    if (near_.count <= timer_list::short_length)
        for (const timer* t = near_.first(); t != nullptr; t = near_.after(*t)) expect_(*t, true);
    from.occupied &= from.occupied - 1;
    from.first = slot + 1;
    const auto start = static_cast<std::uint64_t>(from.start);
    const auto used = std::uint64_t{from.first} << from.shift;
    if (from.first == slot_count || used > latest - start)
        --depth_; // nothing can come after this slot
    else
        from.bound = static_cast<std::int64_t>(start + used);
}

// Moves the timers of near_ to a new rung.
inline void timer_queue::divide_near() noexcept {
    if (depth_ == max_depth) fold_outermost();
    const auto low = near_.low, high = near_.high;
    // If the bounds are exact and two timers differ, no slot gets all; if none do, the slot is
    // sorted; and the bounds of a slot that is filled now are exact: dividing ends.
    const auto range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    const bool expected = near_.count <= near_length;
    rung& inner = *ladder_[depth_++];
    inner.bound = inner.start = low;
    inner.shift = std::max(0, static_cast<int>(std::bit_width(range)) - slot_bits);
    inner.first = 0;
    inner.occupied = 0;
    while (!near_.empty()) {
        timer& t = near_.take_first();
        if (expected) expect_(t, false);
        inner.slot_for(t.deadline_).add(t);
    }
    near_.sorted = true;
    unsorted_ = 0;
}

// Joins the two outermost rungs: the timers of the inner one go to the earliest slot of the outer
// one. They are far away, and divided again when their turn comes.
inline void timer_queue::fold_outermost() noexcept {
    rung& outer = *ladder_[0];
    rung& inner = *ladder_[1];
    outer.bound = inner.bound;
    outer.occupied |= std::uint64_t{1} << outer.first;
    for (timer_list& slot : inner.slots) outer.slots[outer.first].add_all(slot);
    std::rotate(ladder_.begin() + 1, ladder_.begin() + 2, ladder_.end());
    --depth_;
}

inline timer_list& timer_queue::rung::slot_for(std::int64_t deadline) noexcept {
    std::size_t slot = first;
    if (deadline > start) { // it may be earlier after a fold
        const auto distance =
            static_cast<std::uint64_t>(deadline) - static_cast<std::uint64_t>(start);
        slot = std::clamp<std::size_t>(distance >> shift, first, slot_count - 1);
    }
    occupied |= std::uint64_t{1} << slot;
    return slots[slot];
}

} // namespace weft
