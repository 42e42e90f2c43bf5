// SPDX-License-Identifier: MIT
#include <weft/sync/barrier.hpp>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/sweep.hpp"

namespace {

using places = std::vector<std::size_t>;

auto arrival(weft::barrier& barrier, places& into) {
    return [&]() -> weft::task<> {
        const std::size_t place = co_await barrier.arrive_and_wait();
        into.push_back(place);
    };
}

} // namespace

TEST_CASE("a barrier lets all go on when the last one arrives", "[sync][barrier]") {
    weft::barrier barrier(3);
    branches b;
    places met;
    b.spawn(arrival(barrier, met));
    b.spawn(arrival(barrier, met));
    b.run();
    CHECK(met.empty());

    b.spawn(arrival(barrier, met));
    b.run();

    CHECK(met == places{2, 0, 1}); // the last one does not wait
}

TEST_CASE("a barrier of one holds nobody back", "[sync][barrier]") {
    weft::barrier barrier(1);
    places met;

    run([&]() -> weft::task<> {
        for (int round = 0; round < 3; ++round) {
            const std::size_t place = co_await barrier.arrive_and_wait();
            met.push_back(place);
        }
    });

    CHECK(met == places{0, 0, 0});
}

TEST_CASE("a barrier can be used round after round", "[sync][barrier]") {
    weft::barrier barrier(3);
    std::string log;

    run([&]() -> weft::task<> {
        weft::task_group group;
        for (const char name : {'a', 'b', 'c'})
            group.spawn([&barrier, &log, name]() -> weft::task<> {
                for (char round = '1'; round <= '3'; ++round) {
                    log += name;
                    log += round;
                    co_await barrier.arrive_and_wait();
                }
            });
        co_await group.join();
    });

    CHECK(log == "a1b1c1" "c2a2b2" "b3c3a3");
}

TEST_CASE("who comes while a round drains belongs to the next one", "[sync][barrier]") {
    weft::barrier barrier(2);
    branches b;
    places first, second;
    b.spawn(arrival(barrier, first));
    b.spawn(arrival(barrier, first));
    b.spawn(arrival(barrier, second));

    b.turn(); // the first round is complete; one of it has not gone on yet
    CHECK(first == places{1});
    b.run();
    CHECK(first == places{1, 0});
    CHECK(second.empty());

    b.spawn(arrival(barrier, second));
    b.run();
    CHECK(second == places{1, 0});
}

TEST_CASE("who is cancelled or dropped has not arrived, and leaves no gap in the places",
          "[sync][barrier]") {
    weft::barrier barrier(3);
    branches b;
    places gone, met;
    const auto first = b.spawn(arrival(barrier, gone));
    b.spawn(arrival(barrier, met));
    const auto third = b.spawn(arrival(barrier, gone));
    b.cancel(first); // before it has begun
    b.run();

    CHECK(met.empty()); // two have arrived
    b.drop(third);
    b.spawn(arrival(barrier, met));
    b.run();
    CHECK(met.empty()); // two again
    b.spawn(arrival(barrier, met));
    b.run();

    CHECK(met == places{2, 0, 1});
    CHECK(gone.empty());
}

TEST_CASE("who is cancelled after the last one arrived goes on", "[sync][barrier]") {
    weft::barrier barrier(2);
    branches b;
    places met;
    const auto first = b.spawn(arrival(barrier, met));
    b.run();
    b.spawn(arrival(barrier, met));
    b.turn();

    b.cancel(first);
    b.run();

    CHECK(met == places{1, 0});
}

TEST_CASE("arrive_and_drop completes a round and lowers the number for the next",
          "[sync][barrier]") {
    weft::barrier barrier(3);
    branches b;
    places met;
    b.spawn(arrival(barrier, met));
    b.spawn(arrival(barrier, met));
    b.run();

    barrier.arrive_and_drop();
    b.run();
    CHECK(met == places{0, 1});

    met.clear();
    b.spawn(arrival(barrier, met));
    b.spawn(arrival(barrier, met));
    b.run();
    CHECK(met == places{1, 0});

    barrier.arrive_and_drop();
    barrier.arrive_and_drop();
}

TEST_CASE("a barrier refuses zero and negative numbers", "[sync][barrier]") {
    CHECK_THROWS_AS(weft::barrier(0), std::invalid_argument);
    CHECK_THROWS_AS(weft::barrier(static_cast<std::size_t>(-3)), std::invalid_argument);
}

TEST_CASE("a barrier can be ended at every point", "[sync][barrier]") {
    sweep([]() -> weft::task<> {
        weft::barrier barrier(3);
        weft::task_group group;
        for (int i = 0; i < 3; ++i)
            group.spawn([&]() -> weft::task<> {
                co_await barrier.arrive_and_wait();
                co_await barrier.arrive_and_wait();
            });
        co_await group.join();
    });
}
