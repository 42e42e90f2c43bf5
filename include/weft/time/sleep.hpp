// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <type_traits>

#include <weft/core/operation.hpp>
#include <weft/core/prepared.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/loop_clock.hpp>
#include <weft/loop/timed_operation.hpp>

namespace weft {

/// Rounds `d` up to nanoseconds; what is too long for them becomes the longest there is, and what
/// is no number (NaN) the shortest, which is over at once.
template <class Rep, class Period>
constexpr duration to_duration(std::chrono::duration<Rep, Period> d) noexcept;

/// The moment `d` from now on this loop's clock, or the end of time. Reads the clock.
template <class Rep, class Period>
time_point deadline_after(std::chrono::duration<Rep, Period> d) noexcept;

/// Waits for a point in time. A duration counts from the construction, on the clock of the loop
/// that runs then.
class sleep_operation final : public operation<sleep_operation, timed_operation> {
public:
    explicit sleep_operation(time_point deadline) noexcept
        : operation(deadline.time_since_epoch().count()) {}
    explicit sleep_operation(duration length) noexcept
        : sleep_operation(after(this_loop().now(), length)) {}

    void start(branch& waiter) noexcept {
        static_cast<event_loop&>(waiter.loop()).arm(*this, deadline());
    }
    bool withdraw() noexcept override {
        disarm();
        return true;
    }
    void await_resume() const noexcept {}
    const char* describe() const noexcept override { return "sleep"; }
    time_point deadline() const noexcept { return time_point(duration(timer::deadline())); }

    static constexpr time_point after(time_point now, duration length) noexcept {
        return length > time_point::max() - now ? time_point::max() : now + length;
    }
};

/// Waits for `d`: at least that long, and not at all longer in a simulation.
///
/// Zero and negative durations wait until the next turn; they are never ahead of what is ready.
/// Order   Sleepers of one deadline wake in the order in which they went to sleep.
/// Cancel  Ends it; nothing is lost.
// By reference, because g++ keeps in the frame what is copied for an argument.
template <class Rep, class Period>
auto sleep_for(const std::chrono::duration<Rep, Period>& d) noexcept {
    return prepared<sleep_operation, duration>(to_duration(d));
}

/// Waits until `deadline`, as `sleep_for`.
inline auto sleep_until(time_point deadline) noexcept {
    return prepared<sleep_operation, time_point>(deadline);
}

// Implementation ------------------------------------------------------------

template <class Rep, class Period>
constexpr duration to_duration(std::chrono::duration<Rep, Period> d) noexcept {
    using wide = std::chrono::duration<long double, duration::period>;
    const wide length = d;
    if (!(length > wide(duration::min()))) return duration::min();
    if (!(length < wide(duration::max()))) return duration::max();
    if constexpr (std::is_convertible_v<std::chrono::duration<std::int64_t, Period>, duration> &&
                  !std::chrono::treat_as_floating_point_v<Rep>) {
        return std::chrono::duration_cast<duration>(d); // exact: a multiple of nanoseconds
    } else {
        // Not `ceil`, whose steps between overflow for what fits well in the end.
        const duration whole(static_cast<duration::rep>(length.count()));
        return wide(whole) < length ? whole + duration(1) : whole;
    }
}

template <class Rep, class Period>
time_point deadline_after(std::chrono::duration<Rep, Period> d) noexcept {
    return sleep_operation::after(this_loop().now(), to_duration(d));
}

} // namespace weft
