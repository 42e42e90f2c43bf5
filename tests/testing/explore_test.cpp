// SPDX-License-Identifier: MIT
#include <weft/testing/explore.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

#include <weft/core/error.hpp>
#include <weft/core/operation.hpp>
#include <weft/core/prepared.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using weft::task;
using weft::testing::explore;
using weft::testing::find_failure;
using weft::testing::replay;
using weft::testing::simulation;

namespace {

// A flag and an event, and a waiter who looks at the flag too early.
class careless_flag {
public:
    void set() {
        is_set_ = true;
        changed_.set();
        changed_.clear();
    }
    task<> wait() {
        while (!is_set_) {
            co_await weft::yield(); // the bug: `set` may come here, and nobody is woken
            co_await changed_.wait();
        }
    }

private:
    bool is_set_ = false;
    weft::event changed_;
};

task<> wait_carelessly() {
    careless_flag flag;
    weft::task_group group;
    group.spawn([&] { return flag.wait(); });
    group.spawn([&]() -> task<> {
        co_await weft::yield();
        flag.set();
    });
    for (int i = 0; i < 3; ++i)
        group.spawn([]() -> task<> {
            for (int j = 0; j < 5; ++j) co_await weft::yield();
        });
    co_await group.join();
}

} // namespace

TEST_CASE("explore finds nothing where nothing is wrong", "[testing][explore]") {
    int runs = 0;
    explore(100, [&]() -> task<> {
        ++runs;
        co_await weft::sleep_for(1s);
    });
    CHECK(runs == 100);
}

TEST_CASE("a mutant: what depends on the schedule is found, and replayed", "[testing][explore]") {
    const auto program = [] {
        return [](simulation&) -> task<> {
            std::string log;
            weft::task_group group;
            for (char name = 'a'; name != 'e'; ++name)
                group.spawn([&log, name]() -> task<> {
                    co_await weft::yield();
                    co_await weft::yield();
                    log += name;
                });
            co_await group.join();
            if (log.find("ca") != log.npos) throw std::runtime_error("c before a: " + log);
        };
    }();
    const auto found = find_failure(1000, program);

    REQUIRE(found);
    CHECK_THROWS_WITH(replay(found->seed_text(), program), ContainsSubstring("c before a"));
    CHECK_THROWS_WITH(replay(found->choices_text(), program), ContainsSubstring("c before a"));
    // One choice is enough, c first, then a; what is found is short, not the shortest.
    CHECK(std::count_if(found->choices.begin(), found->choices.end(),
                        [](auto each) { return each != 0; }) <= 3);
    CHECK_NOTHROW(replay("choices:", program));
    CHECK_NOTHROW(replay("seed:0", program));
}

TEST_CASE("a mutant: a lost wake-up is found", "[testing][explore]") {
    const auto found = find_failure(1000, wait_carelessly);

    REQUIRE(found);
    std::string text;
    weft::visit_error<weft::deadlock_error>(
        found->error, [&](const weft::deadlock_error& error) { text = error.what(); });
    CHECK_THAT(text, ContainsSubstring("waits in event.wait at explore_test.cpp:"));
    CHECK_THROWS_AS(replay(found->seed_text(), wait_carelessly), weft::deadlock_error);
}

TEST_CASE("a mutant: a deadlock that one schedule in many has is found", "[testing][explore]") {
    const auto found = find_failure(1000, []() -> task<> {
        weft::mutex left, right;
        weft::task_group group;
        const auto take = [](weft::mutex& first, weft::mutex& second) -> task<> {
            for (int i = 0; i < 3; ++i) co_await weft::yield();
            auto one = co_await first.lock();
            co_await weft::yield();
            auto two = co_await second.lock();
        };
        group.spawn([&]() -> task<> {
            co_await take(left, right);
            co_await take(left, right);
        });
        group.spawn([&]() -> task<> {
            co_await weft::yield();
            co_await take(right, left);
        });
        co_await group.join();
    });

    REQUIRE(found);
    CHECK_THAT(weft::testing::text_of(found->error), ContainsSubstring("because of task"));
}

TEST_CASE("a leak is a failure", "[testing][explore]") {
    std::optional<weft::testing::tracked> kept;
    CHECK_THROWS_WITH(explore(1,
                              [&]() -> task<> {
                                  kept.emplace();
                                  co_return;
                              }),
                      "left over: 1 tracked objects");
}

TEST_CASE("a thousand seeds give the same traces twice", "[testing][explore]") {
    std::uint64_t all[2] = {0, 0};
    for (auto& sum : all)
        explore(1000, [&](simulation& sim) {
            sim.run([]() -> task<> {
                weft::event event;
                weft::mutex mutex;
                weft::task_group group;
                for (int i = 0; i < 5; ++i)
                    group.spawn([&, i]() -> task<> {
                        co_await weft::sleep_for(1ms * (i % 2));
                        auto guard = co_await mutex.lock();
                        co_await weft::yield();
                        if (i == 4) event.set();
                    });
                co_await event.wait();
                co_await group.join();
            });
            sum = sum * 31 + sim.trace_hash();
        });
    CHECK(all[0] == all[1]);
    CHECK(all[0] == 0x61853df5b69c7d80); // and with every compiler
}
