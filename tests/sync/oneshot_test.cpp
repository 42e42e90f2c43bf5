// SPDX-License-Identifier: MIT
#include <weft/sync/oneshot.hpp>

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <weft/core/error.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/sweep.hpp"

using weft::oneshot;

namespace {

/// Receives, and writes down what it got.
auto receiver(oneshot<int>& from, std::string& log) {
    return [&]() -> weft::task<> {
        const int value = co_await from.receive();
        log += std::to_string(value);
    };
}

} // namespace

TEST_CASE("a oneshot passes one value", "[sync][oneshot]") {
    oneshot<int> answer;
    branches b;
    std::string log;
    b.spawn(receiver(answer, log));
    b.run();
    CHECK(log.empty());

    CHECK(answer.set_value(42));
    CHECK_FALSE(answer.set_value(43));
    CHECK_FALSE(answer.set_error(std::make_exception_ptr(std::runtime_error("late"))));
    b.run();

    CHECK(log == "42");
    CHECK_FALSE(answer.set_value(44));
}

TEST_CASE("a value may come before the receiver", "[sync][oneshot]") {
    oneshot<std::unique_ptr<int>> answer;
    CHECK(answer.set_value(std::make_unique<int>(7)));

    run([&]() -> weft::task<> {
        const auto value = co_await answer.receive();
        CHECK(*value == 7);
    });
}

TEST_CASE("a oneshot passes an error as it is", "[sync][oneshot]") {
    oneshot<int> answer;
    branches b;
    std::string log;
    const auto waiting = b.spawn(receiver(answer, log));
    b.run();

    CHECK(answer.set_error(std::make_exception_ptr(std::out_of_range("too far"))));
    CHECK_FALSE(answer.set_value(1));
    b.run();

    CHECK_THROWS_AS(b.rethrow(waiting), std::out_of_range);
}

TEST_CASE("a oneshot passes void and references", "[sync][oneshot]") {
    oneshot<void> done;
    oneshot<int&> place;
    int number = 1;
    CHECK(done.set_value());
    CHECK_FALSE(done.set_value());
    CHECK(place.set_value(number));

    run([&]() -> weft::task<> {
        co_await done.receive();
        int& same = co_await place.receive();
        same = 2;
    });

    CHECK(number == 2);
}

TEST_CASE("a receiver that has gone is told to the sender", "[sync][oneshot]") {
    for (const bool drop : {false, true}) {
        oneshot<int> answer;
        branches b;
        std::string log;
        const auto gone = b.spawn(receiver(answer, log));
        b.run();

        if (drop)
            b.drop(gone);
        else
            b.cancel(gone);
        CHECK_FALSE(answer.set_value(1));

        b.spawn(receiver(answer, log)); // somebody tries again
        b.run();
        CHECK(answer.set_value(2));
        b.run();
        CHECK(log == "2");
    }
}

TEST_CASE("a value and a cancel in one turn: the value is delivered", "[sync][oneshot]") {
    oneshot<int> answer;
    branches b;
    std::string log;
    const auto waiting = b.spawn(receiver(answer, log));
    b.run();

    CHECK(answer.set_value(1));
    b.cancel(waiting);
    b.run();

    CHECK(log == "1");
}

TEST_CASE("a value whose receiver is dropped waits for the next one", "[sync][oneshot]") {
    oneshot<int> answer;
    branches b;
    std::string log;
    const auto gone = b.spawn(receiver(answer, log));
    b.run();
    CHECK(answer.set_value(1));

    b.drop(gone);
    b.spawn(receiver(answer, log));
    b.run();

    CHECK(log == "1");
}

TEST_CASE("a oneshot has one receiver, once", "[sync][oneshot]") {
    oneshot<int> answer;
    branches b;
    std::string log;
    b.spawn(receiver(answer, log));
    const auto second = b.spawn(receiver(answer, log));
    b.run();
    CHECK_THROWS_AS(b.rethrow(second), weft::error);

    CHECK(answer.set_value(1));
    const auto third = b.spawn(receiver(answer, log)); // the first has not resumed yet
    const auto fourth = b.spawn(receiver(answer, log));
    b.run();

    CHECK(log == "1");
    CHECK_THROWS_AS(b.rethrow(third), weft::closed_error);
    CHECK_THROWS_AS(b.rethrow(fourth), weft::closed_error);
}

TEST_CASE("a oneshot can be ended at every point", "[sync][oneshot]") {
    sweep([]() -> weft::task<> {
        oneshot<int> answer;
        weft::task_group group;
        group.spawn([&]() -> weft::task<> {
            co_await weft::yield();
            answer.set_value(1);
        });
        const int value = co_await answer.receive();
        if (value != 1) FAIL("another value");
        co_await group.join();
    });
}
