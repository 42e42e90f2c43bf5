// SPDX-License-Identifier: MIT
#include <weft/core/child.hpp>

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <weft/compose/when_all.hpp>
#include <weft/compose/when_any.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;
using weft::task;
using weft::task_group;
using weft::testing::tracked;

namespace {

/// Has what the task that it awaits refers to.
struct prompt {
    std::unique_ptr<std::string> text;

    static task<std::size_t> length(const std::string& of) {
        co_await weft::yield();
        co_return of.size();
    }
    auto operator co_await() && { return length(*text).operator co_await(); }
};

struct foreign {
    int value;
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    int await_resume() const noexcept { return value; }
};

task<> bound_to(tracked) { co_await weft::sleep_forever(); }

} // namespace

TEST_CASE("what a fork takes is an awaitable, or a callable that makes one", "[core][child]") {
    const auto makes = [] { return foreign{1}; };
    const auto makes_nothing = [] { return 1; };
    STATIC_REQUIRE(weft::forkable<task<int>>);
    STATIC_REQUIRE(weft::forkable<foreign>);
    STATIC_REQUIRE(weft::forkable<decltype(makes)>);
    STATIC_REQUIRE_FALSE(weft::forkable<decltype(makes_nothing)>);
    STATIC_REQUIRE_FALSE(weft::forkable<int>);
    STATIC_REQUIRE(std::is_same_v<weft::fork_result_t<decltype(makes)>, int>);
    STATIC_REQUIRE(std::is_same_v<weft::fork_result_t<task<std::string&>>, std::string&>);
}

TEST_CASE("a child runs a task, an operation without a frame, or anybody's awaitable",
          "[core][child]") {
    run([]() -> task<> {
        task_group children;
        const auto before = weft::frame_pool::now().live;
        auto sleeper = children.spawn([] { return weft::sleep_for(1h); });
        co_await weft::yield();
        CHECK(weft::frame_pool::now().live == before + 1); // the child, and no frame

        auto coroutine = children.spawn([]() -> task<int> { co_return 7; });
        auto stranger = children.spawn([] { return foreign{8}; });
        const int seven = co_await coroutine;
        const int eight = co_await stranger;
        co_await sleeper;
        CHECK(seven == 7);
        CHECK(eight == 8);
    });
}

TEST_CASE("a callable is kept until its coroutine has ended, and no longer", "[core][child]") {
    run([]() -> task<> {
        task_group children;
        auto child = children.spawn(
            [object = tracked(), text = std::string(100, 'x')]() -> task<std::size_t> {
                co_await weft::yield();
                co_return text.size(); // a capture
            });
        CHECK(tracked::alive == 1);
        co_await child.wait();
        CHECK(tracked::alive == 0);

        const std::size_t size = co_await child;
        CHECK(size == 100);
    });
}

TEST_CASE("an awaitable is kept until the task has ended whose awaiter it hands out",
          "[core][child]") {
    const auto ask = [] { return prompt{std::make_unique<std::string>(100, 'x')}; };
    run([&]() -> task<> {
        auto [here, called] = co_await weft::when_all(ask(), ask);
        CHECK(here == 100);
        CHECK(called == 100);

        task_group children;
        auto cut_off = children.spawn(ask);
        co_await weft::yield();
        cut_off.cancel();
        co_await cut_off.wait();
        auto not_begun = children.spawn(ask);
        not_begun.cancel();
        co_await not_begun.wait();
        children.spawn(ask); // dropped with the group
        co_await weft::yield();
    });
}

TEST_CASE("an operation that stands elsewhere can be forked", "[core][child]") {
    struct referring {
        weft::sleep_operation* to;
        weft::sleep_operation& operator co_await() && { return *to; }
    };
    run([]() -> task<> {
        weft::sleep_operation long_one(1h);
        weft::sleep_operation short_one(1ms);
        weft::sleep_operation another(2ms);
        co_await weft::when_any(referring{&long_one}, referring{&short_one});
        CHECK(weft::this_loop().now().time_since_epoch() == 1ms);
        co_await weft::when_all([&] { return referring{&another}; });
        CHECK(weft::this_loop().now().time_since_epoch() == 2ms);
    });
}

TEST_CASE("a child that has not begun may die while a cancelled frame has still its awaiter",
          "[core][child]") {
    const auto both = []() -> task<> {
        const auto waits = [] { return bound_to(tracked()); };
        auto first = waits().operator co_await();
        auto second = weft::when_all(waits).operator co_await(); // dies before `first`
        co_await first;
        co_await second;
    };
    run([&]() -> task<> {
        task_group children;
        auto cut_off = children.spawn(both());
        co_await weft::yield();
        CHECK(tracked::alive == 1);
        cut_off.cancel();
        co_await cut_off.wait();
        CHECK(tracked::alive == 0);
    });
}

TEST_CASE("a callable that throws is a child that failed", "[core][child]") {
    run([]() -> task<> {
        task_group children(weft::on_error::report);
        auto child = children.spawn(
            [object = tracked()]() -> task<int> { throw std::runtime_error("no task at all"); });
        co_await child.wait();
        CHECK(tracked::alive == 0);

        auto result = co_await child.settled();
        REQUIRE(result.error_as<std::runtime_error>() != nullptr);
    });
}

TEST_CASE("what a child has produced is destroyed with its result", "[core][child]") {
    const no_frame_leaks check;
    {
        test_loop loop;
        auto child = loop.spawn([]() -> task<tracked> { co_return tracked(); });
        loop.poll();
        CHECK(child.done());
        CHECK(tracked::alive == 1);
    }

    CHECK(tracked::alive == 0);
}

TEST_CASE("a child without a frame is cancelled and dropped like any other", "[core][child]") {
    const no_frame_leaks check;
    test_loop loop;
    auto children = std::make_unique<task_group>(loop);
    auto cancelled = children->spawn([object = tracked()] { return weft::sleep_forever(); });
    auto dropped = children->spawn([object = tracked()] { return weft::sleep_forever(); });
    loop.poll();
    CHECK(tracked::alive == 2);

    cancelled.cancel();
    loop.poll();
    CHECK(cancelled.done());
    CHECK(tracked::alive == 1);
    children.reset();

    CHECK(dropped.done());
    CHECK(tracked::alive == 0);
}

TEST_CASE("an operation that completes at once makes a child that does", "[core][child]") {
    run([]() -> task<> {
        task_group children;
        auto child = children.spawn([] { return foreign{3}; });
        auto chained = children.spawn([&child] { return child.wait(); });
        co_await chained;
        const int result = co_await child;
        CHECK(result == 3);
    });
}
