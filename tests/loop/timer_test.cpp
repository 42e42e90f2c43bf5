// SPDX-License-Identifier: MIT
#include <weft/loop/timer.hpp>

#include <type_traits>

#include "support/catch.hpp"

// How timers fire: timer_queue_test.cpp.

TEST_CASE("a timer knows its deadline and what it fires by before it is armed", "[loop][timer]") {
    struct alarm : weft::timer {
        alarm() : timer(&fire, 7) {}
        static void fire(timer&) noexcept {}
        static void other(timer&) noexcept {}
    } one;

    CHECK(one.deadline() == 7);
    CHECK(one.fires_by(&alarm::fire));
    CHECK_FALSE(one.fires_by(&alarm::other));
    CHECK_FALSE(one.armed());
    one.disarm(); // nothing to do
    CHECK_FALSE(one.armed());
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<alarm>);
}
