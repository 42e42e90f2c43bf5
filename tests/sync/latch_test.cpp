// SPDX-License-Identifier: MIT
#include <weft/sync/latch.hpp>

#include <cstddef>
#include <stdexcept>
#include <string>

#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/sweep.hpp"

TEST_CASE("a latch opens when it is counted down to zero", "[sync][latch]") {
    weft::latch latch(3);
    branches b;
    std::string log;
    for (const char name : {'a', 'b'})
        b.spawn([&latch, &log, name]() -> weft::task<> {
            co_await latch.wait();
            log += name;
        });
    b.run();

    latch.count_down();
    b.run();
    CHECK_FALSE(latch.try_wait());
    CHECK(log.empty());

    latch.count_down(2);
    CHECK(latch.try_wait());
    b.run();
    CHECK(log == "ab");
}

TEST_CASE("a latch of zero is open", "[sync][latch]") {
    weft::latch latch(0);

    run([&]() -> weft::task<> { co_await latch.wait(); });

    CHECK(latch.try_wait());
}

TEST_CASE("arrive_and_wait counts and waits", "[sync][latch]") {
    weft::latch latch(2);
    branches b;
    std::string log;
    for (const char name : {'a', 'b'})
        b.spawn([&latch, &log, name]() -> weft::task<> {
            co_await latch.arrive_and_wait();
            log += name;
        });

    b.turn();
    CHECK(log == "b"); // the last one does not wait
    b.run();

    CHECK(log == "ba");
}

TEST_CASE("an arrival that is cancelled or dropped does not count", "[sync][latch]") {
    weft::latch latch(2);
    branches b;
    const auto arrive = [&]() -> weft::task<> { co_await latch.arrive_and_wait(); };
    const auto first = b.spawn(arrive);
    b.run();
    b.cancel(first);
    const auto second = b.spawn(arrive);
    b.run();
    b.drop(second);

    latch.count_down();
    CHECK_FALSE(latch.try_wait());
    latch.count_down();
    CHECK(latch.try_wait());
}

TEST_CASE("a wait that is cancelled leaves the count alone", "[sync][latch]") {
    weft::latch latch(1);
    branches b;
    const auto waiter = b.spawn([&]() -> weft::task<> { co_await latch.wait(); });
    b.run();

    b.cancel(waiter);
    b.run();
    latch.count_down();

    CHECK(b.was_destroyed(waiter));
    CHECK(latch.try_wait());
}

TEST_CASE("a latch that opens is delivered to one who is cancelled in the same turn",
          "[sync][latch]") {
    weft::latch latch(2);
    branches b;
    const auto arrived = b.spawn([&]() -> weft::task<> { co_await latch.arrive_and_wait(); });
    b.run();

    latch.count_down();
    b.cancel(arrived);
    b.run();

    CHECK(b.has_ended(arrived));
    CHECK(latch.try_wait());
}

TEST_CASE("a latch refuses a negative number", "[sync][latch]") {
    CHECK_THROWS_AS(weft::latch(static_cast<std::size_t>(-1)), std::invalid_argument);
}

TEST_CASE("a latch can be ended at every point", "[sync][latch]") {
    sweep([]() -> weft::task<> {
        weft::latch latch(3);
        weft::task_group group;
        for (int i = 0; i < 2; ++i)
            group.spawn([&]() -> weft::task<> { co_await latch.arrive_and_wait(); });
        group.spawn([&]() -> weft::task<> { co_await latch.wait(); });
        co_await weft::yield();
        latch.count_down();
        co_await group.join();
    });
}
