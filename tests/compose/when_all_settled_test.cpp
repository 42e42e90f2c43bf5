// SPDX-License-Identifier: MIT
#include <weft/compose/when_all_settled.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weft/compose/finally.hpp>
#include <weft/compose/with_timeout.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/steps.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;

TEST_CASE("when_all_settled returns values and errors in order", "[compose][when_all_settled]") {
    run([]() -> weft::task<> {
        auto all = co_await weft::when_all_settled(error_after(1ms, "broken"), value_after(2ms, 7),
                                                   weft::sleep_for(3ms));
        auto& [failed, seven, slept] = all;
        REQUIRE(failed.error_as<std::runtime_error>());
        CHECK(std::string(failed.error_as<std::runtime_error>()->what()) == "broken");
        CHECK(seven.value() == 7);
        CHECK(slept.has_value());
        CHECK(weft::loop_clock::now().time_since_epoch() == 3ms);
    });
}

TEST_CASE("when_all_settled over a range", "[compose][when_all_settled]") {
    run([]() -> weft::task<> {
        std::vector<weft::task<>> tasks;
        tasks.push_back(error_after(1ms, "x"));
        tasks.push_back(error_after(0ms, "y"));
        auto all = co_await weft::when_all_settled(std::move(tasks));
        REQUIRE(all.size() == 2);
        CHECK(all[0].error() != nullptr);
        CHECK(all[1].error() != nullptr);
    });
}

TEST_CASE("a cancelled when_all_settled keeps an error", "[compose][when_all_settled]") {
    run([]() -> weft::task<> {
        auto clean_up = [] { return error_after(1ms, "clean-up"); };
        auto all = co_await weft::try_for(
            1ms, weft::when_all_settled(weft::finally(weft::sleep_for(1h), clean_up),
                                        weft::sleep_for(1h), value_after(0ms, 1)));
        REQUIRE(all);
        CHECK(std::get<0>(*all).error() != nullptr);
        CHECK(std::get<1>(*all).was_cancelled());
        CHECK(std::get<2>(*all).value() == 1);

        auto none = co_await weft::try_for(
            1ms, weft::when_all_settled(weft::sleep_for(1h), value_after(0ms, 1)));
        CHECK_FALSE(none);
    });
}

TEST_CASE("when_all_settled ends well wherever it is ended", "[compose][when_all_settled]") {
    sweep([]() -> weft::task<> {
        co_await weft::when_all_settled(error_after(1ms, "x"), value_after(2ms, 7),
                                        weft::sleep_for(1ms));
    });
}
