// SPDX-License-Identifier: MIT
#include <weft/sync/semaphore.hpp>

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/sweep.hpp"

namespace {

/// Takes a permit for good, and writes its name.
auto taker(weft::semaphore& semaphore, std::string& log, char name) {
    return [&semaphore, &log, name]() -> weft::task<> {
        auto permit = co_await semaphore.acquire();
        permit.forget();
        log += name;
    };
}

} // namespace

TEST_CASE("a semaphore gives out its permits and no more", "[sync][semaphore]") {
    weft::semaphore semaphore(2);

    auto first = semaphore.try_acquire();
    auto second = semaphore.try_acquire();
    CHECK(first.has_value());
    CHECK(second.has_value());
    CHECK_FALSE(semaphore.try_acquire().has_value());

    first.reset();
    CHECK(semaphore.available() == 1);
}

TEST_CASE("a semaphore may begin without permits", "[sync][semaphore]") {
    weft::semaphore semaphore(0);
    branches b;
    std::string log;
    b.spawn(taker(semaphore, log, 'a'));
    b.run();
    CHECK(log.empty());

    semaphore.release();
    b.run();

    CHECK(log == "a");
    CHECK(semaphore.available() == 0);
}

TEST_CASE("a permit is given back once", "[sync][semaphore]") {
    weft::semaphore semaphore(2);
    auto first = semaphore.try_acquire();
    auto second = semaphore.try_acquire();

    first->release();
    first->release();
    CHECK(semaphore.available() == 1);

    *first = std::move(*second); // takes over, and has nothing to give back
    second.reset();
    CHECK(semaphore.available() == 1);

    second.emplace(std::move(*first));
    second->forget();
    first.reset();
    second.reset();
    CHECK(semaphore.available() == 1);
}

TEST_CASE("permits go to the waiters in their order, past those who were cancelled",
          "[sync][semaphore]") {
    weft::semaphore semaphore(0);
    branches b;
    std::string log;
    const auto first = b.spawn(taker(semaphore, log, '1'));
    const auto second = b.spawn(taker(semaphore, log, '2'));
    b.spawn(taker(semaphore, log, '3'));
    b.spawn(taker(semaphore, log, '4'));
    b.run();

    b.cancel(first);
    b.cancel(second);
    semaphore.release();
    b.run();
    CHECK(log == "3");

    semaphore.release();
    b.run();
    CHECK(log == "34");
}

TEST_CASE("nobody takes a permit ahead of those who wait", "[sync][semaphore]") {
    weft::semaphore semaphore(1);
    branches b;
    std::string log;
    auto held = semaphore.try_acquire();
    b.spawn(taker(semaphore, log, 'a'));
    b.run();

    held.reset(); // handed to the waiter, which has not run yet
    CHECK_FALSE(semaphore.try_acquire().has_value());
    CHECK(semaphore.available() == 0);

    b.run();
    CHECK(log == "a");
}

TEST_CASE("several permits released at once wake as many", "[sync][semaphore]") {
    weft::semaphore semaphore(0);
    branches b;
    std::string log;
    for (const char name : {'a', 'b', 'c'}) b.spawn(taker(semaphore, log, name));
    b.run();

    semaphore.release(2);
    b.run();
    CHECK(log == "ab");

    semaphore.release(3);
    b.run();
    CHECK(log == "abc");
    CHECK(semaphore.available() == 2);
}

TEST_CASE("a permit handed to a waiter that is dropped goes on to the next",
          "[sync][semaphore]") {
    weft::semaphore semaphore(0);
    branches b;
    std::string log;
    const auto first = b.spawn(taker(semaphore, log, 'a'));
    const auto second = b.spawn(taker(semaphore, log, 'b'));
    b.spawn(taker(semaphore, log, 'c'));
    b.run();

    semaphore.release();
    b.drop(first);
    b.drop(second);
    b.run();

    CHECK(log == "c");
}

TEST_CASE("a permit handed to a waiter that is cancelled in the same turn is delivered",
          "[sync][semaphore]") {
    weft::semaphore semaphore(0);
    branches b;
    std::string log;
    const auto first = b.spawn([&]() -> weft::task<> {
        auto permit = co_await semaphore.acquire();
        log += 'a';
        co_await weft::yield();
        log += '!';
    });
    b.spawn(taker(semaphore, log, 'b'));
    b.run();

    semaphore.release();
    b.cancel(first);
    b.run();

    CHECK(b.was_destroyed(first)); // at its next operation, where its permit died
    CHECK(log == "ab");
}

TEST_CASE("a permit acquired without waiting is not lost when the branch is dropped",
          "[sync][semaphore]") {
    weft::semaphore semaphore(1);
    branches b;
    const auto busy = b.spawn([&]() -> weft::task<> {
        for (;;) auto permit = co_await semaphore.acquire();
    });

    b.turn(); // it has completed as many operations as it may in one turn
    CHECK(semaphore.available() == 0);
    b.drop(busy);

    CHECK(semaphore.available() == 1);
}

TEST_CASE("a semaphore may die before one to whom it has handed a permit, if both are dropped",
          "[sync][semaphore]") {
    branches b;
    weft::semaphore* shared = nullptr;
    std::string log;
    const auto owner = b.spawn([&]() -> weft::task<> {
        weft::semaphore own(0);
        shared = &own;
        co_await weft::sleep_forever();
    });
    b.run();
    const auto served = b.spawn(taker(*shared, log, 'a'));
    const auto waiting = b.spawn(taker(*shared, log, 'b'));
    b.run();

    shared->release();
    b.drop(owner);
    b.drop(served);
    b.drop(waiting);

    CHECK(log.empty());
}

TEST_CASE("a semaphore refuses a negative number", "[sync][semaphore]") {
    CHECK_THROWS_AS(weft::semaphore(static_cast<std::size_t>(-1)), std::invalid_argument);
}

TEST_CASE("a semaphore can be ended at every point", "[sync][semaphore]") {
    sweep([]() -> weft::task<> {
        weft::semaphore semaphore(2);
        weft::task_group group;
        int inside = 0;
        for (int i = 0; i < 4; ++i)
            group.spawn([&]() -> weft::task<> {
                auto permit = co_await semaphore.acquire();
                if (++inside > 2) FAIL("too many");
                co_await weft::yield();
                --inside;
            });
        co_await group.join();
        if (semaphore.available() != 2) FAIL("a permit is lost");
    });
}
