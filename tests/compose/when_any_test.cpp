// SPDX-License-Identifier: MIT
#include <weft/compose/when_any.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weft/compose/finally.hpp>
#include <weft/compose/shield.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/coro/this_task.hpp>
#include <weft/sync/event.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/steps.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;

TEST_CASE("the first completion decides when_any", "[compose][when_any]") {
    events log;
    run([&]() -> weft::task<> {
        auto first = co_await weft::when_any(step(1h, log, "a"), value_after(1ms, 7),
                                             weft::sleep_for(2ms));
        CHECK_FALSE(std::get<0>(first));
        CHECK(std::get<1>(first) == 7);
        CHECK_FALSE(std::get<2>(first));
        CHECK(weft::loop_clock::now().time_since_epoch() == 1ms);
    });

    CHECK(log == events{"a", "~a"});
}

TEST_CASE("losers are cancelled and joined before when_any returns", "[compose][when_any]") {
    run([]() -> weft::task<> {
        bool ended = false;
        auto clean_up = [&]() -> weft::task<> {
            co_await weft::sleep_for(1s);
            ended = true;
        };
        auto first = co_await weft::when_any(weft::finally(weft::sleep_for(1h), clean_up),
                                             weft::sleep_for(1ms));
        CHECK(std::get<1>(first));
        CHECK(ended);
    });
}

TEST_CASE("a loser that completes meanwhile is in the result too", "[compose][when_any]") {
    run([]() -> weft::task<> {
        auto two = co_await weft::when_any(value_after(1ms, 1), value_after(1ms, 2),
                                           weft::shield(value_after(5ms, 3)), value_after(5ms, 4));
        CHECK(std::get<0>(two) == 1);
        CHECK(std::get<1>(two) == 2);
        CHECK(std::get<2>(two) == 3);
        CHECK_FALSE(std::get<3>(two));
    });
}

TEST_CASE("an error that comes first is rethrown after the others' end", "[compose][when_any]") {
    run([]() -> weft::task<> {
        bool ended = false;
        auto clean_up = [&]() -> weft::task<> {
            co_await weft::sleep_for(1s);
            ended = true;
        };
        std::string caught;
        try {
            co_await weft::when_any(weft::finally(weft::sleep_for(1h), clean_up),
                                    error_after(1ms, "first"));
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "first");
        CHECK(ended);
    });
}

TEST_CASE("an error that comes later is unhandled", "[compose][when_any]") {
    const no_frame_leaks check;
    test_loop loop;
    loop.run([]() -> weft::task<> {
        auto first = co_await weft::when_any(weft::sleep_for(1ms), error_after(1ms, "late"));
        CHECK(std::get<0>(first));
        CHECK_FALSE(std::get<1>(first));
    });

    CHECK(loop.reported == std::vector<std::string>{"late"});
}

TEST_CASE("a loser knows why it was cancelled", "[compose][when_any]") {
    std::string reason;
    struct asks {
        std::string& answer;
        ~asks() { answer = weft::this_task::cancel_reason(); }
    };
    run([&]() -> weft::task<> {
        auto loser = [&]() -> weft::task<> {
            const asks local{reason};
            co_await weft::sleep_forever();
        };
        co_await weft::when_any(loser(), weft::sleep_for(1ms));
    });

    CHECK(reason == "another one completed first");
}

TEST_CASE("when_any over a range", "[compose][when_any]") {
    run([]() -> weft::task<> {
        std::vector<weft::task<int>> tasks;
        for (int i = 0; i != 3; ++i) tasks.push_back(value_after((3 - i) * 1ms, i));
        auto first = co_await weft::when_any(std::move(tasks));
        REQUIRE(first.size() == 3);
        CHECK_FALSE(first[0]);
        CHECK_FALSE(first[1]);
        CHECK(first[2] == 2);

        auto none = co_await weft::when_any(std::vector<weft::task<int>>());
        CHECK(none.empty());
    });
}

TEST_CASE("a cancelled when_any delivers what completed all the same", "[compose][when_any]") {
    run([]() -> weft::task<> {
        auto kept = co_await weft::try_for(
            1ms, weft::when_any(weft::sleep_for(1h), weft::shield(value_after(2ms, 5))));
        REQUIRE(kept);
        CHECK(std::get<1>(*kept) == 5);

        auto lost = co_await weft::try_for(1ms,
                                           weft::when_any(weft::sleep_for(1h), weft::sleep_forever()));
        CHECK_FALSE(lost);
    });
}

TEST_CASE("when_any ends well wherever it is ended", "[compose][when_any]") {
    sweep([]() -> weft::task<> {
        co_await weft::when_any(value_after(2ms, 1), value_after(1ms, 2), weft::sleep_for(1ms));
    });
    sweep([]() -> weft::task<> {
        weft::event never;
        auto clean_up = [] { return value_after(2ms, 0); };
        co_await weft::when_any(weft::finally(never.wait(), clean_up), value_after(1ms, 2),
                                weft::shield(value_after(3ms, 3)));
        co_await weft::yield();
    });
}
