// SPDX-License-Identifier: MIT
#include <weft/sync/event.hpp>

#include <string>

#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/sweep.hpp"

namespace {

/// Waits, then writes its name.
auto waiter(weft::event& event, std::string& log, char name) {
    return [&event, &log, name]() -> weft::task<> {
        co_await event.wait();
        log += name;
    };
}

} // namespace

TEST_CASE("an event that is set does not hold anybody back", "[sync][event]") {
    weft::event event;
    event.set();
    branches b;
    std::string log;

    b.spawn(waiter(event, log, 'a'));
    b.turn();

    CHECK(log == "a");
    CHECK(event.is_set());
}

TEST_CASE("an event wakes all waiters, in the order in which they came", "[sync][event]") {
    weft::event event;
    branches b;
    std::string log;
    for (const char name : {'a', 'b', 'c'}) b.spawn(waiter(event, log, name));
    b.run();
    CHECK(log.empty());

    event.set();
    CHECK(log.empty()); // nobody runs inside of set()
    b.run();

    CHECK(log == "abc");
}

TEST_CASE("an event that is set and cleared at once wakes all who waited", "[sync][event]") {
    weft::event event;
    branches b;
    std::string log;
    b.spawn(waiter(event, log, 'a'));
    b.spawn(waiter(event, log, 'b'));
    b.run();

    event.set();
    event.clear();
    b.spawn(waiter(event, log, 'c'));
    b.run();

    CHECK(log == "ab");
    CHECK_FALSE(event.is_set());
    event.set();
    b.run();
    CHECK(log == "abc");
}

TEST_CASE("a waiter that is cancelled or dropped leaves the event", "[sync][event]") {
    weft::event event;
    branches b;
    std::string log;
    const auto a = b.spawn(waiter(event, log, 'a'));
    const auto c = b.spawn(waiter(event, log, 'b'));
    b.spawn(waiter(event, log, 'c'));
    b.run();

    b.cancel(a);
    b.drop(c);
    event.set();
    b.run();

    CHECK(log == "c");
    CHECK(b.was_destroyed(a));
    CHECK(b.was_destroyed(c));
}

TEST_CASE("a set event is delivered to a waiter that is cancelled in the same turn",
          "[sync][event]") {
    weft::event event;
    branches b;
    std::string log;
    const auto first_set = b.spawn(waiter(event, log, 'a'));
    b.run();
    event.set();
    b.cancel(first_set);
    b.run();
    CHECK(log == "a");

    event.clear();
    const auto first_cancelled = b.spawn(waiter(event, log, 'b'));
    b.run();
    b.cancel(first_cancelled);
    event.set();
    b.run();
    CHECK(log == "a");
}

TEST_CASE("an event may be destroyed as soon as it is set", "[sync][event]") {
    branches b;
    std::string log;
    {
        weft::event event;
        b.spawn(waiter(event, log, 'a'));
        b.run();
        event.set();
    }

    b.run();

    CHECK(log == "a");
}

TEST_CASE("an event can be ended at every point", "[sync][event]") {
    sweep([]() -> weft::task<> {
        weft::event event;
        weft::task_group group;
        for (int i = 0; i < 3; ++i)
            group.spawn([&]() -> weft::task<> { co_await event.wait(); });
        co_await weft::yield();
        event.set();
        event.clear();
        group.spawn([&]() -> weft::task<> { co_await event.wait(); });
        co_await weft::yield();
        event.set();
        co_await group.join();
    });
}
