// SPDX-License-Identifier: MIT
#include <weft/coro/join_handle.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/death.hpp"
#include "support/run.hpp"
#include "support/slow_wait.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using weft::join_handle;
using weft::on_error;
using weft::task;
using weft::task_group;
using weft::testing::tracked;

namespace {

task<int> returns(int value, weft::duration after) {
    co_await weft::sleep_for(after);
    co_return value;
}

task<int> fails(weft::duration after) {
    co_await weft::sleep_for(after);
    throw std::runtime_error("no data");
}

} // namespace

TEST_CASE("joining a child gives its result, whether it has ended or not", "[coro][join_handle]") {
    run([]() -> task<> {
        task_group children;
        auto early = children.spawn(returns(1, 1s));
        auto late = children.spawn(returns(2, 2s));
        CHECK_FALSE(early.done());

        const int two = co_await late;
        CHECK(early.done());
        const int one = co_await std::move(early);
        CHECK(one == 1);
        CHECK(two == 2);
    });
}

TEST_CASE("joining a child that failed rethrows its error as it is", "[coro][join_handle]") {
    run([]() -> task<> {
        task_group children(on_error::report);
        auto child = children.spawn(fails(1s));
        std::string caught;
        try {
            static_cast<void>(co_await child);
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "no data");
    });
}

TEST_CASE("joining a child that was cancelled says so", "[coro][join_handle]") {
    run([]() -> task<> {
        task_group children;
        auto child = children.spawn(returns(1, 1h));
        auto unstarted = children.spawn(returns(1, 1h));
        unstarted.cancel();
        co_await weft::yield();
        child.cancel();

        int caught = 0;
        for (auto* each : {&child, &unstarted}) {
            try {
                static_cast<void>(co_await *each);
            } catch (const weft::cancelled_error&) {
                ++caught;
            }
        }
        CHECK(caught == 2);
    });
}

TEST_CASE("wait and settled never throw", "[coro][join_handle]") {
    run([]() -> task<> {
        task_group children(on_error::report);
        auto good = children.spawn(returns(7, 1s));
        auto bad = children.spawn(fails(1s));
        auto gone = children.spawn(returns(7, 1h));
        co_await weft::yield();
        gone.cancel();

        for (auto* each : {&good, &bad, &gone}) {
            co_await each->wait();
            co_await each->wait(); // any number of times
            CHECK(each->done());
        }
        auto value = co_await good.settled();
        auto error = co_await bad.settled();
        auto cancelled = co_await gone.settled();
        CHECK(value.take() == 7);
        CHECK(error.error_as<std::runtime_error>() != nullptr);
        CHECK(cancelled.was_cancelled());
    });
}

TEST_CASE("any number of waiters wait for one child, and go on in order", "[coro][join_handle]") {
    std::string log;
    run([&]() -> task<> {
        task_group children;
        auto child = children.spawn(returns(7, 1s));
        for (const char name : {'a', 'b', 'c'})
            children.spawn([&, name]() -> task<> {
                co_await child.wait();
                log += name;
            });
        co_await children.join();
    });

    CHECK(log == "abc");
}

TEST_CASE("cancelling a joiner leaves the child alone", "[coro][join_handle]") {
    run([]() -> task<> {
        task_group children;
        auto child = children.spawn(returns(7, 2s));
        auto joiner = children.spawn([&]() -> task<> { static_cast<void>(co_await child); });
        auto waiter = children.spawn([&] { return child.wait(); });
        co_await weft::sleep_for(1s);
        joiner.cancel();
        waiter.cancel();
        co_await joiner.wait();
        co_await waiter.wait();
        CHECK_FALSE(child.done());

        const int result = co_await child;
        CHECK(result == 7);
    });
}

TEST_CASE("a child ends and its joiner is cancelled, in one turn", "[coro][join_handle]") {
    const bool end_first = GENERATE(false, true);
    std::string log;
    test_loop loop(weft::event_loop::time::manual);
    auto child = loop.spawn(returns(7, 1s));
    auto joiner = loop.spawn([&]() -> task<> {
        const int result = co_await child;
        log += std::to_string(result);
        co_await weft::yield();
        log += " too far";
    });
    loop.poll();

    loop.advance(1s);
    if (end_first) {
        loop.poll(); // the child ends, and the joiner is ready
        joiner.cancel();
    } else {
        joiner.cancel();
        loop.poll();
    }
    loop.poll();
    loop.poll();

    CHECK(joiner.done());
    CHECK(child.done());
    CHECK(log == (end_first ? "7" : ""));
}

TEST_CASE("a child that waits for its own end gets an error", "[coro][join_handle]") {
    run([]() -> task<> {
        task_group children;
        join_handle<> self;
        int caught = 0;
        const auto body = [&]() -> task<> {
            co_await weft::yield();
            try {
                co_await self.wait();
            } catch (const weft::deadlock_error&) {
                ++caught;
            }
            try {
                co_await self;
            } catch (const weft::deadlock_error&) {
                ++caught;
            }
        };
        self = children.spawn(body);
        co_await children.join();
        CHECK(caught == 2);
    });
}

TEST_CASE("a handle neither joins nor cancels when it goes", "[coro][join_handle]") {
    bool ended = false;
    run([&]() -> task<> {
        task_group children;
        {
            auto handle = children.spawn([&]() -> task<> {
                co_await weft::sleep_for(1s);
                ended = true;
            });
            co_await weft::yield();
        }
        CHECK_FALSE(ended);
        co_await children.join();
    });

    CHECK(ended);
}

TEST_CASE("a handle keeps the result alive, and nothing else", "[coro][join_handle]") {
    run([]() -> task<> {
        task_group children;
        auto handle = children.spawn(
            [](tracked, tracked) -> task<tracked> {
                tracked local;
                co_await weft::yield();
                co_return local;
            },
            tracked(), tracked());
        co_await handle.wait();
        CHECK(tracked::alive == 1);

        handle = {};
        CHECK(tracked::alive == 0);
    });
}

TEST_CASE("a handle may outlive the group and the loop", "[coro][join_handle]") {
    const no_frame_leaks check;
    {
        join_handle<tracked> ended, dropped;
        {
            test_loop loop;
            task_group children(loop);
            ended = children.spawn([]() -> task<tracked> { co_return tracked(); });
            dropped = children.spawn([]() -> task<tracked> {
                co_await weft::sleep_forever();
                co_return tracked();
            });
            loop.poll();
        }
        CHECK(ended.done());
        CHECK(dropped.done());
        CHECK(tracked::alive == 1);

        run([&]() -> task<> {
            auto first = co_await ended.settled();
            auto second = co_await dropped.settled();
            CHECK(first.has_value());
            CHECK(second.was_cancelled());
        });
    }

    CHECK(tracked::alive == 0);
}

TEST_CASE("an error that nobody joined is reported once, with the child's name",
          "[coro][join_handle]") {
    test_loop loop;
    loop.run([]() -> task<> {
        task_group children(on_error::report);
        children.spawn(fails(0s)).set_name("nobody");
        auto waited = children.spawn(fails(0s)).set_name("only waited for").name();
        CHECK(waited == "only waited for");
        auto kept = children.spawn(fails(0s));
        kept.set_name("kept");
        auto joined = children.spawn(fails(0s));
        auto settled = children.spawn(fails(0s));
        co_await children.join();
        CHECK(weft::this_execution.loop != nullptr);

        co_await kept.wait();
        try {
            static_cast<void>(co_await joined);
        } catch (const std::runtime_error&) {}
        auto outcome = co_await settled.settled();
        static_cast<void>(outcome);
    });

    CHECK(loop.reported == std::vector<std::string>{"no data in nobody",
                                                    "no data in only waited for",
                                                    "no data in kept"});
}

TEST_CASE("an error is told to the loop of the child, also when it does not run",
          "[coro][join_handle]") {
    const no_frame_leaks check;
    test_loop other;
    join_handle<int> outlives;
    {
        test_loop loop;
        loop.spawn(fails(0s)).set_name("early");
        auto failed = loop.spawn(fails(0s));
        failed.set_name("late");
        auto elsewhere = loop.spawn(fails(0s));
        outlives = loop.spawn(fails(0s));
        outlives.set_name("last");
        auto joined = loop.spawn(fails(0s));
        while (!joined.done()) loop.poll();
        CHECK_THROWS_WITH(joined.take(), "no data");
        joined = {};
        CHECK(loop.reported == std::vector<std::string>{"no data in early"});

        failed = {};
        CHECK(loop.reported.back() == "no data in late");
        other.run([&]() -> task<> {
            elsewhere = {};
            co_return;
        });
        CHECK(other.reported.empty());
        CHECK(loop.reported.size() == 3);
    }

    other.run([&]() -> task<> {
        outlives = {};
        co_return;
    });
    CHECK(other.reported == std::vector<std::string>{"no data in last"});
}

TEST_CASE("a hook that owns the last handle is not called by its own end", "[coro][join_handle]") {
    const no_frame_leaks check;
    int told = 0;
    auto failed = std::make_shared<join_handle<int>>();
    {
        weft::event_loop loop(weft::event_loop::time::simulated);
        loop.on_unhandled([&told, failed](std::exception_ptr, std::string_view) { ++told; });
        *failed = loop.spawn(fails(0s));
        while (!failed->done()) loop.poll();
        failed.reset();
    }
    CHECK(told == 0); // printed: the loop is gone, and no other runs
}

TEST_CASE("the hook may use the loop, though that does not run", "[coro][join_handle]") {
    weft::event_loop loop(weft::event_loop::time::simulated);
    int posted = 0;
    loop.on_unhandled([&posted](std::exception_ptr, std::string_view) {
        weft::this_loop().post([&posted] { ++posted; });
    });
    auto failed = loop.spawn(fails(0s));
    while (!failed.done()) loop.poll();
    failed = {};
    CHECK(posted == 0);
    loop.poll();
    CHECK(posted == 1);
}

TEST_CASE("what is as good when it is received again may be", "[coro][join_handle]") {
    test_loop loop;
    auto number = loop.spawn(returns(7, 0s));
    auto cancelled = loop.spawn([]() -> task<std::string> {
        co_await weft::sleep_forever();
        co_return "never";
    });
    while (!number.done()) loop.poll();
    cancelled.cancel();
    loop.poll();
    CHECK(number.take() == 7);
    CHECK(number.take() == 7);
    CHECK_THROWS_AS(cancelled.take(), weft::cancelled_error);
    CHECK_THROWS_AS(cancelled.take(), weft::cancelled_error);
}

#ifndef NDEBUG
TEST_CASE("a result that was received is not there any more", "[coro][join_handle]") {
    const auto words = last_words([] {
        test_loop loop;
        auto child = loop.spawn([]() -> task<std::unique_ptr<int>> { co_return nullptr; });
        while (!child.done()) loop.poll();
        child.take();
        child.take();
    });
    CHECK_THAT(words, Catch::Matchers::ContainsSubstring("received once"));
}
#endif

TEST_CASE("a handle names its child", "[coro][join_handle]") {
    run([]() -> task<> {
        task_group children;
        auto child = children.spawn(returns(7, 1s));
        CHECK(child.name().empty());
        std::string name = "download 17";
        child.set_name(name);
        name = "overwritten";
        CHECK(child.name() == "download 17");
        child.set_name("");
        CHECK(child.name().empty());
        co_await children.join();
    });
}

TEST_CASE("an empty handle refers to nobody", "[coro][join_handle]") {
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<join_handle<>>);
    STATIC_REQUIRE(std::is_nothrow_move_assignable_v<join_handle<>>);
    join_handle<int> empty;

    CHECK(empty.done());
    CHECK(empty.name().empty());
    empty.cancel();

    run([&]() -> task<> {
        task_group children;
        auto full = children.spawn(returns(7, 1s));
        empty = std::move(full);
        CHECK(full.done()); // NOLINT
        CHECK_FALSE(empty.done());
        const int result = co_await empty;
        CHECK(result == 7);
        empty = {};
    });
}

TEST_CASE("a child may own the last handle to itself", "[coro][join_handle]") {
    run([]() -> task<> {
        task_group children(on_error::report);
        for (const bool cancelled : {false, true}) {
            auto own = std::make_shared<join_handle<>>();
            const std::weak_ptr<join_handle<>> seen = own;
            *own = children.spawn([own]() -> task<> { co_await weft::sleep_for(1s); });
            if (cancelled) own->cancel();
            own.reset();
            co_await children.join();
            CHECK(seen.expired());
        }
    });
}

TEST_CASE("joins end at any point", "[coro][join_handle]") {
    sweep([]() -> task<> {
        task_group children(on_error::report);
        auto slow = children.spawn([]() -> task<tracked> {
            co_await slow_wait(3s, 1s);
            co_return tracked();
        });
        auto bad = children.spawn(fails(2s));
        auto waiter = children.spawn([&]() -> task<> { co_await bad.wait(); });
        auto settler = children.spawn([&] { return bad.settled(); });
        co_await waiter;
        tracked result = co_await slow;
        auto outcome = co_await settler;
    });
}

TEST_CASE("outside of a coroutine, the result of a child that has ended is taken",
          "[coro][join_handle]") {
    test_loop loop;
    auto number = loop.spawn([]() -> task<std::unique_ptr<int>> {
        co_return std::make_unique<int>(7);
    });
    auto nothing = loop.spawn([]() -> task<> { co_return; });
    auto failed = loop.spawn([]() -> task<> {
        throw std::runtime_error("no data");
        co_return;
    });
    auto cancelled = loop.spawn([]() -> task<int&> {
        co_await weft::sleep_forever();
        static int never;
        co_return never;
    });
    while (!failed.done()) loop.poll();
    cancelled.cancel();
    loop.poll();

    CHECK(*number.take() == 7);
    nothing.take();
    CHECK_THROWS_WITH(failed.take(), "no data");
    CHECK_THROWS_AS(cancelled.take(), weft::cancelled_error);
    failed = {};
    CHECK(loop.reported.empty());
}
