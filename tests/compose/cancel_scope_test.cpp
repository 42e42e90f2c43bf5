// SPDX-License-Identifier: MIT
#include <weft/compose/cancel_scope.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <weft/compose/finally.hpp>
#include <weft/compose/from_callback.hpp>
#include <weft/compose/when_all.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/coro/this_task.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/steps.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;

TEST_CASE("what runs in a scope returns its result", "[compose][cancel_scope]") {
    run([]() -> weft::task<> {
        weft::cancel_scope scope;
        auto value = co_await scope.run(value_after(1ms, 7));
        CHECK(value == 7);
        CHECK_FALSE(scope.cancel_requested());
    });
}

TEST_CASE("a cancelled scope ends what runs in it, newest first, and the caller goes on",
          "[compose][cancel_scope]") {
    events log;
    run([&]() -> weft::task<> {
        weft::cancel_scope scope;
        auto run_in_scope = [&](std::string name) -> weft::task<> {
            auto result = co_await scope.run(step(1h, log, name));
            log.push_back(name + (result ? " completed" : " cancelled"));
        };
        weft::task_group group;
        group.spawn(run_in_scope, "a");
        group.spawn(run_in_scope, "b");
        co_await weft::yield();
        scope.cancel("enough");
        scope.cancel("again");
        CHECK(scope.cancel_requested());
        co_await group.join();

        auto unstarted = co_await scope.run(step(1h, log, "c"));
        CHECK_FALSE(unstarted);
    });

    CHECK(log == events{"a", "b", "~b", "b cancelled", "~a", "a cancelled"});
}

TEST_CASE("a task in a scope can ask for the reason", "[compose][cancel_scope]") {
    std::string reason;
    struct asks {
        std::string& answer;
        ~asks() { answer = weft::this_task::cancel_reason(); }
    };
    run([&]() -> weft::task<> {
        weft::cancel_scope scope;
        auto body = [&]() -> weft::task<> {
            const asks local{reason};
            scope.cancel("the user pressed stop"); // from inside
            CHECK(weft::this_task::cancel_requested());
            co_await weft::sleep_forever();
        };
        auto none = co_await scope.run(body());
        CHECK_FALSE(none);
        CHECK(weft::this_task::cancel_reason().empty());
    });

    CHECK(reason == "the user pressed stop");
}

TEST_CASE("an error at the end of a cancelled scope is rethrown", "[compose][cancel_scope]") {
    run([]() -> weft::task<> {
        weft::cancel_scope scope;
        weft::task_group group;
        group.spawn([&]() -> weft::task<> {
            co_await weft::sleep_for(1ms);
            scope.cancel();
        });
        std::string caught;
        try {
            co_await scope.run(weft::finally(weft::sleep_for(1h), error_after(1ms, "clean-up")));
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "clean-up");
    });
}

TEST_CASE("a cancel of the caller is not the scope's business", "[compose][cancel_scope]") {
    run([]() -> weft::task<> {
        weft::cancel_scope scope;
        auto none = co_await weft::try_for(1ms, scope.run(weft::sleep_for(1h)));
        CHECK_FALSE(none);
        CHECK_FALSE(scope.cancel_requested());
    });
}

TEST_CASE("a cancel_scope ends well wherever it is ended", "[compose][cancel_scope]") {
    sweep([]() -> weft::task<> {
        weft::cancel_scope scope;
        auto stop = [&]() -> weft::task<> {
            co_await weft::sleep_for(2ms);
            scope.cancel();
        };
        co_await weft::when_all(scope.run(value_after(1ms, 1)), scope.run(value_after(3ms, 1)), stop());
    });
}

TEST_CASE("what a cancelled scope asks may destroy others that run in it",
          "[compose][cancel_scope]") {
    test_loop loop;
    weft::cancel_scope scope;
    bool ended = false;
    std::optional<weft::completer<int>> done;
    std::optional<weft::task_group> older(std::in_place, loop);
    older->spawn([&]() -> weft::task<> { co_await scope.run(weft::sleep_forever()); });
    loop.poll();
    auto newer = loop.spawn([&]() -> weft::task<> {
        co_await scope.run(weft::from_callback<int>([&](auto last) { done = last; },
                                                    [&] { older.reset(); }));
        ended = true;
    });
    loop.poll();

    scope.cancel();
    loop.poll();
    loop.poll();

    CHECK(ended);
    CHECK_FALSE(older.has_value());
}
