// SPDX-License-Identifier: MIT
#include <weft/sync/priority_channel.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weft/core/error.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/sweep.hpp"

using weft::priority_channel;

namespace {

/// A job of some urgency; compared by that alone.
struct job {
    int urgency;
    int number;
    friend bool operator<(const job& a, const job& b) { return a.urgency < b.urgency; }
    friend bool operator==(const job&, const job&) = default;
};

/// Takes everything out.
template <class T, class Compare>
std::vector<T> drain(priority_channel<T, Compare>& from) {
    std::vector<T> result;
    while (auto item = from.try_receive()) result.push_back(std::move(*item));
    return result;
}

struct throwing_less {
    static inline int calls_until_failure = -1; // negative: never
    bool operator()(int a, int b) const {
        if (calls_until_failure >= 0 && calls_until_failure-- == 0)
            throw std::runtime_error("cannot compare");
        return a < b;
    }
};

} // namespace

TEST_CASE("a priority_channel gives out the greatest item first", "[sync][priority_channel]") {
    priority_channel<int> numbers(5);
    for (int i : {3, 1, 4, 1, 5}) CHECK(numbers.try_send(i));
    CHECK(numbers.size() == 5);
    CHECK_FALSE(numbers.try_send(9));

    CHECK(drain(numbers) == std::vector{5, 4, 3, 1, 1});
    CHECK(numbers.size() == 0);
}

TEST_CASE("a priority_channel can be told what comes first", "[sync][priority_channel]") {
    const auto shortest = [](const std::string& a, const std::string& b) {
        return a.size() > b.size();
    };
    priority_channel<std::string, decltype(shortest)> texts(3, shortest);
    for (std::string each : {"ccc", "a", "bb"}) CHECK(texts.try_send(each));

    CHECK(drain(texts) == std::vector<std::string>{"a", "bb", "ccc"});
}

TEST_CASE("of equal items the first in is the first out", "[sync][priority_channel]") {
    std::mt19937 random(1);
    for (int round = 0; round < 100; ++round) {
        priority_channel<job> jobs(40);
        std::vector<job> expected;
        for (int i = 0; i < 200; ++i) {
            if (random() % 3 != 0 && expected.size() != 40) {
                job fresh{static_cast<int>(random() % 4), i};
                expected.push_back(fresh);
                REQUIRE(jobs.try_send(fresh));
            } else if (!expected.empty()) {
                // max_element returns the first of equal ones.
                const auto best = std::max_element(expected.begin(), expected.end());
                REQUIRE(jobs.try_receive() == *best);
                expected.erase(best);
            }
        }
        std::stable_sort(expected.begin(), expected.end(),
                         [](const job& a, const job& b) { return b < a; });
        REQUIRE(drain(jobs) == expected);
    }
}

TEST_CASE("a receiver that was woken gets the greatest item when its turn comes",
          "[sync][priority_channel]") {
    priority_channel<int> numbers(4);
    branches b;
    std::vector<int> received;
    for (int i = 0; i < 2; ++i)
        b.spawn([&]() -> weft::task<> {
            const auto item = co_await numbers.receive();
            received.push_back(*item);
        });
    b.run();

    for (int i : {1, 3, 2}) CHECK(numbers.try_send(i));
    CHECK(numbers.try_receive() == 3); // one is left beyond the two that are promised
    CHECK_FALSE(numbers.try_receive().has_value());
    b.run();

    CHECK(received == std::vector{2, 1});
}

TEST_CASE("a priority_channel is a channel", "[sync][priority_channel]") {
    priority_channel<int> numbers(2);
    weft::channel<int>& base = numbers;
    std::vector<int> received;

    run([&]() -> weft::task<> {
        weft::task_group group;
        group.spawn([&]() -> weft::task<> {
            for (int i : {1, 2, 3, 4}) co_await base.send(i);
            base.close();
        });
        co_await weft::yield();
        while (auto item = co_await base.receive()) received.push_back(*item);
        co_await group.join();
    });

    CHECK(received == std::vector{2, 3, 1, 4}); // 4 came when 1 was alone in it
}

TEST_CASE("a priority_channel without capacity passes from hand to hand",
          "[sync][priority_channel]") {
    priority_channel<int> numbers(0);
    branches b;
    bool sent = false;
    b.spawn([&]() -> weft::task<> {
        co_await numbers.send(1);
        sent = true;
    });
    b.run();
    CHECK_FALSE(sent);

    CHECK(numbers.try_receive() == 1);
    b.run();
    CHECK(sent);
}

TEST_CASE("a comparison that throws loses no item", "[sync][priority_channel]") {
    for (int calls = 0; calls < 40; ++calls) {
        priority_channel<int, throwing_less> numbers(8);
        throwing_less::calls_until_failure = calls;
        int sent = 0, received = 0, failed = 0;
        for (int i : {5, 2, 8, 1, 9, 3, 7}) {
            try {
                sent += numbers.try_send(i);
            } catch (const std::runtime_error&) {
                ++failed;
                CHECK(numbers.try_send(i));
                ++sent;
            }
        }
        int last = 100;
        while (numbers.size() != 0) {
            try {
                const auto item = numbers.try_receive();
                CHECK(*item <= last);
                last = *item;
                ++received;
            } catch (const std::runtime_error&) {
                ++failed;
            }
        }
        CHECK(sent == 7);
        CHECK(received == 7);
        CHECK(failed <= 1);
    }
    throwing_less::calls_until_failure = -1;
}

TEST_CASE("a comparison that throws goes to the sender who waits", "[sync][priority_channel]") {
    priority_channel<int, throwing_less> numbers(2);
    branches b;
    for (int i : {1, 2}) CHECK(numbers.try_send(i));
    const auto first = b.spawn([&]() -> weft::task<> { co_await numbers.send(3); });
    const auto second = b.spawn([&]() -> weft::task<> { co_await numbers.send(4); });
    b.run();

    // One item is left: to take the other one needs no comparison, to add one does.
    throwing_less::calls_until_failure = 0;
    CHECK(numbers.try_receive() == 2);
    b.run();

    CHECK_THROWS_WITH(b.rethrow(first), "cannot compare");
    CHECK(b.has_ended(second));
    CHECK_FALSE(b.has_thrown(second));
    CHECK(drain(numbers) == std::vector{4, 1});
    throwing_less::calls_until_failure = -1;
}

TEST_CASE("a priority_channel destroys what is left in it", "[sync][priority_channel]") {
    using weft::testing::tracked;
    struct item {
        int rank;
        tracked alive;
        bool operator<(const item& other) const { return rank < other.rank; }
    };
    {
        priority_channel<item> items(3);
        for (int i = 0; i < 3; ++i) CHECK(items.try_send(item{i, {}}));
        CHECK(items.try_receive()->rank == 2);
        CHECK(tracked::alive == 2);
    }

    CHECK(tracked::alive == 0);
}

TEST_CASE("a priority_channel refuses a negative capacity", "[sync][priority_channel]") {
    CHECK_THROWS_AS(priority_channel<int>(static_cast<std::size_t>(-1)), std::invalid_argument);
}

TEST_CASE("a priority_channel can be ended at every point", "[sync][priority_channel]") {
    sweep([]() -> weft::task<> {
        priority_channel<int> numbers(2);
        weft::task_group group;
        int received = 0;
        group.spawn([&]() -> weft::task<> {
            for (int k = 0; k < 4; ++k) co_await numbers.send(k);
            numbers.close();
        });
        for (int i = 0; i < 2; ++i)
            group.spawn([&]() -> weft::task<> {
                while (auto item = co_await numbers.receive()) ++received;
            });
        co_await group.join();
        if (received != 4) FAIL("an item is lost");
    });
}
