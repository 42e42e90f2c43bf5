// SPDX-License-Identifier: MIT
#include <weft/testing/explore.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include <weft/core/error.hpp>
#include <weft/core/operation.hpp>
#include <weft/core/prepared.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/net/tcp_listener.hpp>
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

// Fails in some of the schedules, and tells `traces` of each run.
auto in_order(std::vector<std::uint64_t>& traces) {
    return [&traces](simulation& sim) {
        std::string log;
        sim.run([&]() -> task<> {
            weft::task_group group;
            for (char name = 'a'; name != 'e'; ++name)
                group.spawn([&log, name]() -> task<> {
                    co_await weft::yield();
                    co_await weft::yield();
                    log += name;
                });
            co_await group.join();
        });
        traces.push_back(sim.trace_hash());
        if (log.find("ca") != log.npos) throw std::runtime_error("c before a: " + log);
    };
}

/// What `f` writes to standard error.
std::string printed_by(auto f) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), &std::fclose);
    REQUIRE(file);
    std::fflush(stderr);
    const int before = ::dup(STDERR_FILENO);
    ::dup2(::fileno(file.get()), STDERR_FILENO);
    f();
    std::fflush(stderr);
    ::dup2(before, STDERR_FILENO);
    ::close(before);
    std::rewind(file.get());
    std::string text;
    for (int next; (next = std::fgetc(file.get())) != EOF;) text += static_cast<char>(next);
    return text;
}

/// What follows `before` in `text`, up to `after`.
std::string between(const std::string& text, std::string_view before, std::string_view after) {
    const auto found = text.find(before);
    REQUIRE(found != text.npos);
    const auto first = found + before.size();
    return text.substr(first, text.find(after, first) - first);
}

/// What a shell makes of "WEFT_REPLAY=..." before a command.
class replay_variable {
public:
    explicit replay_variable(const std::string& value) {
        ::setenv("WEFT_REPLAY", value.c_str(), true);
    }
    replay_variable(const replay_variable&) = delete;
    ~replay_variable() { ::unsetenv("WEFT_REPLAY"); }
};

std::string error_of_exploring(std::size_t seeds, auto scenario) {
    try {
        explore(seeds, scenario);
    } catch (const std::exception& error) {
        return error.what();
    }
    return "no error";
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
    std::vector<std::uint64_t> traces;
    const auto program = in_order(traces);
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

TEST_CASE("a descriptor that stays open is a failure, unless a host has it", "[testing][explore]") {
    const auto open = []() -> task<> {
        weft::this_loop().system().calls().socket(AF_INET, SOCK_STREAM, 0);
        co_return;
    };
    const auto found = find_failure(1, open);
    REQUIRE(found);
    CHECK(weft::testing::text_of(found->error) == "left over: 1 descriptors");

    CHECK_NOTHROW(explore(1, [](simulation& sim) -> task<> {
        sim.add_host("server").spawn([]() -> task<> {
            weft::tcp_listener listener(weft::endpoint::any(7));
            static_cast<void>(co_await listener.accept());
        });
        co_await weft::sleep_for(1s);
    }));
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

TEST_CASE("a range of seeds is a slice of the campaign", "[testing][explore]") {
    std::vector<std::uint64_t> seeds;
    const auto scenario = [&seeds](simulation& sim) {
        seeds.push_back(sim.choices().seed());
        if (sim.choices().seed() == 12) throw std::runtime_error("twelve");
    };
    explore({.first = 5, .count = 3}, scenario);
    CHECK(seeds == std::vector<std::uint64_t>{5, 6, 7});

    CHECK_FALSE(find_failure(11, scenario));
    const auto found = find_failure({.first = 9, .count = 10}, scenario);
    REQUIRE(found);
    CHECK(found->seed_text() == "seed:12");
    seeds.clear();
    CHECK_FALSE(find_failure({.first = 13, .count = 0}, scenario));
    CHECK(seeds.empty());
}

TEST_CASE("what is printed replays the run, and a shorter one", "[testing][explore]") {
    std::vector<std::uint64_t> traces;
    const auto program = in_order(traces);
    const auto found = find_failure(1000, program);
    REQUIRE(found);
    const auto seed = std::to_string(found->seed);
    const auto trace = traces[found->seed - 1];

    std::string error;
    const auto text = printed_by([&] { error = error_of_exploring(1000, program); });
    CHECK(text == "weft: explore: seed:" + seed + " failed: " + error +
                      "\n  again: WEFT_REPLAY=seed:" + seed +
                      ", or weft::testing::replay(\"seed:" + seed + "\", ...)\n" +
                      "  short: WEFT_REPLAY='" + found->choices_text() + "'\n" +
                      (weft::testing::text_of(found->choices_error) == error
                           ? ""
                           : "  which fails with: " +
                                 weft::testing::text_of(found->choices_error) + '\n'));

    const auto runs_once = [&](const std::string& what) {
        traces.clear();
        const replay_variable variable(what);
        const auto again = error_of_exploring(1000, program);
        CHECK(traces.size() == 1);
        return again;
    };
    CHECK(runs_once(between(text, "again: WEFT_REPLAY=", ",")) == error);
    CHECK(traces.back() == trace);
    CHECK(runs_once(between(text, "short: WEFT_REPLAY='", "'")) ==
          weft::testing::text_of(found->choices_error));
    traces.clear();
    CHECK_THROWS_WITH(replay(between(text, "replay(\"", "\""), program), error);
    CHECK(traces == std::vector<std::uint64_t>{trace});
    CHECK_THAT(error, ContainsSubstring("c before a"));
}

TEST_CASE("what depends on more than the seed is said not to be replayed", "[testing][explore]") {
    int runs = 0;
    const auto scenario = [&runs](simulation&) {
        if (++runs == 3) throw std::runtime_error("the third");
    };
    const auto text = printed_by([&] { error_of_exploring(10, scenario); });
    CHECK_THAT(text, ContainsSubstring("seed:3 failed: the third\n"));
    CHECK_THAT(text, ContainsSubstring("short: none, as it depends on more than its choices\n"));
}

TEST_CASE("a shorter run that fails differently is told from the first", "[testing][explore]") {
    const auto scenario = [](simulation& sim) {
        auto& choices = sim.choices();
        const bool first = choices.choose(2) == 1;
        const bool second = choices.choose(2) == 1;
        if (first && second) throw std::runtime_error("both");
        if (second) throw std::runtime_error("the second");
    };
    std::optional<weft::testing::failing_run> found;
    for (std::uint64_t seed = 1; !found; ++seed) {
        found = find_failure({.first = seed, .count = 1}, scenario);
        if (found && weft::testing::text_of(found->error) != "both") found.reset();
    }
    CHECK(found->choices_text() == "choices:0,1");
    CHECK_THAT(found->report(), ContainsSubstring("which fails with: the second\n"));
    CHECK_THROWS_WITH(replay(found->choices_text(), scenario), "the second");
}

TEST_CASE("an error that nobody could receive is a failure of its seed", "[testing][explore]") {
    const auto spawn = [](simulation& sim) -> task<> {
        sim.add_host("server").spawn([]() -> task<> {
            co_await weft::yield();
            throw std::runtime_error("nobody hears this");
        });
        co_await weft::sleep_for(1s);
    };
    const auto found = find_failure(1, spawn);
    REQUIRE(found);
    CHECK(weft::testing::text_of(found->error) == "nobody hears this");
    CHECK(found->unhandled == found->error);
    CHECK_THROWS_WITH(replay("seed:1", spawn), "nobody hears this");
    CHECK_THROWS_WITH(replay(found->choices_text(), spawn), "nobody hears this");

    SECTION("it is named beside what leaves the scenario") {
        const auto waits = [spawn](simulation& sim) -> task<> {
            co_await spawn(sim);
            co_await weft::event().wait();
        };
        const auto both = find_failure(1, waits);
        REQUIRE(both);
        CHECK(weft::visit_error<weft::deadlock_error>(both->error, [](const auto&) {}));
        CHECK_THAT(both->report(), ContainsSubstring("\n  unhandled"));
        CHECK_THAT(both->report(), ContainsSubstring(": nobody hears this\n  again: "));
    }
    SECTION("a scenario may take it") {
        int taken = 0;
        explore(10, [&](simulation& sim) -> task<> {
            sim.on_unhandled([&](const std::exception_ptr&, std::string_view) { ++taken; });
            co_await spawn(sim);
        });
        CHECK(taken == 10);
    }
}

TEST_CASE("what is no seed and no choices is not replayed", "[testing][explore]") {
    for (const std::string_view what : {"17", "seed:", "seed:x", "seed:17 ", "seed:-1", ""})
        CHECK_THROWS_AS(replay(what, [](simulation&) {}), weft::testing::failure);
    CHECK_NOTHROW(replay("seed:18446744073709551615", [](simulation&) {}));
}
