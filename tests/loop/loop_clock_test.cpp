// SPDX-License-Identifier: MIT
#include <weft/loop/loop_clock.hpp>

#include <chrono>
#include <type_traits>

#include <weft/coro/task.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/time/sleep.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;
using weft::loop_clock;

TEST_CASE("the loop's clock is a clock of the standard's kind", "[loop][loop_clock]") {
    STATIC_REQUIRE(loop_clock::is_steady);
    STATIC_REQUIRE(std::is_same_v<loop_clock::rep, loop_clock::duration::rep>);
    STATIC_REQUIRE(std::is_same_v<loop_clock::period, loop_clock::duration::period>);
    STATIC_REQUIRE(std::is_same_v<loop_clock::time_point::duration, loop_clock::duration>);
    STATIC_REQUIRE(std::is_same_v<loop_clock::time_point::clock, loop_clock>);
    STATIC_REQUIRE(std::is_same_v<decltype(loop_clock::now()), weft::time_point>);
    STATIC_REQUIRE(noexcept(loop_clock::now()));
}

TEST_CASE("the loop's clock tells the time of the loop that runs", "[loop][loop_clock]") {
    run([]() -> weft::task<> {
        const auto begin = loop_clock::now();
        CHECK(begin == weft::this_loop().now());
        co_await weft::sleep_for(1h);
        CHECK(loop_clock::now() - begin == 1h);
    });

    weft::event_loop real;
    real.run([]() -> weft::task<> {
        const auto before = std::chrono::steady_clock::now().time_since_epoch();
        const auto now = loop_clock::now().time_since_epoch();
        CHECK(before <= now);
        CHECK(now <= std::chrono::steady_clock::now().time_since_epoch());
        co_return;
    });
}
