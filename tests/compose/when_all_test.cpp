// SPDX-License-Identifier: MIT
#include <weft/compose/when_all.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <weft/compose/finally.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/steps.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;

TEST_CASE("when_all returns the results in the order of its arguments", "[compose][when_all]") {
    auto result = run([]() -> weft::task<std::tuple<int, std::string, std::monostate>> {
        auto both = co_await weft::when_all(value_after(3ms, 7), value_after(1ms, std::string("x")),
                                            weft::sleep_for(2ms));
        co_return both;
    });

    CHECK(std::get<0>(result) == 7);
    CHECK(std::get<1>(result) == "x");
}

TEST_CASE("when_all over a range returns a vector in its order", "[compose][when_all]") {
    auto result = run([]() -> weft::task<std::vector<int>> {
        std::vector<weft::task<int>> tasks;
        for (int i = 0; i != 5; ++i) tasks.push_back(value_after((10 - i) * 1ms, i));
        auto all = co_await weft::when_all(std::move(tasks));
        co_return all;
    });

    CHECK(result == std::vector{0, 1, 2, 3, 4});
}

TEST_CASE("when_all of nothing is ready", "[compose][when_all]") {
    run([]() -> weft::task<> {
        const auto before = weft::loop_clock::now();
        auto none = co_await weft::when_all();
        static_assert(std::is_same_v<decltype(none), std::tuple<>>);
        auto empty = co_await weft::when_all(std::vector<weft::task<int>>());
        CHECK(empty.empty());
        CHECK(weft::loop_clock::now() == before);
    });
}

TEST_CASE("when_all takes move-only results and keeps references", "[compose][when_all]") {
    run([]() -> weft::task<> {
        int target = 0;
        auto refer = [&]() -> weft::task<int&> { co_return target; };
        auto own = []() -> weft::task<std::unique_ptr<int>> { co_return std::make_unique<int>(4); };
        auto both = co_await weft::when_all(refer(), own());
        CHECK(&std::get<0>(both) == &target);
        CHECK(*std::get<1>(both) == 4);
    });
}

TEST_CASE("when_all starts its arguments in their order, in the next turn", "[compose][when_all]") {
    events log;
    run([&]() -> weft::task<> {
        co_await weft::when_all(step(0ms, log, "a"), step(0ms, log, "b"), step(0ms, log, "c"));
    });

    CHECK(events(log.begin(), log.begin() + 3) == events{"a", "b", "c"});
}

TEST_CASE("an error in when_all cancels the others, newest first, and is rethrown as it is",
          "[compose][when_all]") {
    events log;
    run([&]() -> weft::task<> {
        bool caught = false;
        try {
            co_await weft::when_all(step(1h, log, "a"), step(1h, log, "b"),
                                    error_after(1ms, "broken"), step(1h, log, "c"));
        } catch (const std::runtime_error& error) {
            caught = true;
            CHECK(std::string(error.what()) == "broken");
        }
        CHECK(caught);
        CHECK(weft::loop_clock::now().time_since_epoch() == 1ms);
    });

    CHECK(log == events{"a", "b", "c", "~c", "~b", "~a"});
}

TEST_CASE("later errors in when_all are unhandled, once each", "[compose][when_all]") {
    const no_frame_leaks check;
    test_loop loop;
    auto fail_at_the_end = [](std::string what) -> weft::task<> {
        auto clean_up = [what]() -> weft::task<> {
            throw std::runtime_error(what);
            co_return;
        };
        co_await weft::finally(weft::sleep_for(1h), clean_up);
    };
    auto main = [&]() -> weft::task<> {
        co_await weft::when_all(fail_at_the_end("second"), error_after(1ms, "first"),
                                fail_at_the_end("third"));
    };

    CHECK_THROWS_WITH(loop.run(main), "first");
    CHECK(loop.reported == std::vector<std::string>{"third", "second"});
}

TEST_CASE("a cancelled when_all cancels and joins all before the caller ends",
          "[compose][when_all]") {
    events log;
    run([&]() -> weft::task<> {
        auto outer = [&]() -> weft::task<> {
            const says_goodbye goodbye(log, "outer");
            auto slow_end = [&]() -> weft::task<> { co_await weft::sleep_for(5ms); };
            co_await weft::when_all(step(1h, log, "a"),
                                    weft::finally(step(1h, log, "b"), slow_end));
        };
        auto none = co_await weft::try_for(1ms, outer());
        CHECK_FALSE(none);
        CHECK(weft::loop_clock::now().time_since_epoch() == 6ms);
    });

    CHECK(log == events{"a", "b", "~b", "~a", "~outer"});
}

TEST_CASE("what completed before the cancel is delivered, if all is complete",
          "[compose][when_all]") {
    run([]() -> weft::task<> {
        // Both are complete in the turn in which the time-out comes.
        auto both = co_await weft::try_for(
            2ms, weft::when_all(value_after(2ms, 1), value_after(2ms, 2)));
        CHECK_FALSE(both); // the timer was armed first

        auto set = [](int value) -> weft::task<int> {
            co_await weft::yield();
            co_return value;
        };
        auto ready = co_await weft::try_for(1ns, weft::when_all(set(1), set(2)));
        REQUIRE(ready);
        CHECK(*ready == std::tuple(1, 2));
    });
}

TEST_CASE("when_all runs callables, and keeps what they capture", "[compose][when_all]") {
    const int sum = run([]() -> weft::task<int> {
        auto first = [text = std::string(100, 'x')]() -> weft::task<std::size_t> {
            co_await weft::sleep_for(1ms);
            co_return text.size();
        };
        auto second = [] { return value_after(1ms, 1); };
        auto both = co_await weft::when_all(std::move(first), second);
        co_return static_cast<int>(std::get<0>(both)) + std::get<1>(both);
    });

    CHECK(sum == 101);
}

TEST_CASE("when_all ends well wherever it is ended", "[compose][when_all]") {
    sweep([]() -> weft::task<> {
        co_await weft::when_all(value_after(2ms, 1), value_after(1ms, 2), weft::sleep_for(1ms));
    });
    sweep([]() -> weft::task<> {
        try {
            co_await weft::when_all(value_after(2ms, 1), error_after(1ms, "x"));
        } catch (const std::runtime_error&) {
        }
        co_await weft::yield();
    });
    sweep([]() -> weft::task<> {
        std::vector<weft::task<int>> tasks;
        for (int i = 0; i != 3; ++i) tasks.push_back(value_after(i * 1ms, i));
        co_await weft::when_all(std::move(tasks));
    });
    sweep([]() -> weft::task<> {
        auto clean_up = [] { return value_after(2ms, 0); };
        co_await weft::when_all(
            weft::finally(value_after(2ms, 1), clean_up),
            weft::when_all(weft::finally(value_after(1ms, 2), clean_up), value_after(3ms, 3)));
    });
}
