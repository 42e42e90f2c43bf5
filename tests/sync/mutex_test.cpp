// SPDX-License-Identifier: MIT
#include <weft/sync/mutex.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <weft/core/error.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/sweep.hpp"

namespace {

/// Locks, writes its name, and keeps the lock while others run.
auto user(weft::mutex& mutex, std::string& log, char name) {
    return [&mutex, &log, name]() -> weft::task<> {
        auto guard = co_await mutex.lock();
        log += name;
        co_await weft::yield();
    };
}

/// Locks, and holds it until the flag falls.
auto holder(weft::mutex& mutex, bool& hold) {
    return [&mutex, &hold]() -> weft::task<> {
        auto guard = co_await mutex.lock();
        while (hold) co_await weft::yield();
    };
}

} // namespace

TEST_CASE("a mutex lets one in at a time, in the order in which they came", "[sync][mutex]") {
    weft::mutex mutex;
    branches b;
    std::string log;
    int inside = 0;
    for (const char name : {'a', 'b', 'c'})
        b.spawn([&, name]() -> weft::task<> {
            auto guard = co_await mutex.lock();
            CHECK(++inside == 1);
            co_await weft::yield();
            log += name;
            --inside;
        });

    b.run();

    CHECK(log == "abc");
    CHECK(mutex.try_lock().has_value());
}

TEST_CASE("try_lock does not wait", "[sync][mutex]") {
    weft::mutex mutex;

    auto guard = mutex.try_lock();
    REQUIRE(guard.has_value());
    CHECK_FALSE(mutex.try_lock().has_value());

    guard->unlock();
    CHECK_FALSE(guard->owns_lock());
    CHECK(mutex.try_lock().has_value());
}

TEST_CASE("a guard unlocks once, and can be moved", "[sync][mutex]") {
    weft::mutex one, two;
    auto first = one.try_lock();
    auto second = two.try_lock();

    auto moved = std::move(*first);
    CHECK_FALSE(first->owns_lock());
    CHECK(moved.owns_lock());
    CHECK_FALSE(one.try_lock().has_value());

    moved = std::move(*second); // gives up what it held
    CHECK(one.try_lock().has_value());
    CHECK_FALSE(two.try_lock().has_value());

    moved.unlock();
    moved.unlock();
    CHECK(two.try_lock().has_value());
}

TEST_CASE("who unlocks and locks again while others wait goes last", "[sync][mutex]") {
    weft::mutex mutex;
    branches b;
    std::string log;
    for (const char name : {'a', 'b', 'c'})
        b.spawn([&mutex, &log, name]() -> weft::task<> {
            for (int i = 0; i < 4; ++i) {
                auto guard = co_await mutex.lock();
                log += name;
                if (i == 0) co_await weft::yield(); // so that all have come
            }
        });

    b.run();

    CHECK(log == "abcabcabcabc");
}

TEST_CASE("a mutex that is unlocked belongs to the oldest waiter at once", "[sync][mutex]") {
    weft::mutex mutex;
    branches b;
    std::string log;
    auto guard = mutex.try_lock();
    b.spawn(user(mutex, log, 'a'));
    b.run();

    guard.reset();

    CHECK_FALSE(mutex.try_lock().has_value()); // though nobody has run since
    b.run();
    CHECK(log == "a");
}

TEST_CASE("an unlock and a cancel of the first waiter in one turn, both orders",
          "[sync][mutex]") {
    for (const bool unlock_first : {true, false}) {
        weft::mutex mutex;
        branches b;
        std::string log;
        auto guard = mutex.try_lock();
        const auto first = b.spawn(user(mutex, log, 'a'));
        b.spawn(user(mutex, log, 'b'));
        b.run();

        if (unlock_first) guard.reset();
        b.cancel(first);
        guard.reset();
        b.run();

        // Unlocked first, it has the lock until it stops.
        CHECK(log == (unlock_first ? "ab" : "b"));
        CHECK(b.was_destroyed(first));
        CHECK(mutex.try_lock().has_value());
    }
}

TEST_CASE("a lock handed to a waiter that is dropped goes on to the next", "[sync][mutex]") {
    weft::mutex mutex;
    branches b;
    std::string log;
    auto guard = mutex.try_lock();
    const auto first = b.spawn(user(mutex, log, 'a'));
    const auto second = b.spawn(user(mutex, log, 'b'));
    b.spawn(user(mutex, log, 'c'));
    b.run();

    guard.reset();
    b.drop(first);
    b.drop(second);
    b.run();

    CHECK(log == "c");
    CHECK(mutex.try_lock().has_value());
}

TEST_CASE("a lock taken without waiting is not lost when the branch is dropped",
          "[sync][mutex]") {
    weft::mutex mutex;
    branches b;
    const auto busy = b.spawn([&]() -> weft::task<> {
        for (;;) auto guard = co_await mutex.lock();
    });

    b.turn(); // it has completed as many operations as it may in one turn
    CHECK_FALSE(mutex.try_lock().has_value());
    b.drop(busy);

    CHECK(mutex.try_lock().has_value());
}

TEST_CASE("a cancelled branch does not take a free lock", "[sync][mutex]") {
    weft::mutex mutex;
    branches b;
    std::string log;
    std::size_t self = 0;
    self = b.spawn([&]() -> weft::task<> {
        b.cancel(self);
        auto guard = co_await mutex.lock();
        log += 'a';
    });

    b.run();

    CHECK(log.empty());
    CHECK(b.was_destroyed(self));
    CHECK(mutex.try_lock().has_value());
}

TEST_CASE("a mutex knows its owner until the guard is moved", "[sync][mutex]") {
    weft::mutex mutex;
    CHECK(mutex.owner() == nullptr);

    run([&]() -> weft::task<> {
        auto guard = co_await mutex.lock();
        CHECK(mutex.owner() == weft::this_execution.current);

        auto moved = std::move(guard);
        CHECK(mutex.owner() == nullptr);

        moved.unlock();
        auto tried = mutex.try_lock();
        CHECK(mutex.owner() == weft::this_execution.current);
        tried.reset();
        CHECK(mutex.owner() == nullptr);
    });
}

TEST_CASE("a mutex that is handed over belongs to the new owner", "[sync][mutex]") {
    weft::mutex mutex;
    branches b;
    bool hold = true;
    weft::branch* second = nullptr;
    b.spawn(holder(mutex, hold));
    b.spawn([&]() -> weft::task<> {
        second = weft::this_execution.current;
        auto guard = co_await mutex.lock();
        CHECK(mutex.owner() == second);
    });
    b.turn();
    CHECK(mutex.owner() != nullptr);
    CHECK(mutex.owner() != second);

    hold = false;
    b.turn();
    CHECK(mutex.owner() == second);
    b.run();
    CHECK(mutex.owner() == nullptr);
}

TEST_CASE("who locks what it holds gets an error instead of waiting for itself",
          "[sync][mutex]") {
    weft::mutex mutex;

    run([&]() -> weft::task<> {
        auto guard = co_await mutex.lock();
        bool refused = false;
        try {
            auto again = co_await mutex.lock();
        } catch (const weft::deadlock_error&) {
            refused = true;
        }
        CHECK(refused);
        CHECK(guard.owns_lock());
        CHECK_FALSE(mutex.try_lock().has_value());
    });

    CHECK(mutex.try_lock().has_value());
}

TEST_CASE("who has given its guard away may wait for it", "[sync][mutex]") {
    weft::mutex mutex;
    branches b;
    std::string log;
    b.spawn([&]() -> weft::task<> {
        weft::task_group group;
        auto guard = co_await mutex.lock();
        group.spawn(
            [&](weft::lock_guard given) -> weft::task<> {
                co_await weft::yield();
                log += 'a';
                given.unlock();
            },
            std::move(guard));
        auto again = co_await mutex.lock();
        log += 'b';
        co_await group.join();
    });

    b.run();

    CHECK(log == "ab");
}

TEST_CASE("tasks may be dropped while they wait for each other's mutexes", "[sync][mutex]") {
    // Each one holds its own mutex, which dies with its frame, and waits for the other's.
    for (const bool older_first : {false, true}) {
        branches b;
        weft::mutex* mutexes[2] = {};
        for (std::size_t i = 0; i < 2; ++i)
            b.spawn([&mutexes, i]() -> weft::task<> {
                weft::mutex own;
                mutexes[i] = &own;
                auto guard = co_await own.lock();
                co_await weft::yield();
                auto other = co_await mutexes[1 - i]->lock();
            });
        b.run();
        CHECK(b.is_alive(0));
        CHECK(b.is_alive(1));

        b.drop(older_first ? 0 : 1);
        b.drop(older_first ? 1 : 0);
    }
}

TEST_CASE("the operation of a mutex has a name", "[sync][mutex]") {
    weft::mutex mutex;
    branches b;
    auto guard = mutex.try_lock();
    weft::branch* waiter = nullptr;
    b.spawn([&]() -> weft::task<> {
        waiter = weft::this_execution.current;
        auto mine = co_await mutex.lock();
    });
    b.run();

    REQUIRE(waiter->waits_on() != nullptr);
    CHECK(waiter->waits_on()->describe() == std::string_view("mutex.lock"));
}

TEST_CASE("a mutex can be ended at every point", "[sync][mutex]") {
    sweep([]() -> weft::task<> {
        weft::mutex mutex;
        weft::task_group group;
        int inside = 0;
        for (int i = 0; i < 3; ++i)
            group.spawn([&]() -> weft::task<> {
                for (int round = 0; round < 2; ++round) {
                    auto guard = co_await mutex.lock();
                    if (++inside != 1) FAIL("two inside");
                    co_await weft::yield();
                    --inside;
                }
            });
        co_await group.join();
        if (!mutex.try_lock()) FAIL("nobody holds it, and it is locked");
    });
}
