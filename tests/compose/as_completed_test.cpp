// SPDX-License-Identifier: MIT
#include <weft/compose/as_completed.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weft/compose/finally.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/steps.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using weft::as_completed;
using weft::task;

namespace {

auto now() { return weft::loop_clock::now().time_since_epoch(); }

/// Tasks that return their index after these many milliseconds.
std::vector<task<int>> tasks_of(std::vector<int> delays) {
    std::vector<task<int>> tasks;
    int index = 0;
    for (const int delay : delays) tasks.push_back(value_after(delay * 1ms, index++));
    return tasks;
}

} // namespace

TEST_CASE("as_completed yields in the order of completion, with the index",
          "[compose][as_completed]") {
    run([]() -> task<> {
        std::vector<std::size_t> order;
        auto ends = as_completed(tasks_of({3, 1, 2, 1}));
        while (auto* end = co_await ends.next()) {
            order.push_back(end->index);
            REQUIRE(end->result);
            CHECK(end->result.value() == static_cast<int>(end->index));
        }
        CHECK(order == std::vector<std::size_t>{1, 3, 2, 0});
        CHECK(now() == 3ms);
        auto* nothing = co_await ends.next();
        CHECK(nothing == nullptr);
    });
}

TEST_CASE("as_completed of nothing ends at once", "[compose][as_completed]") {
    run([]() -> task<> {
        auto ends = as_completed(std::vector<task<>>());
        auto* nothing = co_await ends.next();
        CHECK(nothing == nullptr);
        CHECK(now() == 0ms);
    });
}

TEST_CASE("nothing starts before the first next, then everything does",
          "[compose][as_completed]") {
    events log;
    run([&]() -> task<> {
        std::vector<task<>> steps;
        for (const auto* name : {"a", "b"}) steps.push_back(step(1ms, log, name));
        auto ends = as_completed(std::move(steps));
        co_await weft::sleep_for(5ms);
        CHECK(log.empty());

        co_await ends.next();
        CHECK(events(log.begin(), log.begin() + 2) == events{"a", "b"});
        CHECK(now() == 6ms);
    });
    log.clear();
    run([&]() -> task<> { // not even then
        std::vector<task<>> steps;
        steps.push_back(step(0ms, log, "a"));
        auto ends = as_completed(std::move(steps));
        co_return;
    });

    CHECK(log.empty());
}

TEST_CASE("an error is an end like any other, and the others go on", "[compose][as_completed]") {
    run([]() -> task<> {
        std::vector<task<>> tasks;
        tasks.push_back(error_after(2ms, "broken"));
        tasks.push_back(error_after(1ms, "too"));
        auto wait = []() -> task<> { co_await weft::sleep_for(3ms); };
        tasks.push_back(wait());
        std::vector<std::string> seen;
        auto ends = as_completed(std::move(tasks));
        while (auto* end = co_await ends.next()) {
            const auto* error = end->result.error_as<std::runtime_error>();
            seen.push_back(error ? error->what() : "value");
        }
        CHECK(seen == std::vector<std::string>{"too", "broken", "value"});
    });
}

TEST_CASE("as_completed returns what can only be moved, and references",
          "[compose][as_completed]") {
    run([]() -> task<> {
        auto make = [](int i) -> task<std::unique_ptr<int>> {
            co_await weft::yield();
            co_return std::make_unique<int>(i);
        };
        std::vector<task<std::unique_ptr<int>>> owners;
        owners.push_back(make(4));
        auto owned = as_completed(std::move(owners));
        auto* first = co_await owned.next();
        const auto pointer = first->result.take();
        CHECK(*pointer == 4);

        int target = 0;
        auto refer = [&]() -> task<int&> { co_return target; };
        std::vector<decltype(refer)> callables{refer};
        auto references = as_completed(std::move(callables));
        auto* reference = co_await references.next();
        CHECK(&reference->result.value() == &target);
    });
}

TEST_CASE("a next that is out of time loses no end", "[compose][as_completed]") {
    run([]() -> task<> {
        auto ends = as_completed(tasks_of({5, 2, 9}));
        std::vector<std::size_t> order;
        for (;;) {
            auto end = co_await weft::try_for(1ms, ends.next());
            if (!end) continue;
            if (!*end) break;
            order.push_back((*end)->index);
        }
        CHECK(order == std::vector<std::size_t>{1, 0, 2});
        CHECK(now() == 9ms);
    });
}

TEST_CASE("close cancels those that run, newest first, and waits for their clean-ups",
          "[compose][as_completed]") {
    events log;
    run([&]() -> task<> {
        auto slow = [&](std::string name) -> task<> {
            co_await weft::finally(step(1h, log, name), step(1ms, log, name + " cleaned"));
        };
        std::vector<task<>> tasks;
        tasks.push_back(slow("a"));
        tasks.push_back(step(1ms, log, "b"));
        tasks.push_back(slow("c"));
        auto ends = as_completed(std::move(tasks));
        auto* first = co_await ends.next();
        CHECK(first->index == 1);
        log.clear();

        co_await ends.close();
        CHECK(now() == 2ms);
        auto* nothing = co_await ends.next();
        CHECK(nothing == nullptr);
    });

    CHECK(log == events{"~c", "c cleaned", "~a", "a cleaned", "c cleaned done", "~c cleaned",
                        "a cleaned done", "~a cleaned"});
}

TEST_CASE("an error that nobody has fetched is unhandled when as_completed goes",
          "[compose][as_completed]") {
    const no_frame_leaks check;
    test_loop loop;
    auto tasks = [] {
        std::vector<task<>> result;
        result.push_back(error_after(1ms, "fetched"));
        result.push_back(error_after(1ms, "first"));
        result.push_back(error_after(1ms, "second"));
        return result;
    };
    loop.run([&]() -> task<> {
        {
            auto left = as_completed(tasks());
            auto* fetched = co_await left.next();
            CHECK(fetched->result.error());
            co_await weft::sleep_for(1ms);
        }
        auto closed = as_completed(tasks());
        co_await closed.next();
        co_await weft::sleep_for(1ms);
        co_await closed.close();
    });

    CHECK(loop.reported == std::vector<std::string>{"first", "second", "first", "second"});
}

TEST_CASE("left early, as_completed drops what runs", "[compose][as_completed]") {
    events log;
    run([&]() -> task<> {
        std::vector<task<>> tasks;
        tasks.push_back(step(1h, log, "a"));
        tasks.push_back(step(0ms, log, "b"));
        {
            auto ends = as_completed(std::move(tasks));
            co_await ends.next();
        }
        log.push_back("left");
        CHECK(now() == 0ms);
    });

    CHECK(log == events{"a", "b", "b done", "~b", "~a", "left"});
}

TEST_CASE("as_completed ends well wherever it is ended", "[compose][as_completed]") {
    sweep([]() -> task<> {
        auto ends = as_completed(tasks_of({2, 0, 1}));
        while (auto* end = co_await ends.next()) {
            if (end->index == 2) co_await weft::sleep_for(3ms);
        }
    });
    sweep([]() -> task<> {
        std::vector<task<int>> tasks;
        auto slow = []() -> task<int> {
            const int value = co_await weft::finally(value_after(2ms, 1), value_after(1ms, 2));
            co_return value;
        };
        for (int i = 0; i != 3; ++i) tasks.push_back(slow());
        auto ends = as_completed(std::move(tasks));
        auto first = co_await weft::try_for(1ms, ends.next());
        static_cast<void>(first);
        co_await ends.close();
    });
}
