// SPDX-License-Identifier: MIT
#include <weft/testing/simulated_loop.hpp>

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/core/error.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using weft::task;
using weft::testing::all_tasks_blocked;
using weft::testing::decisions;
using weft::testing::simulated_loop;

namespace {

// Three tasks that yield twice each, and say when they run.
std::string order_of(std::uint64_t seed) {
    std::string log;
    decisions choices(seed);
    simulated_loop loop(choices, seed != 0);
    loop.run([&]() -> task<> {
        weft::task_group group;
        for (const char name : {'a', 'b', 'c'})
            group.spawn([&log, name]() -> task<> {
                for (int i = 0; i < 3; ++i) {
                    log += name;
                    co_await weft::yield();
                }
            });
        co_await group.join();
    });
    return log;
}

} // namespace

TEST_CASE("a simulated loop with seed 0 has the order of a real one", "[testing][simulated_loop]") {
    CHECK(order_of(0) == "abcabcabc");
}

TEST_CASE("a seed shuffles what is ready, but nobody runs twice before all others ran once",
          "[testing][simulated_loop]") {
    std::set<std::string> orders;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        const auto order = order_of(seed);
        REQUIRE(order.size() == 9);
        for (std::size_t i = 0; i < 9; i += 3) {
            const auto turn = order.substr(i, 3);
            REQUIRE(std::set<char>(turn.begin(), turn.end()).size() == 3);
        }
        orders.insert(order);
    }
    CHECK(orders.size() == 36); // children start in order, then 3! * 3!
}

TEST_CASE("those whom one task wakes stay in order, whatever the seed",
          "[testing][simulated_loop]") {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        decisions choices(seed);
        simulated_loop loop(choices, seed != 0);
        std::vector<int> woken, due;
        loop.run([&]() -> task<> {
            weft::event event;
            weft::task_group group;
            for (int i = 0; i < 10; ++i) {
                group.spawn([&, i]() -> task<> {
                    co_await event.wait();
                    woken.push_back(i);
                    co_await weft::sleep_until(weft::time_point(10s));
                    due.push_back(i);
                });
                co_await weft::yield();
            }
            event.set();
            co_await group.join();
        });
        REQUIRE(woken == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
        REQUIRE(due.size() == 10);
    }
}

TEST_CASE("sleepers of one deadline wake in the order in which they went to sleep",
          "[testing][simulated_loop]") {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        decisions choices(seed);
        simulated_loop loop(choices, seed != 0);
        std::vector<int> asleep, due;
        loop.run([&]() -> task<> {
            weft::task_group group;
            for (int i = 0; i < 10; ++i)
                group.spawn([&, i]() -> task<> {
                    co_await weft::yield();
                    asleep.push_back(i);
                    co_await weft::sleep_until(weft::time_point(10s));
                    due.push_back(i);
                });
            co_await group.join();
        });
        REQUIRE(due == asleep);
    }
}

TEST_CASE("the same seed gives the same trace, another seed another one",
          "[testing][simulated_loop]") {
    const auto trace = [](std::uint64_t seed) {
        decisions choices(seed);
        simulated_loop loop(choices, seed != 0);
        loop.run([&]() -> task<> {
            weft::task_group group;
            for (int i = 0; i < 5; ++i)
                group.spawn([i]() -> task<> {
                    for (int j = 0; j < 5; ++j) {
                        co_await weft::sleep_for(1s * (i % 3));
                        co_await weft::yield();
                        co_await weft::yield();
                    }
                });
            co_await group.join();
        });
        return loop.trace_hash();
    };
    std::set<std::uint64_t> traces;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        traces.insert(trace(seed));
        REQUIRE(trace(seed) == trace(seed));
    }
    CHECK(traces.size() == 100);
    // The same with every compiler and library.
    CHECK(trace(0) == 0x48a0e8d3b7d54a02);
    CHECK(trace(7) == 0xa912fc5e9309d98e);
}

TEST_CASE("a log of decisions repeats a run", "[testing][simulated_loop]") {
    const auto run = [](decisions choices) {
        std::string log;
        simulated_loop loop(choices, true);
        loop.run([&]() -> task<> {
            weft::task_group group;
            for (const char name : {'a', 'b', 'c'})
                group.spawn([&log, name]() -> task<> {
                    co_await weft::yield();
                    log += name;
                });
            co_await group.join();
        });
        return std::pair(log, choices.log());
    };
    const auto [order, log] = run(decisions(5));
    const auto text = decisions::to_text(log);

    CHECK(run(decisions(log)).first == order);
    CHECK(run(decisions(decisions::from_text(text))).first == order);
    CHECK(run(decisions(decisions::log_type{})).first == "abc");
    CHECK(run(decisions(decisions::log_type{2, 1})).first == "cba");
}

TEST_CASE("a deadlock tells who waits for what, where, and who holds it",
          "[testing][simulated_loop]") {
    decisions choices(0);
    simulated_loop loop(choices, false);
    weft::mutex left, right;
    const auto take = [](weft::mutex& first, weft::mutex& second) -> task<> {
        auto one = co_await first.lock();
        co_await weft::yield();
        auto two = co_await second.lock();
    };
    std::string text;
    try {
        loop.run([&]() -> task<> {
            weft::task_group group;
            group.spawn([&] { return take(left, right); }).set_name("lefty");
            group.spawn([&] { return take(right, left); }).set_name("righty");
            co_await group.join();
        });
    } catch (const weft::deadlock_error& error) {
        text = error.what();
    }

    CHECK_THAT(text,
               ContainsSubstring("main: waits in task_group.join at simulated_loop_test.cpp:"));
    CHECK_THAT(text, ContainsSubstring("\"lefty\": waits in mutex.lock at "));
    CHECK_THAT(text, ContainsSubstring("because of \"righty\""));
    CHECK_THAT(text, ContainsSubstring("because of \"lefty\""));
}

TEST_CASE("all_tasks_blocked waits for whatever can happen now, and takes no time",
          "[testing][simulated_loop]") {
    decisions choices(0);
    simulated_loop loop(choices, false);
    loop.run([&]() -> task<> {
        int steps = 0;
        bool slept = false;
        weft::task_group group;
        group.spawn([&]() -> task<> {
            for (; steps < 100; ++steps) co_await weft::yield();
            co_await weft::sleep_for(1s);
            slept = true;
        });

        co_await all_tasks_blocked();
        CHECK(steps == 100);
        CHECK_FALSE(slept);
        CHECK(weft::loop_clock::now() == weft::time_point());

        co_await weft::sleep_for(1s);
        co_await all_tasks_blocked();
        CHECK(slept);
    });
}

TEST_CASE("run_until_blocked and advance make a simulation go on from outside",
          "[testing][simulated_loop]") {
    decisions choices(0);
    simulated_loop loop(choices, false);
    std::string log;
    loop.spawn([&]() -> task<> {
        log += 'a';
        co_await weft::yield();
        log += 'b';
        for (char name = 'c'; name != 'f'; ++name) {
            co_await weft::sleep_for(10s);
            log += name;
        }
    });

    loop.run_until_blocked();
    CHECK(log == "ab");
    loop.advance(25s);
    CHECK(log == "abcd");
    CHECK(loop.now() == weft::time_point(25s));
    loop.advance(5s);
    CHECK(log == "abcde");
}
