// SPDX-License-Identifier: MIT
#include <weft/coro/generator_body.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <weft/compose/with_timeout.hpp>
#include <weft/core/error.hpp>
#include <weft/coro/async_generator.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/coro/task_local.hpp>
#include <weft/coro/this_task.hpp>
#include <weft/sync/event.hpp>
#include <weft/time/yield.hpp>

#include <weft/testing/tracked.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/death.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;
using weft::async_generator;
using weft::task;
using weft::task_group;

namespace {

constinit weft::task_local<int> request;

async_generator<int> endless() {
    for (int i = 1;; ++i) co_yield i;
}

} // namespace

TEST_CASE("the body runs in a branch of its own", "[coro][generator_body]") {
    run([]() -> task<> {
        weft::branch* ran_in = nullptr;
        auto body = [&]() -> async_generator<int> {
            ran_in = weft::this_execution.current;
            co_yield 1;
        };
        auto* const own = weft::this_execution.current;
        auto elements = body();
        co_await elements.next();
        CHECK(ran_in != nullptr);
        CHECK(ran_in != own);
        CHECK(weft::this_execution.current == own);
    });
}

TEST_CASE("the body has the bindings of the first who asked", "[coro][generator_body]") {
    run([]() -> task<> {
        auto body = []() -> async_generator<int> {
            for (;;) co_yield request.get();
        };
        auto elements = body();
        auto ask = [&]() -> task<int> {
            auto* each = co_await elements.next();
            co_return *each;
        };
        const int first = co_await request.with(7, ask());
        const int second = co_await request.with(8, ask());
        const int third = co_await ask();
        CHECK(first == 7);
        CHECK(second == 7);
        CHECK(third == 7);
    });
}

TEST_CASE("a cancel of who asks is none of the body", "[coro][generator_body]") {
    run([]() -> task<> {
        bool was_asked = true;
        auto body = [&]() -> async_generator<int> {
            co_await weft::sleep_for(2ms);
            was_asked = weft::this_task::cancel_requested();
            co_yield 1;
        };
        auto elements = body();
        auto none = co_await weft::try_for(1ms, elements.next());
        CHECK_FALSE(none);
        co_await weft::sleep_for(2ms);
        CHECK_FALSE(was_asked);
    });
}

TEST_CASE("an element whose taker is dropped before he resumes is the next one's",
          "[coro][generator_body]") {
    // So many may complete in one resumption: the last is a matter of the next turn, and of the
    // taker or of the body, as the number is even or odd.
    for (int before_that = 0; before_that != 2; ++before_that) {
        branches b;
        auto elements = endless();
        std::vector<int> seen;
        const auto taker = b.spawn([&]() -> task<> {
            weft::event ready;
            ready.set();
            for (int i = 0; i != before_that; ++i) co_await ready.wait();
            for (;;) {
                auto* each = co_await elements.next();
                seen.push_back(*each);
            }
        });
        b.turn();
        b.drop(taker);
        const auto count = seen.size();
        CHECK(count > 10);
        b.run();
        b.spawn([&]() -> task<> {
            auto* each = co_await elements.next();
            seen.push_back(*each);
        });
        b.run();

        REQUIRE(seen.size() == count + 1);
        for (std::size_t i = 0; i != seen.size(); ++i) CHECK(seen[i] == static_cast<int>(i) + 1);
    }
}

TEST_CASE("a body that never ran is destroyed with its arguments", "[coro][generator_body]") {
    const no_frame_leaks check;
    auto hold = [](weft::testing::tracked) -> async_generator<int> { co_yield 1; };
    {
        auto unused = hold(weft::testing::tracked());
        CHECK(weft::testing::tracked::alive == 1);
        auto moved = std::move(unused);
        CHECK(weft::testing::tracked::alive == 1);
    }

    CHECK(weft::testing::tracked::alive == 0);
}

TEST_CASE("a generator is not destroyed under somebody who waits", "[coro][generator_body]") {
    const auto words = last_words([] {
        test_loop loop;
        auto body = []() -> async_generator<int> {
            co_await weft::sleep_for(1h);
            co_yield 1;
        };
        std::vector<async_generator<int>> elements;
        elements.push_back(body());
        loop.spawn([&]() -> task<> { co_await elements[0].next(); });
        loop.poll();
        elements.clear();
    });

    CHECK_THAT(words, Catch::Matchers::ContainsSubstring("destroyed while somebody waits"));
}

TEST_CASE("nobody takes an element from whom it was made for", "[coro][generator_body]") {
    run([]() -> task<> {
        weft::event go;
        auto body = [&]() -> async_generator<int> {
            co_await go.wait();
            for (int i = 1;; ++i) co_yield i;
        };
        auto elements = body();
        std::string log;
        task_group children;
        // Through a fork: it resumes when its turn comes, not within the `co_yield`.
        children.spawn([&]() -> task<> {
            const int* element = co_await weft::with_timeout(1h, elements.next());
            log += element ? std::to_string(*element) : "none";
        });
        co_await weft::yield();
        co_await weft::yield();
        children.spawn([&]() -> task<> {
            co_await go.wait();
            try {
                co_await elements.next();
                log += "stolen";
            } catch (const weft::error& found) {
                log += found.code() == weft::errc::busy ? "busy " : "?";
            }
        });
        co_await weft::yield();
        co_await weft::yield();
        go.set();
        co_await children.join();

        CHECK(log == "busy 1");
        const int* element = co_await elements.next();
        CHECK(*element == 2);
    });
}

TEST_CASE("nobody takes an element from whom it waits for after 64 others",
          "[coro][generator_body]") {
    run([]() -> task<> {
        auto elements = endless();
        co_await elements.next();
        std::vector<int> first, second;
        auto take = [&](std::vector<int>& into, int count) -> task<> {
            while (count-- != 0) {
                try {
                    const int* element = co_await elements.next();
                    into.push_back(element ? *element : 0);
                } catch (const weft::error&) {
                    into.push_back(-1);
                }
            }
        };
        task_group children;
        children.spawn(take(first, 100));
        children.spawn(take(second, 100));
        co_await children.join();

        // Whoever yielded to the other has lost nothing by it.
        std::vector<int> all;
        for (const auto* each : {&first, &second})
            for (const int element : *each)
                if (element != -1) all.push_back(element);
        std::sort(all.begin(), all.end());
        for (std::size_t i = 0; i != all.size(); ++i) CHECK(all[i] == static_cast<int>(i) + 2);
    });
}
