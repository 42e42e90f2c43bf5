// SPDX-License-Identifier: MIT
#include <weft/compose/finally.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <weft/compose/when_all.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/steps.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;

TEST_CASE("the clean-up runs once after a value, an error and a cancel", "[compose][finally]") {
    int cleaned = 0;
    auto clean_up = [&]() -> weft::task<> {
        co_await weft::sleep_for(1ms);
        ++cleaned;
    };

    run([&]() -> weft::task<> {
        const int value = co_await weft::finally(value_after(1ms, 7), clean_up);
        CHECK(value == 7);
        CHECK(cleaned == 1);

        std::string caught;
        try {
            co_await weft::finally(error_after(1ms, "own"), clean_up);
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "own");
        CHECK(cleaned == 2);

        auto none = co_await weft::try_for(1ms, weft::finally(weft::sleep_for(1h), clean_up));
        CHECK_FALSE(none);
        CHECK(cleaned == 3);
    });
}

TEST_CASE("the body's frame is gone when the clean-up starts", "[compose][finally]") {
    events log;
    run([&]() -> weft::task<> {
        co_await weft::finally(step(1ms, log, "body"), step(1ms, log, "clean-up"));
    });

    CHECK(log == events{"body", "body done", "~body", "clean-up", "clean-up done", "~clean-up"});
}

TEST_CASE("a body that is complete at once is cleaned up after", "[compose][finally]") {
    int cleaned = 0;
    run([&]() -> weft::task<> {
        auto at_once = []() -> weft::task<int> { co_return 3; };
        auto clean_up = [&]() -> weft::task<> {
            ++cleaned;
            co_return;
        };
        const int value = co_await weft::finally(at_once(), clean_up);
        CHECK(value == 3);
        co_await weft::finally(std::suspend_never(), clean_up);
    });

    CHECK(cleaned == 2);
}

TEST_CASE("a cancel does not disturb a clean-up that has begun", "[compose][finally]") {
    events log;
    run([&]() -> weft::task<> {
        auto body = [&]() -> weft::task<> {
            const says_goodbye goodbye(log, "caller");
            co_await weft::finally(weft::yield(), step(1s, log, "clean-up"));
            log.push_back("delivered");
            co_await weft::yield();
            log.push_back("never");
        };
        auto none = co_await weft::try_for(1ms, body());
        CHECK_FALSE(none);
    });

    CHECK(log == events{"clean-up", "clean-up done", "~clean-up", "delivered", "~caller"});
}

TEST_CASE("an error of the clean-up is delivered, and what it replaces is unhandled",
          "[compose][finally]") {
    const no_frame_leaks check;
    test_loop loop;
    loop.run([]() -> weft::task<> {
        std::string caught;
        try {
            co_await weft::finally(error_after(1ms, "body"), error_after(1ms, "clean-up"));
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "clean-up");
    });

    CHECK(loop.reported == std::vector<std::string>{"body in finally"});
}

TEST_CASE("an error of a clean-up is heard in a cancelled task", "[compose][finally]") {
    run([]() -> weft::task<> {
        weft::task_group group;
        auto body = [] { return weft::finally(weft::sleep_for(1h), error_after(1ms, "clean-up")); };
        group.spawn(body);
        co_await weft::yield();
        group.cancel();
        std::string caught;
        try {
            co_await group.join();
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "clean-up");
    });
}

TEST_CASE("nothing runs in a task that was cancelled before", "[compose][finally]") {
    events log;
    run([&]() -> weft::task<> {
        weft::task_group group;
        group.spawn([&]() -> weft::task<> {
            group.cancel(); // itself
            co_await weft::finally(step(0ms, log, "body"), step(0ms, log, "clean-up"));
        });
        co_await group.join();
    });

    CHECK(log.empty());
}

TEST_CASE("a drop skips the clean-up, and says so", "[compose][finally]") {
    const no_frame_leaks check;
    events log;
    std::vector<std::string> reported;
    {
        test_loop loop;
        loop.on_unhandled([&](const std::exception_ptr& error, std::string_view) noexcept {
            weft::visit_error<weft::error>(
                error, [&](const weft::error& found) { reported.push_back(found.what()); });
        });
        loop.spawn([&] { return weft::finally(step(1h, log, "body"), step(1h, log, "clean-up")); });
        loop.poll();
        CHECK(reported.empty());
    }

    CHECK(log == events{"body", "~body"});
    REQUIRE(reported.size() == 1);
    CHECK_THAT(reported[0], Catch::Matchers::ContainsSubstring("clean-up was skipped"));
}

TEST_CASE("nested clean-ups run from the inside out", "[compose][finally]") {
    events log;
    run([&]() -> weft::task<> {
        auto inner = [&] { return weft::finally(weft::sleep_for(1h), step(1ms, log, "inner")); };
        co_await weft::try_for(1ms, weft::finally(inner, step(1ms, log, "outer")));
    });

    CHECK(log == events{"inner", "inner done", "~inner", "outer", "outer done", "~outer"});
}

TEST_CASE("finally ends well wherever it is ended", "[compose][finally]") {
    sweep([]() -> weft::task<> {
        co_await weft::finally(value_after(1ms, 1), value_after(2ms, 2));
    });
    sweep([]() -> weft::task<> {
        auto inner = [] { return weft::finally(value_after(2ms, 1), value_after(2ms, 2)); };
        auto outer = [=] { return weft::finally(inner, value_after(1ms, 3)); };
        co_await weft::when_all(outer, inner, value_after(3ms, 1));
    });
}
