// SPDX-License-Identifier: MIT
#include <weft/net/shortcut.hpp>

#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>

#include <weft/compose/when_all.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/core/frame_pool.hpp>
#include <weft/core/prepared.hpp>
#include <weft/coro/task.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/duplex.hpp>
#include <weft/net/write_all.hpp>
#include <weft/sync/event.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using weft::task;

namespace {

/// What happens to an attempt.
struct counts {
    int attempts = 0, rests = 0;
};
struct try_it {
    counts* what;
    bool at_once;
    bool fails = false;
    weft::duration pause{};

    bool attempt(weft::branch&) {
        ++what->attempts;
        if (fails) throw std::runtime_error("not now");
        return at_once;
    }
    int result() const noexcept { return 1; }
    task<int> rest() { return wait(what, pause); }
    static task<int> wait(counts* what, weft::duration pause) {
        ++what->rests;
        co_await weft::sleep_for(pause);
        co_return 2;
    }
};
auto make(counts& what, bool at_once, bool fails = false, weft::duration pause = 1s) {
    return weft::prepared<weft::shortcut<try_it>, try_it>(try_it{&what, at_once, fails, pause});
}

} // namespace

TEST_CASE("what can be done at once makes no coroutine", "[net][shortcut]") {
    run([]() -> task<> {
        counts what;
        const auto before = weft::frame_pool::now().live;
        auto description = make(what, true);
        CHECK(what.attempts == 0);
        const int result = co_await std::move(description);
        CHECK(result == 1);
        CHECK(what.attempts == 1);
        CHECK(what.rests == 0);
        CHECK(weft::frame_pool::now().live == before);
    });
}

TEST_CASE("what cannot be is left to a task", "[net][shortcut]") {
    run([]() -> task<> {
        counts what;
        const int result = co_await make(what, false);
        CHECK(result == 2);
        CHECK(what.attempts == 1);
        CHECK(what.rests == 1);
    });
}

TEST_CASE("in a fork a shortcut is a branch as any other", "[net][shortcut]") {
    run([]() -> task<> {
        counts what;
        auto results = co_await weft::when_all(make(what, true), make(what, false));
        CHECK(std::get<0>(results) == 1);
        CHECK(std::get<1>(results) == 2);
        auto late = co_await weft::try_for(1ms, make(what, false));
        CHECK_FALSE(late);
        CHECK(what.rests == 2);
    });
}

TEST_CASE("what an attempt throws goes to who awaits", "[net][shortcut]") {
    counts what;
    CHECK_THROWS_WITH(run([&]() -> task<> { co_await make(what, true, true); }), "not now");
    CHECK_THROWS_WITH(run([&]() -> task<> { co_await weft::when_all(make(what, true, true)); }),
                      "not now");
    CHECK(what.rests == 0);
}

TEST_CASE("a branch that is cancelled attempts nothing", "[net][shortcut]") {
    branches b;
    counts what;
    weft::event gate;
    const auto waiter = b.spawn([&]() -> task<> {
        co_await gate.wait();
        co_await make(what, true);
    });
    b.run();
    gate.set(); // it is complete, and goes on to its next operation
    b.cancel(waiter);
    b.run();

    CHECK(b.was_destroyed(waiter));
    CHECK(what.attempts == 0);
}

TEST_CASE("who always finds everything done does not starve others", "[net][shortcut]") {
    branches b;
    counts what;
    int rounds = 0, seen = -1;
    b.spawn([&]() -> task<> {
        for (; rounds < 1000; ++rounds) co_await make(what, true, false, 0s);
    });
    b.spawn([&]() -> task<> {
        seen = rounds;
        co_return;
    });
    b.run();

    CHECK(seen < 100);
}

TEST_CASE("an operation that is not complete is taken back without effect", "[net][shortcut]") {
    branches b;
    auto [left, right] = weft::make_duplex();
    std::array<std::byte, 4> into{};
    bool first = true, second = false;
    std::size_t size = 0;
    b.spawn([&]() -> task<> {
        auto& here = *weft::this_execution.current;
        const auto use = [&](std::size_t read) { size = read; };
        first = weft::use_if_complete(right.read_some(into), here, use);
        co_await weft::write_all(left, "abc");
        second = weft::use_if_complete(right.read_some(into), here, use);
    });
    b.run();

    CHECK_FALSE(first);
    CHECK(second);
    CHECK(size == 3);
}

TEST_CASE("shortcuts can end at any point", "[net][shortcut]") {
    sweep([]() -> task<> {
        const weft::testing::tracked local;
        counts what;
        const int at_once = co_await make(what, true);
        const int later = co_await make(what, false);
        auto both = co_await weft::when_all(make(what, false), make(what, true));
        CHECK(at_once + later + std::get<0>(both) + std::get<1>(both) == 6);
    });
}
