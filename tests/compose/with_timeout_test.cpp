// SPDX-License-Identifier: MIT
#include <weft/compose/with_timeout.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <weft/compose/finally.hpp>
#include <weft/compose/shield.hpp>
#include <weft/core/error.hpp>
#include <weft/coro/this_task.hpp>
#include <weft/sync/event.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/steps.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using weft::timeout_error;

namespace {

auto now() { return weft::loop_clock::now().time_since_epoch(); }

} // namespace

TEST_CASE("in time, with_timeout returns the result and its timer is gone",
          "[compose][with_timeout]") {
    run([]() -> weft::task<> {
        const int value = co_await weft::with_timeout(1h, value_after(1ms, 7));
        CHECK(value == 7);
        CHECK(now() == 1ms);
        CHECK_FALSE(weft::this_loop().next_deadline().has_value());
    });
}

TEST_CASE("what with_timeout returns is what the task returned, not a copy",
          "[compose][with_timeout]") {
    const auto pick = [](std::unique_ptr<int>& from) -> weft::task<std::unique_ptr<int>&> {
        co_return from;
    };
    run([&]() -> weft::task<> {
        auto number = std::make_unique<int>(7);
        auto& same = co_await weft::with_timeout(1h, pick(number));
        auto& again = co_await weft::with_deadline(weft::this_loop().now() + 1h, pick(number));
        CHECK(&same == &number);
        CHECK(&again == &number);
    });
}

TEST_CASE("late, the task has ended, clean-up included, before timeout_error",
          "[compose][with_timeout]") {
    events log;
    run([&]() -> weft::task<> {
        auto clean_up = [&] { return step(1s, log, "clean-up"); };
        bool late = false;
        try {
            co_await weft::with_timeout(1ms, weft::finally(step(1h, log, "body"), clean_up));
        } catch (const timeout_error& error) {
            late = error.code() == weft::errc::timed_out && error.code() == std::errc::timed_out;
        }
        CHECK(late);
        CHECK(now() == 1001ms);
    });

    CHECK(log == events{"body", "~body", "clean-up", "clean-up done", "~clean-up"});
}

TEST_CASE("an error from the clean-up replaces timeout_error", "[compose][with_timeout]") {
    run([]() -> weft::task<> {
        auto clean_up = [] { return error_after(0ms, "clean-up"); };
        std::string caught;
        try {
            co_await weft::with_timeout(1ms, weft::finally(weft::sleep_for(1h), clean_up));
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "clean-up");
    });
}

TEST_CASE("if both happen in one turn, the value wins", "[compose][with_timeout]") {
    run([]() -> weft::task<> {
        weft::event set;
        auto wait = [&]() -> weft::task<int> {
            co_await set.wait();
            co_return 7;
        };
        auto setter = [&]() -> weft::task<> {
            co_await weft::sleep_until(weft::time_point(1ms));
            set.set();
        };
        weft::task_group group;
        group.spawn(setter); // armed first: in the turn of the deadline it runs first
        co_await weft::yield();
        const int value =
            co_await weft::with_deadline(weft::time_point(1ms) + 1ns, wait());
        CHECK(value == 7);
    });
    run([]() -> weft::task<> {
        // The timer fires when the body is ready, and has not run.
        weft::event set;
        auto wait = [&]() -> weft::task<int> {
            co_await set.wait();
            co_return 7;
        };
        weft::task_group group;
        group.spawn([&]() -> weft::task<> {
            co_await weft::yield();
            set.set();
            weft::this_loop().advance(1s);
        });
        const int value = co_await weft::with_timeout(1s, wait());
        CHECK(value == 7);
    });
}

TEST_CASE("a limit that is not positive never starts the task", "[compose][with_timeout]") {
    run([]() -> weft::task<> {
        events log;
        for (const auto limit : {0ms, -1ms}) {
            auto nothing = co_await weft::try_for(limit, step(0ms, log, "body"));
            CHECK_FALSE(nothing);
        }
        bool late = false;
        try {
            co_await weft::with_deadline(weft::loop_clock::now(), step(0ms, log, "body"));
        } catch (const timeout_error&) {
            late = true;
        }
        CHECK(late);
        CHECK(log.empty());
    });
}

TEST_CASE("of nested limits that end together the outer one throws", "[compose][with_timeout]") {
    run([]() -> weft::task<> {
        std::string who;
        auto inner = [&]() -> weft::task<> {
            try {
                co_await weft::with_timeout(1ms, weft::sleep_for(1h));
            } catch (const timeout_error&) {
                who += "inner";
            }
        };
        try {
            co_await weft::with_timeout(1ms, inner());
        } catch (const timeout_error&) {
            who += "outer";
        }
        CHECK(who == "outer");
    });
}

TEST_CASE("an inner limit that ends first throws inside", "[compose][with_timeout]") {
    run([]() -> weft::task<> {
        auto inner = []() -> weft::task<int> {
            auto nothing = co_await weft::try_for(1ms, weft::sleep_for(1h));
            co_return nothing ? 1 : 2;
        };
        const int value = co_await weft::with_timeout(2ms, inner());
        CHECK(value == 2);
    });
}

TEST_CASE("the body's own error passes unchanged", "[compose][with_timeout]") {
    run([]() -> weft::task<> {
        std::string caught;
        try {
            co_await weft::with_timeout(1s, error_after(1ms, "own"));
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "own");
        // Also if it is a time-out itself.
        auto inner = [] { return weft::with_timeout(1ms, weft::sleep_for(1h)); };
        bool late = false;
        try {
            co_await weft::try_for(1s, inner);
        } catch (const timeout_error&) {
            late = true;
        }
        CHECK(late);
    });
}

TEST_CASE("a limit without end has no timer", "[compose][with_timeout]") {
    run([]() -> weft::task<> {
        weft::event set;
        weft::task_group group;
        group.spawn([&]() -> weft::task<> {
            co_await weft::with_timeout(std::chrono::hours::max(), set.wait());
        });
        co_await weft::yield();
        CHECK_FALSE(weft::this_loop().next_deadline().has_value());
        set.set();
        co_await group.join();
    });
}

TEST_CASE("what cannot be cancelled is delivered late", "[compose][with_timeout]") {
    run([]() -> weft::task<> {
        const int value = co_await weft::with_timeout(1ms, weft::shield(value_after(1s, 7)));
        CHECK(value == 7);
        CHECK(now() == 1s);
    });
}

TEST_CASE("a task that is timed out knows the reason", "[compose][with_timeout]") {
    std::string reason;
    struct asks {
        std::string& answer;
        ~asks() { answer = weft::this_task::cancel_reason(); }
    };
    run([&]() -> weft::task<> {
        auto body = [&]() -> weft::task<> {
            const asks local{reason};
            co_await weft::with_timeout(1h, weft::sleep_forever());
        };
        co_await weft::try_for(1ms, body());
    });

    CHECK(reason == "timed out");
}

TEST_CASE("with_timeout is an awaitable like any other, and runs callables",
          "[compose][with_timeout]") {
    run([]() -> weft::task<> {
        auto callable = [text = std::string(50, 'x')]() -> weft::task<std::size_t> {
            co_await weft::sleep_for(1ms);
            co_return text.size();
        };
        auto nested = weft::with_timeout(1s, weft::try_until(weft::time_point(2s), callable));
        const auto size = co_await std::move(nested);
        CHECK(size == 50u);
    });
}

TEST_CASE("with_timeout ends well wherever it is ended", "[compose][with_timeout]") {
    sweep([]() -> weft::task<> { co_await weft::try_for(1ms, value_after(2ms, 1)); });
    sweep([]() -> weft::task<> { co_await weft::try_for(2ms, value_after(1ms, 1)); });
    sweep([]() -> weft::task<> { co_await weft::try_for(1ms, value_after(1ms, 1)); });
    sweep([]() -> weft::task<> {
        auto clean_up = [] { return value_after(1ms, 0); };
        co_await weft::try_for(
            1ms, weft::try_for(1ms, weft::finally(value_after(2ms, 1), clean_up)));
        co_await weft::yield();
    });
}
