// SPDX-License-Identifier: MIT
//
// Everything in coro/ and time/ that can be awaited, under all sweeps: see
// support/library_sweeps.hpp. Left out is `generator`, which awaits nothing.
#include <weft/coro/async_generator.hpp>
#include <weft/coro/join_handle.hpp>
#include <weft/coro/shared_task.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_allocation.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/coro/task_local.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/ticker.hpp>
#include <weft/time/yield.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <tuple>
#include <utility>

#include <weft/compose/when_all.hpp>
#include <weft/compose/with_task_group.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/core/error.hpp>
#include <weft/testing/replace_operator_new.hpp>
#include <weft/testing/tracked.hpp>

#include "support/library_sweeps.hpp"

using namespace library_sweeps;
using namespace std::chrono_literals;
using weft::task_group;
using weft::testing::tracked;

namespace {

struct tasks_in_tasks : scenario {
    int inside = 0;

    task<> run(simulation&) override {
        auto waiting = below(9); // its frame dies with this one, whatever happens
        const int sum = co_await below(3);
        require(sum == 3 + 2 + 1, "results go up");
        bool caught = false;
        try {
            co_await fails(2);
        } catch (const std::runtime_error&) { caught = true; }
        require(caught && inside == 0, "errors go up");
    }
    task<> check(ended) override {
        require(inside == 0, "all locals are gone");
        co_return;
    }

    task<int> below(int depth) {
        tracked local;
        const at_place here(inside);
        if (depth == 0) co_return 0;
        co_await weft::yield();
        const int rest = co_await below(depth - 1);
        co_return depth + rest;
    }
    task<> fails(int depth) {
        tracked local;
        const at_place here(inside);
        co_await weft::yield();
        if (depth == 0) throw std::runtime_error("at the bottom");
        co_await fails(depth - 1);
    }
};

struct tasks_of_an_allocator : scenario {
    task<> run(simulation&) override {
        const int seven = co_await seven_from(std::allocator_arg, std::allocator<std::byte>());
        require(seven == 7, "its result");
    }
    task<int> seven_from(std::allocator_arg_t, std::allocator<std::byte>) {
        tracked local;
        co_await weft::yield();
        co_return 7;
    }
};

struct async_generator_next : scenario {
    int made = 0, ended_bodies = 0;

    weft::async_generator<int> numbers(int n) {
        const at_place body(ended_bodies);
        tracked local;
        for (int i = 0; i < n; ++i) {
            co_await weft::sleep_for(2s);
            ++made;
            if (i % 2 == 0) {
                co_yield int(i);
            } else {
                const int copied = i;
                co_yield copied;
            }
        }
    }
    task<> run(simulation&) override {
        auto all = numbers(3);
        int expected = 0;
        while (expected < 3) {
            // Half of these come to nothing, and lose nothing.
            auto next = co_await weft::try_for(1s, all.next());
            if (!next) continue;
            require(**next == expected, "in order");
            ++expected;
        }
        auto* end = co_await all.next();
        require(!end && ended_bodies == 0 && made == 3, "and that is all");
    }
    task<> check(ended) override {
        require(ended_bodies == 0, "no body is left");
        co_return;
    }
};

struct async_generator_close : scenario {
    int bodies = 0;

    weft::async_generator<tracked> endless() {
        const at_place body(bodies);
        for (;;) {
            co_await weft::sleep_for(1s);
            co_yield tracked();
        }
    }
    weft::async_generator<int> failing() {
        const at_place body(bodies);
        co_await weft::yield();
        throw std::runtime_error("no more");
    }
    task<> run(simulation&) override {
        auto items = endless();
        auto* first = co_await items.next();
        require(first != nullptr, "one item");
        co_await items.close();
        require(bodies == 0, "closed");
        auto* none = co_await items.next();
        require(!none, "nothing afterwards");
        auto failure = failing();
        bool caught = false;
        try {
            co_await failure.next();
        } catch (const std::runtime_error&) { caught = true; }
        require(caught && bodies == 0, "its error");
    }
    task<> check(ended) override {
        require(bodies == 0, "no body is left");
        co_return;
    }
};

struct shared_task_await : scenario {
    int bodies = 0, starts = 0;

    task<int> seven() {
        const at_place body(bodies);
        tracked local;
        ++starts;
        co_await weft::sleep_for(2s);
        co_return 7;
    }
    task<> run(simulation&) override {
        weft::shared_task<int> shared(seven());
        const auto use = [](weft::shared_task<int> one) -> task<int> {
            const int& result = co_await one;
            co_return result;
        };
        const auto impatient = [](weft::shared_task<int> one) -> task<> {
            auto nothing = co_await weft::try_for(1s, std::move(one));
            require(!nothing, "too early");
        };
        auto both = co_await weft::when_all(use(shared), impatient(shared), use(shared));
        require(std::get<0>(both) == 7 && std::get<2>(both) == 7, "the same for all");
        require(starts == 1 && shared.done(), "it ran once");
        const int copy = co_await std::move(shared);
        require(copy == 7, "and is there afterwards");
    }
    task<> check(ended) override {
        require(bodies == 0, "it went with its last copy");
        co_return;
    }
};

/// A group as an object of its own, and what the handles of its children give.
struct task_group_handles : scenario {
    int alive = 0;

    task<int> child(int seconds) {
        const at_place here(alive);
        tracked local;
        co_await weft::sleep_for(1s * seconds);
        if (seconds == 3) throw std::runtime_error("the third");
        co_return seconds;
    }
    task<> run(simulation&) override {
        task_group group(weft::on_error::report);
        auto first = group.spawn(child(1));
        auto second = group.spawn([this] { return child(2); });
        auto third = group.spawn([this](int seconds) { return child(seconds); }, 3);
        auto last = group.spawn([this](tracked) { return child(3600); }, tracked());
        const int one = co_await first;
        require(one == 1, "a value");
        co_await second.wait();
        require(second.done(), "waited for");
        auto failure = co_await third.settled();
        require(failure.error() != nullptr, "an error");
        last.cancel();
        auto cancelled = co_await last.settled();
        require(!cancelled.has_value(), "cancelled");
        co_await group.join();
        require(group.empty() && alive == 0, "all have ended");
    }
    task<> check(ended) override {
        require(alive == 0, "no child is left");
        co_return;
    }
};

struct task_group_start : scenario {
    int servers = 0;

    task<> run(simulation&) override {
        const auto server = [this](weft::started<int> started, tracked) -> task<> {
            const at_place here(servers);
            co_await weft::sleep_for(1s);
            started(9);
            co_await weft::sleep_for(1s);
        };
        const auto broken = [](weft::started<int>) -> task<> {
            co_await weft::yield();
            throw std::runtime_error("it does not start");
        };
        const auto body = [&](task_group& group) -> task<> {
            const int nine = co_await group.start<int>(server, tracked());
            require(nine == 9 && servers == 1, "started, and goes on");
            bool caught = false;
            try {
                co_await group.start<int>(broken);
            } catch (const std::runtime_error&) { caught = true; }
            require(caught, "its error");
        };
        co_await weft::with_task_group(weft::on_error::report, body);
    }
    task<> check(ended) override {
        require(servers == 0, "none is left");
        co_return;
    }
};

struct task_local_with : scenario {
    static inline constinit const weft::task_local<int> number{1};

    task<> run(simulation&) override {
        const auto own = []() -> task<int> {
            co_await weft::yield();
            co_return number.get();
        };
        const auto spawns = [&own]() -> task<int> {
            task_group group;
            auto child = group.spawn(own);
            const int inherited = co_await child;
            const int inner = co_await number.with(3, own);
            co_await group.join();
            co_return inherited * 100 + inner * 10 + number.get();
        };
        auto both = co_await weft::when_all(number.with(7, spawns), own());
        require(std::get<0>(both) == 737 && std::get<1>(both) == 1, "each its own");
    }
    task<> check(ended) override {
        require(number.get() == 1, "nothing is bound any more");
        co_return;
    }
};

struct sleepers : scenario {
    int woken = 0;

    task<> run(simulation& in) override {
        const auto start = in.now();
        const auto sleeper = [&](int seconds) -> task<> {
            co_await weft::sleep_for(1s * seconds);
            require(in.now() == start + 1s * seconds, "exactly on time");
            co_await weft::sleep_until(start + 1s * seconds + 500ms);
            require(in.now() == start + 1s * seconds + 500ms, "and again");
            ++woken;
        };
        const auto never = []() -> task<> {
            tracked local;
            co_await weft::sleep_forever();
        };
        const auto body = [&](task_group& group) -> task<> {
            for (const int each : {2, 0, 1, 1}) group.spawn(sleeper, each);
            auto longest = group.spawn(never);
            co_await weft::sleep_for(1h);
            require(!longest.done(), "it sleeps for ever");
            longest.cancel();
        };
        co_await weft::with_task_group(body);
        require(woken == 4, "all have woken");
    }
};

struct yields : scenario {
    std::array<int, 3> turns{};

    task<> run(simulation&) override {
        const auto worker = [this](std::size_t self) -> task<> {
            for (; turns[self] < 3; ++turns[self]) {
                const auto [least, most] = std::minmax_element(turns.begin(), turns.end());
                require(*most - *least <= 1, "nobody runs twice before all others ran once");
                co_await weft::yield();
            }
        };
        co_await weft::when_all(worker(0), worker(1), worker(2));
        require(turns == std::array{3, 3, 3}, "all turns");
    }
};

template <weft::missed_ticks Policy>
struct ticks : scenario {
    task<> run(simulation& in) override {
        const auto start = in.now();
        weft::ticker regular(1s, Policy);
        auto missed = co_await regular.next();
        require(missed == 0 && in.now() == start + 1s, "the first");
        // A wait that is cut off takes no tick.
        auto cut_off = co_await weft::try_for(500ms, regular.next());
        require(!cut_off, "too early");
        co_await weft::sleep_for(3s); // it is 4.5 s
        missed = co_await regular.next();
        require(in.now() == start + 4500ms, "late");
        require(missed == (Policy == weft::missed_ticks::burst ? 0 : 2), "and counted");
        const auto others = Policy == weft::missed_ticks::burst ? 3 : 1;
        for (int i = 0; i < others; ++i) co_await regular.next();
        require(in.now() == start + (Policy == weft::missed_ticks::delay ? 5500ms : 5000ms),
                "on time again");
    }
};

SWEEP_LIBRARY(tasks_in_tasks, "task")
SWEEP_LIBRARY(tasks_of_an_allocator, "task with an allocator")
SWEEP_LIBRARY(async_generator_next, "async_generator.next")
SWEEP_LIBRARY(async_generator_close, "async_generator.close")
SWEEP_LIBRARY(shared_task_await, "shared_task")
SWEEP_LIBRARY(task_group_handles, "task_group.join and join_handle")
SWEEP_LIBRARY(task_group_start, "task_group.start")
SWEEP_LIBRARY(task_local_with, "task_local.with")
SWEEP_LIBRARY(sleepers, "sleep_for, sleep_until and sleep_forever")
SWEEP_LIBRARY(yields, "yield")
SWEEP_LIBRARY(ticks<weft::missed_ticks::burst>, "a ticker that delivers all")
SWEEP_LIBRARY(ticks<weft::missed_ticks::skip>, "a ticker that skips")
SWEEP_LIBRARY(ticks<weft::missed_ticks::delay>, "a ticker that delays")

} // namespace
