// SPDX-License-Identifier: MIT
#include <weft/time/sleep.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <ratio>
#include <string>
#include <type_traits>
#include <vector>

#include <weft/compose/with_timeout.hpp>
#include <weft/core/error.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/time/ticker.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using weft::duration;
using weft::sleep_for;
using weft::sleep_until;
using weft::task;
using weft::task_group;
using weft::time_point;
using time_source = weft::event_loop::time;

TEST_CASE("a thousand sleepers with one deadline wake in the order in which they went to sleep",
          "[time][sleep]") {
    std::vector<int> order, expected;
    run([&]() -> task<> {
        task_group children;
        const auto deadline = weft::loop_clock::now() + 1h;
        for (int i = 0; i < 1000; ++i) {
            expected.push_back(i);
            children.spawn([&, i]() -> task<> {
                co_await sleep_until(deadline);
                order.push_back(i);
            });
        }
        co_await children.join();
    });

    CHECK(order == expected);
}

TEST_CASE("sleepers wake in the order of their deadlines, to the nanosecond", "[time][sleep]") {
    std::vector<int> order;
    run([&]() -> task<> {
        task_group children;
        for (const int delay : {5, 3, 1000000007, 4, 1000000006, 0, 1})
            children.spawn([&order, delay]() -> task<> {
                const auto begin = weft::loop_clock::now();
                co_await sleep_for(std::chrono::nanoseconds(delay));
                CHECK(weft::loop_clock::now() == begin + std::chrono::nanoseconds(delay));
                order.push_back(delay);
            });
        co_await children.join();
    });

    CHECK(order == std::vector<int>{0, 1, 3, 4, 5, 1000000006, 1000000007});
}

TEST_CASE("hours of simulated time pass at once, and none while something is ready",
          "[time][sleep]") {
    run([]() -> task<> {
        const auto begin = weft::loop_clock::now();
        co_await sleep_for(24h * 365 * 100);
        CHECK(weft::loop_clock::now() == begin + 24h * 365 * 100);

        task_group children;
        bool slept = false;
        children.spawn([&]() -> task<> {
            co_await sleep_for(1ns);
            slept = true;
        });
        for (int i = 0; i < 1000; ++i) {
            const auto now = weft::loop_clock::now();
            co_await weft::yield();
            CHECK(weft::loop_clock::now() == now);
        }
        CHECK_FALSE(slept);
        co_await children.join();
    });
}

TEST_CASE("a sleep of no time, or less, lasts until the next turn", "[time][sleep]") {
    const duration delay = GENERATE(duration(0), duration(-1ns), duration(-1h), duration::min());
    std::string log;
    weft::event_loop loop(time_source::manual);
    loop.advance(1h);
    loop.spawn([&]() -> task<> {
        co_await sleep_for(delay);
        log += 's';
    });
    loop.poll();
    CHECK(log.empty()); // not inline
    loop.post([&] { log += 'p'; });

    loop.poll();

    CHECK(log == "ps"); // not ahead of what was ready
}

TEST_CASE("a sleep until a moment that has passed lasts until the next turn", "[time][sleep]") {
    const bool first = GENERATE(false, true);
    run([first]() -> task<> {
        co_await sleep_for(1h);
        const auto now = weft::loop_clock::now();
        bool others_ran = false;
        weft::this_loop().post([&] { others_ran = true; });
        co_await sleep_until(first ? time_point::min() : now);
        CHECK(others_ran);
        CHECK(weft::loop_clock::now() == now);
    });
}

TEST_CASE("very long sleeps neither end early nor overflow", "[time][sleep]") {
    weft::event_loop loop(time_source::manual);
    loop.advance(1h);
    std::string log;
    const auto sleeper = [&](auto length, char name) -> task<> {
        co_await sleep_for(length);
        log += name;
    };
    constexpr auto milliseconds = [](std::int64_t n) { return std::chrono::milliseconds(n); };
    loop.spawn(sleeper, duration::max(), 'x');
    loop.spawn(sleeper, std::chrono::hours::max(), 'x');
    loop.spawn(sleeper, std::chrono::duration<double>(1e300), 'x');
    loop.spawn([&]() -> task<> {
        co_await sleep_until(time_point::max());
        log += 'x';
    });
    loop.spawn(sleeper, milliseconds((std::int64_t{1} << 31) + 1), 'c');
    loop.spawn(sleeper, milliseconds(std::int64_t{1} << 31), 'b');
    loop.spawn(sleeper, milliseconds((std::int64_t{1} << 31) - 1), 'a');
    loop.spawn(sleeper, milliseconds(std::int64_t{1} << 32), 'd');
    loop.poll();

    for (const char* expected : {"", "a", "ab", "abc"}) {
        loop.poll();
        CHECK(log == expected);
        CHECK(loop.poll() == 0); // no spinning
        loop.advance(log.empty() ? duration(milliseconds((std::int64_t{1} << 31) - 1))
                                 : duration(1ms));
    }
    loop.advance(24h * 365 * 100);
    loop.poll();

    CHECK(log == "abcd");
    CHECK(loop.next_deadline() == time_point::max());
}

TEST_CASE("any kind of duration can be slept", "[time][sleep]") {
    STATIC_REQUIRE(weft::to_duration(1ns) == 1ns);
    STATIC_REQUIRE(weft::to_duration(1h) == 1h);
    STATIC_REQUIRE(weft::to_duration(std::chrono::duration<double>(0.5)) == 500ms);
    // Rounded up: a sleep is never too short.
    STATIC_REQUIRE(weft::to_duration(std::chrono::duration<int, std::pico>(1)) == 1ns);
    STATIC_REQUIRE(weft::to_duration(std::chrono::duration<int, std::ratio<1, 3>>(1)) ==
                   333'333'334ns);
    STATIC_REQUIRE(weft::to_duration(std::chrono::hours::max()) == duration::max());
    STATIC_REQUIRE(weft::to_duration(std::chrono::hours::min()) == duration::min());
    STATIC_REQUIRE(weft::to_duration(duration::max()) == duration::max());
    STATIC_REQUIRE(weft::to_duration(std::chrono::duration<double>(-1e300)) == duration::min());
    STATIC_REQUIRE(weft::to_duration(std::chrono::duration<unsigned char>(255)) == 255s);
    STATIC_REQUIRE(weft::to_duration(std::chrono::duration<std::int8_t, std::ratio<1, 7>>(-1)) ==
                   -142'857'142ns);
}

TEST_CASE("no kind of duration overflows on its way to nanoseconds", "[time][sleep]") {
    using std::numeric_limits;
    using thirds = std::chrono::duration<long long, std::ratio<1, 3>>;
    using sevenths = std::chrono::duration<std::uint64_t, std::ratio<1, 7'000'000'000>>;
    using seconds = std::chrono::duration<double>;

    // A thousand years of thirds do not fit, a hundred years do, though 10^9 times them do not.
    STATIC_REQUIRE(weft::to_duration(thirds(94'608'000'000)) == duration::max());
    STATIC_REQUIRE(weft::to_duration(thirds(9'460'800'000)) == 3'153'600'000s);
    STATIC_REQUIRE(weft::to_duration(thirds::max()) == duration::max());
    STATIC_REQUIRE(weft::to_duration(thirds::min()) == duration::min());
    STATIC_REQUIRE(weft::to_duration(sevenths(700)) == 100ns);
    STATIC_REQUIRE(weft::to_duration(sevenths(701)) == 101ns);
    STATIC_REQUIRE(weft::to_duration(sevenths::max()) > 2'635'249'153'000'000'000ns);
    STATIC_REQUIRE(weft::to_duration(std::chrono::years(100'000)) == duration::max());
    STATIC_REQUIRE(weft::to_duration(std::chrono::duration<std::uint64_t, std::nano>::max()) ==
                   duration::max());

    CHECK(weft::to_duration(seconds(numeric_limits<double>::infinity())) == duration::max());
    CHECK(weft::to_duration(seconds(-numeric_limits<double>::infinity())) == duration::min());
    CHECK(weft::to_duration(seconds(numeric_limits<double>::quiet_NaN())) == duration::min());
    // Around the end of what fits, where a double has steps of microseconds.
    for (double near = 9223372036.8547; near < 9223372036.8549; near = std::nextafter(near, 1e10)) {
        const auto rounded = weft::to_duration(seconds(near));
        CHECK(rounded > 9223372036854000000ns);
        CHECK(weft::to_duration(seconds(-near)) < -9223372036854000000ns);
    }
}

TEST_CASE("what takes a duration takes any", "[time][sleep]") {
    run([]() -> task<> {
        using seconds = std::chrono::duration<double>;
        const auto begin = weft::loop_clock::now();
        const auto wait = [](auto length) -> task<> { co_await sleep_for(length); };
        const seconds no_number(std::numeric_limits<double>::quiet_NaN());
        const seconds endless(std::numeric_limits<double>::infinity());

        co_await sleep_for(no_number);
        CHECK(weft::loop_clock::now() == begin);
        co_await weft::with_timeout(endless, wait(std::chrono::duration<int, std::ratio<1, 3>>(3)));
        CHECK(weft::loop_clock::now() == begin + 1s);
        auto none = co_await weft::try_for(no_number, wait(1s));
        CHECK_FALSE(none);
        auto late = co_await weft::try_for(1h, wait(endless));
        CHECK_FALSE(late);
        auto later = co_await weft::try_for(1h, wait(std::chrono::years(100'000)));
        CHECK_FALSE(later);
        weft::ticker never(endless);
        auto no_tick = co_await weft::try_for(1h, never.next());
        CHECK_FALSE(no_tick);
    });
}

TEST_CASE("a deadline is reckoned from now, and saturates", "[time][sleep]") {
    run([]() -> task<> {
        co_await sleep_for(1h);
        CHECK(weft::deadline_after(1s) == weft::loop_clock::now() + 1s);
        CHECK(weft::deadline_after(-1s) == weft::loop_clock::now() - 1s);
        CHECK(weft::deadline_after(duration::max()) == time_point::max());
    });
}

TEST_CASE("in real time a sleep is never too short, and needs few turns", "[time][sleep]") {
    weft::event_loop loop;
    bool done = false;
    loop.spawn([&]() -> task<> {
        for (auto length = std::chrono::duration<double>(1e-2); length.count() > 0.5e-10;
             length /= 10) {
            const auto begin = weft::loop_clock::now();
            co_await sleep_for(length);
            CHECK(weft::loop_clock::now() - begin >= length);
        }
        done = true;
    });

    int turns = 0;
    while (!done && loop.run_one()) ++turns;

    CHECK(turns <= 20);
}

TEST_CASE("a sleep reads the clock, not when the turn began", "[time][sleep]") {
    weft::event_loop loop(time_source::manual);
    std::optional<time_point> woken;
    loop.spawn([&]() -> task<> {
        weft::this_loop().advance(1s); // what came before took so long
        co_await sleep_for(1s);
        woken = weft::loop_clock::now();
    });
    const auto begin = loop.now();
    loop.poll();
    loop.poll();
    CHECK_FALSE(woken);
    loop.advance(1s);
    loop.poll();

    CHECK(woken == begin + 2s);
}

TEST_CASE("a cancelled sleep leaves no timer behind", "[time][sleep]") {
    weft::event_loop loop(time_source::simulated);
    const auto begin = loop.now();
    loop.run([&]() -> task<> {
        task_group children;
        auto sleeper = children.spawn([] { return sleep_for(1h); });
        auto in_task = children.spawn([]() -> task<> { co_await sleep_for(2h); });
        co_await weft::yield();
        sleeper.cancel();
        in_task.cancel();
        co_await children.join();
        CHECK_FALSE(loop.next_deadline());
    });

    CHECK(loop.now() == begin); // the loop has not waited for it
}

TEST_CASE("a sleep ends and is cancelled, in one turn", "[time][sleep]") {
    const bool end_first = GENERATE(false, true);
    std::string log;
    weft::event_loop loop(time_source::manual);
    auto sleeper = loop.spawn([&]() -> task<> {
        co_await sleep_for(1s);
        log += "slept";
        co_await sleep_for(1s);
        log += " too long";
    });
    loop.poll();

    loop.advance(1s);
    if (end_first)
        loop.post([&] { sleeper.cancel(); }); // runs when the timer has fired
    else
        sleeper.cancel();
    loop.poll();
    loop.poll();

    CHECK(sleeper.done());
    CHECK(log == (end_first ? "slept" : ""));
    CHECK_FALSE(loop.next_deadline());
}

TEST_CASE("a hundred thousand sleeps that are cancelled, as time-outs are, need no more memory",
          "[time][sleep]") {
    run([]() -> task<> {
        task_group children;
        std::size_t reserved = 0;
        for (int i = 0; i < 100'000; ++i) {
            auto timeout = children.spawn([] { return sleep_for(1h); });
            if (i % 10 == 0) co_await weft::yield();
            timeout.cancel();
            if (i == 1000) reserved = weft::frame_pool::now().reserved_bytes;
        }
        co_await weft::yield();
        CHECK(children.empty());
        CHECK(weft::frame_pool::now().reserved_bytes == reserved);
    });
}

TEST_CASE("a sleep is described by a trivial object", "[time][sleep]") {
    STATIC_REQUIRE(std::is_trivially_destructible_v<decltype(sleep_for(1s))>);
    STATIC_REQUIRE(std::is_trivially_destructible_v<decltype(sleep_until(time_point()))>);
}

TEST_CASE("sleepers end at any point", "[time][sleep]") {
    sweep([]() -> task<> {
        task_group children;
        for (int i = 0; i < 3; ++i) {
            children.spawn([]() -> task<> {
                co_await sleep_for(1s);
                co_await sleep_for(0s);
            });
            children.spawn([i] { return sleep_for(1s * i); });
        }
        co_await sleep_for(1s);
        co_await children.join();
    });
}
