// SPDX-License-Identifier: MIT
#include <weft/loop/run.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <utility>

#include <weft/core/frame_pool.hpp>
#include <weft/coro/task.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using weft::task;
using weft::testing::tracked;

// What a run does with children and errors: event_loop_test.cpp.

TEST_CASE("run runs a task on a loop of its own", "[loop][run]") {
    const auto before = weft::frame_pool::now().live;
    const auto main = [](int value) -> task<int> {
        co_await weft::sleep_for(1us);
        co_return value;
    };

    CHECK(weft::run(main(7)) == 7);
    CHECK(weft::run(main, 8) == 8);
    CHECK(weft::frame_pool::now().live == before);
}

TEST_CASE("run keeps the callable and its arguments until main has ended", "[loop][run]") {
    const auto result = weft::run(
        [object = tracked()](std::unique_ptr<int> own, tracked) -> task<std::unique_ptr<int>> {
            co_await weft::sleep_for(1us);
            CHECK(tracked::alive >= 2);
            co_return std::move(own);
        },
        std::make_unique<int>(7), tracked());

    CHECK(*result == 7);
    CHECK(tracked::alive == 0);
}

TEST_CASE("run rethrows what main throws", "[loop][run]") {
    CHECK_THROWS_WITH(weft::run([]() -> task<> {
                          throw std::runtime_error("no data");
                          co_return;
                      }),
                      "no data");
}

TEST_CASE("run in a running loop throws, and runs nothing", "[loop][run]") {
    bool ran = false;
    weft::run([&]() -> task<> {
        CHECK_THROWS_AS(weft::run([&]() -> task<> {
                            ran = true;
                            co_return;
                        }),
                        weft::error);
        CHECK_THROWS_WITH(weft::this_loop().run([]() -> task<> { co_return; }),
                          ContainsSubstring("co_await the task"));
        co_return;
    });

    CHECK_FALSE(ran);
}
