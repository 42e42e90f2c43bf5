// SPDX-License-Identifier: MIT
#include <weft/sync/broadcast.hpp>

#include <cstddef>
#include <optional>
#include <stdexcept>
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

using weft::broadcast;
using weft::lagging;
using weft::testing::tracked;

namespace {

using ints = std::vector<int>;
using subscription = broadcast<int>::subscription;

/// Sends one item after the other, and writes down those that were sent; negative if refused.
auto sender(broadcast<int>& to, ints items, ints& log) {
    return [&to, items, &log]() -> weft::task<> {
        for (const int item : items) {
            try {
                co_await to.send(item);
                log.push_back(item);
            } catch (const weft::closed_error&) {
                log.push_back(-item);
            }
        }
    };
}
/// Receives `count` items and writes them down; 0 for none.
auto receiver(subscription& from, ints& log, int count = 1) {
    return [&from, &log, count]() -> weft::task<> {
        for (int i = 0; i < count; ++i) {
            const auto item = co_await from.receive();
            log.push_back(item.value_or(0));
        }
    };
}

/// Its copies throw when told to.
struct fragile {
    static inline bool fails = false;
    explicit fragile(int number) : value(number) {}
    fragile(const fragile& other) : value(other.value) {
        if (fails) throw std::runtime_error("broken");
    }
    int value;
};

} // namespace

TEST_CASE("every subscription receives every item", "[sync][broadcast]") {
    broadcast<int> numbers(4);
    auto one = numbers.subscribe();
    auto two = numbers.subscribe();
    branches b;
    ints sent, first, second;
    b.spawn(receiver(one, first, 3));
    b.spawn(sender(numbers, {1, 2, 3}, sent));
    b.spawn(receiver(two, second, 3));

    b.run();

    CHECK(sent == ints{1, 2, 3});
    CHECK(first == ints{1, 2, 3});
    CHECK(second == ints{1, 2, 3});
}

TEST_CASE("a subscription receives what is sent after it was made", "[sync][broadcast]") {
    broadcast<int> numbers(4);
    branches b;
    ints sent, received;
    b.spawn(sender(numbers, {1}, sent)); // to nobody
    b.run();
    CHECK(sent == ints{1});
    auto early = numbers.subscribe();
    b.spawn(sender(numbers, {2}, sent));
    b.run();
    auto late = numbers.subscribe();
    b.spawn(sender(numbers, {3}, sent));
    b.spawn(receiver(late, received));
    b.run();

    CHECK(received == ints{3});
    received.clear();
    b.spawn(receiver(early, received, 2));
    b.run();
    CHECK(received == ints{2, 3});
}

TEST_CASE("a sender waits for the slowest subscription", "[sync][broadcast]") {
    broadcast<int> numbers(2, lagging::wait);
    auto fast = numbers.subscribe();
    branches b;
    ints sent, first, second;
    {
        auto slow = numbers.subscribe();
        b.spawn(sender(numbers, {1, 2, 3, 4}, sent));
        b.spawn(receiver(fast, first, 4));
        b.run();
        CHECK(sent == ints{1, 2});
        CHECK(first == ints{1, 2});

        b.spawn(receiver(slow, second));
        b.run();
        CHECK(sent == ints{1, 2, 3});
        CHECK(first == ints{1, 2, 3});
    } // the slow one leaves
    b.run();

    CHECK(sent == ints{1, 2, 3, 4});
    CHECK(first == ints{1, 2, 3, 4});
    CHECK(second == ints{1});
}

TEST_CASE("when the last subscription leaves, senders need not wait", "[sync][broadcast]") {
    broadcast<int> numbers(1);
    branches b;
    ints sent;
    {
        auto only = numbers.subscribe();
        b.spawn(sender(numbers, {1, 2, 3}, sent));
        b.run();
        CHECK(sent == ints{1});
    }

    b.run();

    CHECK(sent == ints{1, 2, 3});
}

TEST_CASE("drop_oldest: a slow subscription misses the oldest items", "[sync][broadcast]") {
    broadcast<int> numbers(2, lagging::drop_oldest);
    auto slow = numbers.subscribe();
    auto fast = numbers.subscribe();
    branches b;
    ints sent, first, second;
    b.spawn(receiver(fast, first, 5));
    b.run();

    b.spawn([&]() -> weft::task<> {
        for (int i = 1; i <= 5; ++i) {
            co_await numbers.send(i);
            co_await weft::yield();
        }
    });
    b.run();
    b.spawn(receiver(slow, second, 2));
    b.run();

    CHECK(first == ints{1, 2, 3, 4, 5});
    CHECK(fast.missed() == 0);
    CHECK(second == ints{4, 5});
    CHECK(slow.missed() == 3);
}

TEST_CASE("drop_oldest: a receiver that was woken gets the oldest item that is left",
          "[sync][broadcast]") {
    broadcast<int> numbers(1, lagging::drop_oldest);
    auto reader = numbers.subscribe();
    branches b;
    ints sent, received;
    b.spawn(receiver(reader, received, 2));
    b.run();

    b.spawn(sender(numbers, {1, 2, 3}, sent)); // in one turn, before the receiver runs
    b.run();

    CHECK(received == ints{3});
    CHECK(reader.missed() == 2);
}

TEST_CASE("disconnect: a slow subscription gets nothing more", "[sync][broadcast]") {
    broadcast<int> numbers(2, lagging::disconnect);
    auto slow = numbers.subscribe();
    auto fast = numbers.subscribe();
    branches b;
    ints sent, first, second;
    b.spawn(receiver(fast, first, 3));
    b.run();
    for (int i = 1; i <= 3; ++i) {
        b.spawn(sender(numbers, {i}, sent));
        b.run();
    }
    CHECK(sent == ints{1, 2, 3});
    CHECK(first == ints{1, 2, 3});

    b.spawn(receiver(slow, second, 2));
    b.run();

    CHECK(second == ints{0, 0});
    CHECK(slow.missed() == 3);
    CHECK(fast.missed() == 0);
}

TEST_CASE("disconnect: those who wait on the subscription are told", "[sync][broadcast]") {
    broadcast<int> numbers(1, lagging::disconnect);
    auto reader = numbers.subscribe();
    branches b;
    ints sent, received;
    b.spawn(receiver(reader, received));
    b.spawn(receiver(reader, received));
    b.run();

    b.spawn(sender(numbers, {1, 2}, sent)); // in one turn: 1 is lost
    b.run();

    CHECK(sent == ints{1, 2});
    CHECK(received == ints{0, 0});
    CHECK(reader.missed() == 2);
}

TEST_CASE("disconnect: only those who lag are disconnected", "[sync][broadcast]") {
    broadcast<int> numbers(1, lagging::disconnect);
    auto slow = numbers.subscribe();
    branches b;
    ints sent, received;
    b.spawn(sender(numbers, {1}, sent));
    b.run();
    auto late = numbers.subscribe(); // has nothing to receive yet

    b.spawn(sender(numbers, {2}, sent));
    b.run();
    b.spawn(receiver(late, received));
    b.spawn(receiver(slow, received));
    b.run();

    CHECK(received == ints{2, 0});
}

TEST_CASE("close refuses senders, and lets subscriptions have what is left",
          "[sync][broadcast]") {
    broadcast<int> numbers(1);
    auto one = numbers.subscribe();
    auto two = numbers.subscribe();
    branches b;
    ints sent, first, second;
    b.spawn(receiver(two, second, 3));
    b.spawn(sender(numbers, {1, 2}, sent));
    b.run();

    numbers.close();
    b.run();
    CHECK(numbers.closed());
    CHECK(sent == ints{1, -2});
    CHECK(second == ints{1, 0, 0});
    b.spawn(receiver(one, first, 2));
    b.spawn(sender(numbers, {3}, sent));
    b.run();

    CHECK(first == ints{1, 0});
    CHECK(sent == ints{1, -2, -3});
    auto late = numbers.subscribe();
    b.spawn(receiver(late, first));
    b.run();
    CHECK(first == ints{1, 0, 0});
}

TEST_CASE("a subscription may outlive the broadcast", "[sync][broadcast]") {
    std::optional<broadcast<int>> numbers(std::in_place, 2u);
    auto reader = numbers->subscribe();
    branches b;
    ints sent, received;
    b.spawn(sender(*numbers, {1}, sent));
    b.run();

    numbers.reset();
    b.spawn(receiver(reader, received));
    b.run();

    CHECK(received == ints{0});
}

TEST_CASE("a subscription can be moved", "[sync][broadcast]") {
    broadcast<int> numbers(2);
    branches b;
    ints sent, received;
    std::vector<subscription> all;
    all.push_back(numbers.subscribe());
    b.spawn(sender(numbers, {1, 2}, sent));
    b.run();
    all.push_back(numbers.subscribe()); // moves the first one
    all[1] = std::move(all[0]);

    b.spawn(receiver(all[1], received, 2));
    b.spawn(receiver(all[0], received)); // moved from: there is nothing in it
    b.run();

    CHECK(received == ints{1, 2, 0});
}

TEST_CASE("several receivers of one subscription share its items", "[sync][broadcast]") {
    broadcast<int> numbers(4);
    auto reader = numbers.subscribe();
    branches b;
    ints sent, first, second;
    b.spawn(receiver(reader, first, 2));
    b.spawn(receiver(reader, second, 2));
    b.run();

    b.spawn(sender(numbers, {1, 2, 3, 4}, sent));
    b.run();

    CHECK(first == ints{1, 3});
    CHECK(second == ints{2, 4});
}

TEST_CASE("an item of a receiver that is dropped stays for the next one", "[sync][broadcast]") {
    broadcast<int> numbers(4);
    auto reader = numbers.subscribe();
    branches b;
    ints sent, lost, received;
    const auto first = b.spawn(receiver(reader, lost));
    b.spawn(receiver(reader, received, 2));
    b.run();
    b.spawn(sender(numbers, {1}, sent));
    b.turn();

    b.drop(first);
    b.run();
    b.spawn(sender(numbers, {2}, sent));
    b.run();

    CHECK(lost.empty());
    CHECK(received == ints{1, 2});
}

TEST_CASE("a cancelled sender has sent or not, a cancelled receiver has taken nothing",
          "[sync][broadcast]") {
    broadcast<int> numbers(1);
    auto reader = numbers.subscribe();
    branches b;
    ints sent, received, lost;
    b.spawn(sender(numbers, {1}, sent));
    b.run();
    const auto second = b.spawn(sender(numbers, {2}, sent));
    b.spawn(sender(numbers, {3}, sent));
    b.run();

    b.cancel(second);
    b.spawn(receiver(reader, received, 2));
    b.run();
    CHECK(received == ints{1, 3});
    CHECK(sent == ints{1, 3});

    const auto waiting = b.spawn(receiver(reader, lost));
    b.run();
    b.cancel(waiting);
    b.spawn(sender(numbers, {4}, sent));
    b.spawn(receiver(reader, received));
    b.run();
    CHECK(received == ints{1, 3, 4});
    CHECK(lost.empty());
}

TEST_CASE("an item is kept until all have received it, and no longer", "[sync][broadcast]") {
    const auto before = tracked::alive;
    broadcast<tracked> items(4);
    auto one = items.subscribe();
    auto two = items.subscribe();

    run([&]() -> weft::task<> {
        for (int i = 0; i < 3; ++i) co_await items.send(tracked());
        CHECK(tracked::alive == before + 3);
        for (int i = 0; i < 3; ++i) auto item = co_await one.receive();
        CHECK(tracked::alive == before + 3);
        for (int i = 0; i < 2; ++i) auto item = co_await two.receive();
        CHECK(tracked::alive == before + 1);
    });

    auto gone = std::move(two);
    CHECK(tracked::alive == before + 1);
    { auto leaving = std::move(gone); }
    CHECK(tracked::alive == before);
}

TEST_CASE("a copy that throws leaves the item for the next receive", "[sync][broadcast]") {
    broadcast<fragile> items(2);
    auto reader = items.subscribe();
    branches b;
    ints received;
    b.spawn([&]() -> weft::task<> { co_await items.send(fragile(1)); });
    b.run();
    const auto receive = [&]() -> weft::task<> {
        const auto item = co_await reader.receive();
        received.push_back(item->value);
    };

    fragile::fails = true;
    const auto first = b.spawn(receive);
    b.run();
    fragile::fails = false;
    b.spawn(receive);
    b.run();

    CHECK_THROWS_WITH(b.rethrow(first), "broken");
    CHECK(received == ints{1});
}

TEST_CASE("an item that cannot be moved in is not sent", "[sync][broadcast]") {
    broadcast<fragile> items(2);
    auto reader = items.subscribe();
    branches b;
    const auto send = b.spawn([&]() -> weft::task<> {
        auto sending = items.send(fragile(1));
        fragile::fails = true;
        co_await std::move(sending);
    });
    b.run();
    fragile::fails = false;

    CHECK_THROWS_WITH(b.rethrow(send), "broken");
}

TEST_CASE("a broadcast refuses zero and negative capacities", "[sync][broadcast]") {
    CHECK_THROWS_AS(broadcast<int>(0), std::invalid_argument);
    CHECK_THROWS_AS(broadcast<int>(static_cast<std::size_t>(-1)), std::invalid_argument);
}

TEST_CASE("a broadcast can be ended at every point", "[sync][broadcast]") {
    for (const auto policy : {lagging::wait, lagging::drop_oldest, lagging::disconnect})
        sweep([policy]() -> weft::task<> {
            broadcast<tracked> items(2, policy);
            weft::task_group group;
            for (int i = 0; i < 2; ++i)
                group.spawn([&]() -> weft::task<> {
                    auto mine = items.subscribe();
                    while (auto item = co_await mine.receive()) co_await weft::yield();
                });
            co_await weft::yield();
            for (int i = 0; i < 4; ++i) co_await items.send({});
            items.close();
            co_await group.join();
        });
}
