// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

namespace weft {

/// A clock of the standard's kind that reads `this_loop().now()`: the system's steady clock, or
/// whatever time the loop has. Precondition of `now()`: a loop runs on this thread.
struct loop_clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<loop_clock, duration>;
    static constexpr bool is_steady = true;

    static time_point now() noexcept; // defined in loop/event_loop.hpp
};

using duration = loop_clock::duration;
using time_point = loop_clock::time_point;

} // namespace weft
