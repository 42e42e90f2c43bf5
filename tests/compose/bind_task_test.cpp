// SPDX-License-Identifier: MIT
#include <weft/compose/bind_task.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/steps.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;

TEST_CASE("bind_task keeps a lambda's captures and the arguments", "[compose][bind_task]") {
    auto make = [] {
        return weft::bind_task(
            [text = std::string(40, 'x')](std::unique_ptr<int> number) -> weft::task<std::size_t> {
                co_await weft::yield();
                co_return text.size() + static_cast<std::size_t>(*number);
            },
            std::make_unique<int>(2));
    };

    CHECK(run(make()) == 42);
}

TEST_CASE("a bound task that never runs destroys what it keeps", "[compose][bind_task]") {
    {
        auto pending = weft::bind_task([](weft::testing::tracked) -> weft::task<> { co_return; },
                                       weft::testing::tracked());
        CHECK(weft::testing::tracked::alive == 1);
    }
    CHECK(weft::testing::tracked::alive == 0);
}

TEST_CASE("a bound task ends well wherever it is ended", "[compose][bind_task]") {
    sweep([] {
        return weft::bind_task(
            [local = weft::testing::tracked()](int value) -> weft::task<> {
                co_await value_after(1ms, value);
            },
            3);
    });
}
