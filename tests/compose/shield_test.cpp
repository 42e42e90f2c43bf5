// SPDX-License-Identifier: MIT
#include <weft/compose/shield.hpp>

#include <chrono>
#include <string>

#include <weft/compose/with_timeout.hpp>
#include <weft/coro/this_task.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/steps.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;

TEST_CASE("a shield returns what its body returns", "[compose][shield]") {
    run([]() -> weft::task<> {
        const int value = co_await weft::shield(value_after(1ms, 7));
        CHECK(value == 7);
    });
}

TEST_CASE("a shielded body runs to its end in a cancelled task, which then stops",
          "[compose][shield]") {
    events log;
    run([&]() -> weft::task<> {
        auto body = [&]() -> weft::task<> {
            const says_goodbye goodbye(log, "body");
            bool asked = true;
            auto inside = [&]() -> weft::task<> {
                co_await weft::sleep_for(5ms);
                asked = weft::this_task::cancel_requested();
            };
            co_await weft::shield(inside());
            log.push_back(asked ? "cancelled inside" : "undisturbed");
            log.push_back(weft::this_task::cancel_requested() ? "cancelled" : "not cancelled");
            co_await weft::yield();
            log.push_back("never");
        };
        auto none = co_await weft::try_for(1ms, body());
        CHECK_FALSE(none);
    });

    CHECK(log == events{"undisturbed", "cancelled", "~body"});
}

TEST_CASE("a drop breaks a shield", "[compose][shield]") {
    events log;
    {
        test_loop loop;
        loop.spawn([&] { return weft::shield(step(1h, log, "body")); });
        loop.poll();
    }

    CHECK(log == events{"body", "~body"});
}

TEST_CASE("a shield ends well wherever it is ended", "[compose][shield]") {
    sweep([]() -> weft::task<> {
        co_await weft::shield(value_after(2ms, 1));
        co_await weft::try_for(1ms, weft::shield(value_after(2ms, 1)));
    });
}
