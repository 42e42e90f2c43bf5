// SPDX-License-Identifier: MIT
#include <weft/time/ticker.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include <weft/core/error.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/time/sleep.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using weft::missed_ticks;
using weft::ticker;

namespace {

using milliseconds = std::chrono::milliseconds;
/// What `next()` returned, and when.
using ticks = std::vector<std::pair<std::size_t, milliseconds>>;

milliseconds now() {
    return std::chrono::duration_cast<milliseconds>(weft::loop_clock::now().time_since_epoch());
}

weft::task<> take(ticker& from, int count, ticks& into) {
    for (int i = 0; i < count; ++i) {
        const std::size_t missed = co_await from.next();
        into.emplace_back(missed, now());
    }
}

/// Takes one tick of 1 s, stalls until 4.5 s, and takes `count` more.
ticks after_a_stall(missed_ticks policy, int count) {
    ticks taken;
    run([&]() -> weft::task<> {
        ticker every_second(1s, policy);
        co_await take(every_second, 1, taken);
        co_await weft::sleep_for(3500ms);
        co_await take(every_second, count, taken);
    });
    return taken;
}

} // namespace

TEST_CASE("a ticker waits one period before its first tick", "[time][ticker]") {
    ticks taken;
    run([&]() -> weft::task<> {
        ticker every_second(1s);
        co_await weft::sleep_for(10s); // the ticker starts when it is first asked
        co_await take(every_second, 3, taken);
    });

    CHECK(taken == ticks{{0, 11s}, {0, 12s}, {0, 13s}});
}

TEST_CASE("a million ticks do not drift", "[time][ticker]") {
    const auto policy = GENERATE(missed_ticks::burst, missed_ticks::skip, missed_ticks::delay);
    constexpr int count = 1'000'000;
    constexpr auto period = std::chrono::nanoseconds(1'234'567);
    long late = 0;
    std::size_t missed = 0;

    run([&]() -> weft::task<> {
        ticker regular(period, policy);
        const auto begin = weft::loop_clock::now();
        for (int tick = 1; tick <= count; ++tick) {
            missed += co_await regular.next();
            if (tick % 3 == 0) co_await weft::sleep_for(period / 3); // late, but not a whole period
            late += weft::loop_clock::now() - begin >= (tick + 1) * period;
        }
        const std::size_t last = co_await regular.next();
        missed += last;
        late += weft::loop_clock::now() - begin != (count + 1) * period;
    });

    CHECK(late == 0);
    CHECK(missed == 0);
}

TEST_CASE("after a stall, burst delivers every tick", "[time][ticker]") {
    CHECK(after_a_stall(missed_ticks::burst, 5) ==
          ticks{{0, 1000ms}, {0, 4500ms}, {0, 4500ms}, {0, 4500ms}, {0, 5000ms}, {0, 6000ms}});
}

TEST_CASE("after a stall, skip delivers the newest tick and keeps the beat", "[time][ticker]") {
    CHECK(after_a_stall(missed_ticks::skip, 3) ==
          ticks{{0, 1000ms}, {2, 4500ms}, {0, 5000ms}, {0, 6000ms}});
}

TEST_CASE("after a stall, delay delivers one tick and begins anew", "[time][ticker]") {
    CHECK(after_a_stall(missed_ticks::delay, 3) ==
          ticks{{0, 1000ms}, {2, 4500ms}, {0, 5500ms}, {0, 6500ms}});
}

TEST_CASE("a tick that is exactly one period late is due together with the next",
          "[time][ticker]") {
    const auto [policy, missed] = GENERATE(std::pair(missed_ticks::burst, std::size_t{0}),
                                           std::pair(missed_ticks::skip, std::size_t{1}),
                                           std::pair(missed_ticks::delay, std::size_t{1}));
    ticks taken;

    run([&, kind = policy]() -> weft::task<> {
        ticker every_second(1s, kind);
        co_await take(every_second, 1, taken);
        co_await weft::sleep_for(2s);
        co_await take(every_second, 3, taken);
    });

    CHECK(taken[1] == std::pair(missed, milliseconds(3000)));
    CHECK(taken[2].second == (policy == missed_ticks::burst ? 3s : 4s));
    CHECK(taken[3].second == (policy == missed_ticks::burst ? 4s : 5s));
}

TEST_CASE("a tick for which the loop is late counts what was missed", "[time][ticker]") {
    ticks taken;
    test_loop loop(weft::event_loop::time::manual);
    ticker every_second(1s, missed_ticks::skip);
    loop.spawn(take, std::ref(every_second), 2, std::ref(taken));

    loop.poll();
    loop.advance(3500ms);
    loop.poll();
    CHECK(taken == ticks{{2, 3500ms}});
    loop.advance(500ms);
    loop.poll();

    CHECK(taken == ticks{{2, 3500ms}, {0, 4000ms}});
}

TEST_CASE("a cancelled wait takes no tick", "[time][ticker]") {
    ticks taken;
    run([&]() -> weft::task<> {
        ticker every_second(1s);
        weft::task_group children;
        auto cancelled = children.spawn(take, std::ref(every_second), 9, std::ref(taken));
        co_await weft::sleep_for(1500ms);
        cancelled.cancel();
        co_await cancelled.wait();
        co_await take(every_second, 2, taken);
    });

    CHECK(taken == ticks{{0, 1s}, {0, 2s}, {0, 3s}});
}

TEST_CASE("a tick and a cancel in one turn", "[time][ticker]") {
    ticks taken;
    ticker every_second(1s);
    test_loop loop(weft::event_loop::time::manual);
    auto waits = loop.spawn(take, std::ref(every_second), 9, std::ref(taken));
    loop.poll();

    SECTION("the tick first: it is delivered, and the branch stops at the next one") {
        loop.post([&] { waits.cancel(); }); // runs before what is due, which is queued behind it
        loop.advance(1s);
        loop.poll();
        CHECK(taken == ticks{{0, 1s}});
    }
    SECTION("the cancel first: no tick is taken") {
        waits.cancel();
        loop.advance(1s);
        loop.poll();
        CHECK(taken.empty());
    }

    loop.poll();
    CHECK(waits.done());
}

TEST_CASE("the end of time is a tick that never comes", "[time][ticker]") {
    CHECK_THROWS_AS(run([]() -> weft::task<> {
                        ticker never(weft::duration::max());
                        co_await never.next();
                    }),
                    weft::deadlock_error);
}

TEST_CASE("a ticker can be left at any point", "[time][ticker]") {
    const auto policy = GENERATE(missed_ticks::burst, missed_ticks::skip, missed_ticks::delay);
    sweep([policy]() -> weft::task<> {
        ticks taken;
        ticker every_second(1s, policy);
        co_await take(every_second, 2, taken);
        co_await weft::sleep_for(5s);
        co_await take(every_second, 4, taken);
    });
}
