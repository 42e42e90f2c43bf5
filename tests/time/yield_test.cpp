// SPDX-License-Identifier: MIT
#include <weft/time/yield.hpp>

#include <string>

#include <weft/core/error.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/sweep.hpp"

using weft::task;
using weft::task_group;

TEST_CASE("tasks that yield take turns", "[time][yield]") {
    std::string log;
    run([&]() -> task<> {
        task_group children;
        for (const char name : {'a', 'b', 'c'})
            children.spawn([&log, name]() -> task<> {
                for (int i = 0; i < 3; ++i) {
                    log += name;
                    co_await weft::yield();
                }
            });
        co_await children.join();
    });

    CHECK(log == "abcabcabc");
}

TEST_CASE("a yield lets run who is ready, and not who becomes ready", "[time][yield]") {
    std::string log;
    run([&]() -> task<> {
        auto& loop = weft::this_loop();
        loop.post([&] {
            log += 'a';
            loop.post([&] { log += 'c'; });
        });
        co_await weft::yield();
        log += 'b';
        co_await weft::yield();
        log += 'd';
    });

    CHECK(log == "abcd");
}

TEST_CASE("a yield and a cancel in one turn", "[time][yield]") {
    const bool twice = GENERATE(false, true);
    std::string log;
    weft::event_loop loop(weft::event_loop::time::manual);
    auto child = loop.spawn([&]() -> task<> {
        co_await weft::yield();
        log += "went on";
        if (twice) co_await weft::yield();
        log += " to the end";
    });
    loop.poll();
    child.cancel(); // it is ready: the yield is complete
    loop.poll();
    loop.poll();

    CHECK(child.done());
    CHECK(log == (twice ? "went on" : "went on to the end"));
}

TEST_CASE("sleep_forever ends only by a cancel or a drop", "[time][yield]") {
    CHECK_THROWS_AS(run([]() -> task<> { co_await weft::sleep_forever(); }), weft::deadlock_error);
    run([]() -> task<> {
        task_group children;
        auto child = children.spawn([] { return weft::sleep_forever(); });
        for (int i = 0; i < 10; ++i) co_await weft::yield();
        CHECK_FALSE(child.done());
        child.cancel();
        co_await child.wait();
        CHECK(child.done());
    });
}

TEST_CASE("tasks that yield end at any point", "[time][yield]") {
    sweep([]() -> task<> {
        task_group children;
        for (int i = 0; i < 3; ++i) children.spawn([] { return weft::yield(); });
        co_await weft::yield();
        auto last = children.spawn([]() -> task<> { co_await weft::sleep_forever(); });
        co_await weft::yield();
        last.cancel();
        co_await weft::yield();
    });
}
