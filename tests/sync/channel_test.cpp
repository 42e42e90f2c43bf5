// SPDX-License-Identifier: MIT
#include <weft/sync/channel.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
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

using weft::channel;

namespace {

using ints = std::vector<int>;

/// Sends one item, and writes it down when that is done; negative if it was refused.
auto sender(channel<int>& to, int item, ints& log) {
    return [&to, item, &log]() -> weft::task<> {
        try {
            co_await to.send(item);
        } catch (const weft::closed_error&) {
            log.push_back(-item);
            co_return;
        }
        log.push_back(item);
    };
}
/// Receives one item and writes it down; 0 if there is none.
auto receiver(channel<int>& from, ints& log) {
    return [&from, &log]() -> weft::task<> {
        const auto item = co_await from.receive();
        log.push_back(item.value_or(0));
    };
}

/// Its move throws when told to.
struct fragile {
    static inline int moves_until_failure = -1; // negative: never
    explicit fragile(int number) : value(number) {}
    fragile(fragile&& other) : value(other.value) {
        if (moves_until_failure >= 0 && moves_until_failure-- == 0)
            throw std::runtime_error("broken");
    }
    int value;
};

/// Its next move does what it was told to.
struct busy_item {
    static inline std::function<void()> next_move;
    explicit busy_item(int number) : value(number) {}
    busy_item(busy_item&& other) noexcept : value(other.value) {
        if (auto what = std::exchange(next_move, nullptr)) what();
    }
    int value;
};

} // namespace

TEST_CASE("a channel gives out first what came in first", "[sync][channel]") {
    channel<int> numbers(2);
    ints received;

    run([&]() -> weft::task<> {
        weft::task_group group;
        group.spawn([&]() -> weft::task<> {
            for (int i = 1; i <= 9; ++i) co_await numbers.send(i);
            numbers.close();
        });
        while (auto item = co_await numbers.receive()) received.push_back(*item);
        co_await group.join();
    });

    CHECK(received == ints{1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("a sender waits while a channel is full", "[sync][channel]") {
    channel<int> numbers(1);
    branches b;
    ints sent, received;
    for (const int i : {1, 2, 3}) b.spawn(sender(numbers, i, sent));
    b.run();
    CHECK(sent == ints{1});
    CHECK(numbers.size() == 1);

    CHECK(numbers.try_receive() == 1);
    CHECK(numbers.size() == 1); // the item of the next sender took the place
    b.run();
    CHECK(sent == ints{1, 2});

    b.spawn(receiver(numbers, received));
    b.spawn(receiver(numbers, received));
    b.run();
    CHECK(sent == ints{1, 2, 3});
    CHECK(received == ints{2, 3});
}

TEST_CASE("receivers are served in the order in which they came", "[sync][channel]") {
    for (const std::size_t capacity : {0u, 1u, 5u}) {
        channel<int> numbers(capacity);
        branches b;
        ints first, second, third, sent;
        b.spawn(receiver(numbers, first));
        b.spawn(receiver(numbers, second));
        b.spawn(receiver(numbers, third));
        b.run();

        for (const int i : {1, 2, 3}) b.spawn(sender(numbers, i, sent));
        b.run();

        CHECK(first == ints{1});
        CHECK(second == ints{2});
        CHECK(third == ints{3});
        CHECK(sent == ints{1, 2, 3});
    }
}

TEST_CASE("receivers that come again and again take turns", "[sync][channel]") {
    channel<int> numbers(9);
    branches b;
    std::vector<ints> received(3);
    for (auto& each : received)
        b.spawn([&]() -> weft::task<> {
            while (auto item = co_await numbers.receive()) each.push_back(*item);
        });
    b.run();

    for (int i = 1; i <= 9; ++i) CHECK(numbers.try_send(std::move(i)));
    b.run();

    CHECK(received == std::vector<ints>{{1, 4, 7}, {2, 5, 8}, {3, 6, 9}});
}

TEST_CASE("an item is promised to the receiver that waits for it", "[sync][channel]") {
    channel<int> numbers(2);
    branches b;
    ints received;
    b.spawn(receiver(numbers, received));
    b.run();

    CHECK(numbers.try_send(1));
    CHECK(numbers.size() == 1); // until the receiver resumes
    CHECK_FALSE(numbers.try_receive().has_value());
    CHECK(numbers.try_send(2));
    CHECK_FALSE(numbers.try_send(3));

    b.run();
    CHECK(received == ints{1});
    CHECK(numbers.try_receive() == 2);
}

TEST_CASE("a channel without capacity passes from hand to hand", "[sync][channel]") {
    channel<int> numbers(0);
    branches b;
    ints sent, received;
    CHECK_FALSE(numbers.try_send(1));
    CHECK_FALSE(numbers.try_receive().has_value());

    b.spawn(sender(numbers, 1, sent));
    b.spawn(sender(numbers, 2, sent));
    b.run();
    CHECK(sent.empty());

    CHECK(numbers.try_receive() == 1);
    b.spawn(receiver(numbers, received));
    b.run();
    CHECK(sent == ints{1, 2});
    CHECK(received == ints{2});

    b.spawn(receiver(numbers, received));
    b.run();
    CHECK(numbers.try_send(3));
    CHECK_FALSE(numbers.try_send(4)); // the one receiver has its item
    b.run();
    CHECK(received == ints{2, 3});
    CHECK(numbers.size() == 0);
}

TEST_CASE("an item is moved from only if it was sent", "[sync][channel]") {
    for (const std::size_t capacity : {0u, 1u}) {
        channel<std::unique_ptr<int>> pointers(capacity);
        auto first = std::make_unique<int>(1);
        auto second = std::make_unique<int>(2);

        CHECK(pointers.try_send(first) == (capacity == 1));
        CHECK((first == nullptr) == (capacity == 1));
        CHECK_FALSE(pointers.try_send(std::move(second)));
        CHECK(second != nullptr);

        pointers.close();
        CHECK_FALSE(pointers.try_send(second));
        CHECK(second != nullptr);
    }
}

TEST_CASE("close refuses senders, and lets receivers have what is left", "[sync][channel]") {
    channel<int> numbers(2);
    branches b;
    ints sent, received;
    for (const int i : {1, 2, 3, 4}) b.spawn(sender(numbers, i, sent));
    b.run();

    numbers.close();
    numbers.close();
    b.run();
    CHECK(numbers.closed());
    CHECK(sent == ints{1, 2, -3, -4});
    CHECK_FALSE(numbers.try_send(5));
    b.spawn(sender(numbers, 6, sent));
    for (int i = 0; i < 3; ++i) b.spawn(receiver(numbers, received));
    b.run();

    CHECK(sent == ints{1, 2, -3, -4, -6});
    CHECK(received == ints{1, 2, 0});
    CHECK_FALSE(numbers.try_receive().has_value());
}

TEST_CASE("close wakes those who wait to receive", "[sync][channel]") {
    for (const std::size_t capacity : {0u, 2u}) {
        channel<int> numbers(capacity);
        branches b;
        ints received;
        b.spawn(receiver(numbers, received));
        b.spawn(receiver(numbers, received));
        b.run();

        numbers.close();
        b.run();

        CHECK(received == ints{0, 0});
    }
}

TEST_CASE("a sender whose item was taken before the close has sent", "[sync][channel]") {
    channel<int> numbers(1);
    branches b;
    ints sent;
    b.spawn(sender(numbers, 1, sent));
    b.spawn(sender(numbers, 2, sent));
    b.run();

    CHECK(numbers.try_receive() == 1);
    numbers.close();
    b.run();

    CHECK(sent == ints{1, 2});
    CHECK(numbers.try_receive() == 2);
}

TEST_CASE("an item promised to a receiver that is dropped stays the first in the channel",
          "[sync][channel]") {
    channel<int> numbers(3);
    branches b;
    ints lost, received;
    const auto first = b.spawn(receiver(numbers, lost));
    const auto second = b.spawn(receiver(numbers, lost));
    b.run();
    for (int i : {1, 2, 3}) CHECK(numbers.try_send(i));

    b.drop(second);
    b.drop(first);
    b.run();

    CHECK(numbers.size() == 3);
    for (int i = 0; i < 3; ++i) b.spawn(receiver(numbers, received));
    b.run();
    CHECK(received == ints{1, 2, 3});
    CHECK(lost.empty());
}

TEST_CASE("an item promised to a receiver that is dropped is promised to the next one",
          "[sync][channel]") {
    channel<int> numbers(1);
    branches b;
    ints lost, received;
    const auto first = b.spawn(receiver(numbers, lost));
    b.spawn(receiver(numbers, received));
    b.run();
    CHECK(numbers.try_send(1));

    b.drop(first);
    b.run();

    CHECK(received == ints{1});
}

TEST_CASE("without capacity, the item of a receiver that is dropped goes to the next one",
          "[sync][channel]") {
    channel<int> numbers(0);
    branches b;
    ints lost, received;
    const auto first = b.spawn(receiver(numbers, lost));
    const auto second = b.spawn(receiver(numbers, lost));
    b.spawn(receiver(numbers, received));
    b.run();

    CHECK(numbers.try_send(1));
    b.drop(first);
    b.drop(second);
    b.run();

    CHECK(received == ints{1});
    CHECK(lost.empty());
}

TEST_CASE("without capacity, the item of the last receiver dies with it", "[sync][channel]") {
    using weft::testing::tracked;
    channel<tracked> items(0);
    branches b;
    const auto only = b.spawn([&]() -> weft::task<> { auto item = co_await items.receive(); });
    b.run();
    CHECK(items.try_send(tracked()));
    CHECK(tracked::alive == 1);

    b.drop(only);

    CHECK(tracked::alive == 0);
}

TEST_CASE("who closes a channel keeps no receiver from an item that comes back",
          "[sync][channel]") {
    channel<int> numbers(2);
    branches b;
    ints lost, received;
    const auto first = b.spawn(receiver(numbers, lost));
    b.spawn(receiver(numbers, received));
    b.spawn(receiver(numbers, received));
    b.run();

    CHECK(numbers.try_send(1));
    numbers.close();
    b.drop(first);
    b.run();

    CHECK(received == ints{1, 0});
}

TEST_CASE("a receive and a cancel in one turn, both orders", "[sync][channel]") {
    for (const std::size_t capacity : {0u, 1u})
        for (const bool send_first : {true, false}) {
            channel<int> numbers(capacity);
            branches b;
            ints first_received, received, sent;
            const auto first = b.spawn(receiver(numbers, first_received));
            b.spawn(receiver(numbers, received));
            b.run();

            if (send_first) {
                CHECK(numbers.try_send(1));
                b.cancel(first);
            } else {
                b.cancel(first);
                CHECK(numbers.try_send(1));
            }
            b.run();

            CHECK(first_received == (send_first ? ints{1} : ints{}));
            CHECK(received == (send_first ? ints{} : ints{1}));
        }
}

TEST_CASE("a cancelled sender has sent, or not", "[sync][channel]") {
    for (const std::size_t capacity : {0u, 1u})
        for (const bool receive_first : {true, false}) {
            channel<int> numbers(capacity);
            branches b;
            ints sent;
            for (int i = 1; i <= static_cast<int>(capacity); ++i)
                CHECK(numbers.try_send(std::move(i)));
            const auto first = b.spawn(sender(numbers, 7, sent));
            b.spawn(sender(numbers, 8, sent));
            b.run();

            ints received;
            if (!receive_first) b.cancel(first);
            for (std::size_t i = 0; i <= capacity; ++i)
                received.push_back(numbers.try_receive().value());
            if (receive_first) b.cancel(first);
            b.run();

            CHECK(received.back() == (receive_first ? 7 : 8));
            CHECK(sent.front() == (receive_first ? 7 : 8));
            CHECK(b.was_destroyed(first) == !receive_first);
        }
}

TEST_CASE("a sender that is dropped takes its item with it", "[sync][channel]") {
    using weft::testing::tracked;
    for (const std::size_t capacity : {0u, 1u}) {
        channel<tracked> items(capacity);
        branches b;
        const auto before = tracked::alive;
        if (capacity != 0) CHECK(items.try_send(tracked()));
        const auto waiting = b.spawn([&]() -> weft::task<> { co_await items.send(tracked()); });
        b.run();
        CHECK(tracked::alive > before + static_cast<int>(capacity));

        b.drop(waiting);

        CHECK(tracked::alive == before + static_cast<int>(capacity));
    }
    CHECK(tracked::alive == 0);
}

TEST_CASE("a receiver that took its item without waiting does not lose it when it is dropped",
          "[sync][channel]") {
    channel<int> numbers(100);
    branches b;
    for (int i = 0; i < 100; ++i) CHECK(numbers.try_send(std::move(i)));
    ints received;
    const auto busy = b.spawn([&]() -> weft::task<> {
        while (auto item = co_await numbers.receive()) received.push_back(*item);
    });

    b.turn(); // it has completed as many operations as it may in one turn
    b.drop(busy);

    while (auto item = numbers.try_receive()) received.push_back(*item);
    CHECK(received.size() == 100);
    for (int i = 0; i < 100; ++i) CHECK(received[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("one who sends or receives for ever without waiting lets others run",
          "[sync][channel]") {
    channel<int> numbers(1000);
    branches b;
    bool ran = false;
    b.spawn([&]() -> weft::task<> {
        for (;;) co_await numbers.send(1);
    });
    b.spawn([&]() -> weft::task<> {
        ran = true;
        co_return;
    });

    b.turn();

    CHECK(ran);
    CHECK(numbers.size() < 100);
}

TEST_CASE("a channel passes items of every kind", "[sync][channel]") {
    struct not_default {
        explicit not_default(int number) : value(number) {}
        int value;
    };
    for (const std::size_t capacity : {0u, 1u}) {
        channel<bool> flags(capacity);
        channel<const std::string> texts(capacity);
        channel<not_default> objects(capacity);
        channel<std::unique_ptr<int>> pointers(capacity);

        run([&]() -> weft::task<> {
            weft::task_group group;
            group.spawn([&]() -> weft::task<> {
                co_await flags.send(false);
                co_await texts.send("a text that is too long for the small string buffer");
                co_await objects.send(not_default(7));
                co_await pointers.send(std::make_unique<int>(8));
                const std::string constant = "constant";
                while (!texts.try_send(constant)) co_await weft::yield();
            });
            const auto flag = co_await flags.receive();
            CHECK(flag == false);
            const auto text = co_await texts.receive();
            CHECK(text->size() == 51);
            const auto object = co_await objects.receive();
            CHECK(object->value == 7);
            const auto pointer = co_await pointers.receive();
            CHECK(**pointer == 8);
            const auto constant = co_await texts.receive();
            CHECK(*constant == "constant");
            co_await group.join();
        });
    }
}

TEST_CASE("what a move throws goes to whoever moves, and nobody else is harmed",
          "[sync][channel]") {
    // Whatever move it is that fails: every item is received, or its sender or receiver failed.
    for (const std::size_t capacity : {0u, 1u, 3u})
        for (int moves = 0; moves < 60; ++moves) {
            channel<fragile> items(capacity);
            int sent = 0, received = 0, failed = 0;
            fragile::moves_until_failure = moves;

            run([&]() -> weft::task<> {
                weft::task_group group;
                for (int i = 0; i < 3; ++i)
                    group.spawn([&, i]() -> weft::task<> {
                        try {
                            co_await items.send(fragile(i));
                            ++sent;
                        } catch (const std::runtime_error&) {
                            ++failed;
                        }
                    });
                co_await weft::yield();
                group.spawn([&]() -> weft::task<> {
                    for (;;) {
                        try {
                            const auto item = co_await items.receive();
                            if (!item) break;
                            ++received;
                        } catch (const std::runtime_error&) {
                            ++failed;
                        }
                    }
                });
                co_await weft::yield();
                co_await weft::yield();
                co_await weft::yield();
                items.close();
                co_await group.join();
            });

            CHECK(received + failed == 3);
            CHECK(failed <= 1);
            CHECK(sent >= 2);
            CHECK(items.size() == 0);
        }
    fragile::moves_until_failure = -1;
}

TEST_CASE("a channel refuses a negative capacity", "[sync][channel]") {
    CHECK_THROWS_AS(channel<int>(static_cast<std::size_t>(-1)), std::invalid_argument);
}

TEST_CASE("a channel may die before those to whom it has promised an item, if all are dropped",
          "[sync][channel]") {
    for (const std::size_t capacity : {0u, 2u}) {
        branches b;
        channel<int>* shared = nullptr;
        ints log;
        const auto owner = b.spawn([&]() -> weft::task<> {
            channel<int> own(capacity);
            shared = &own;
            co_await weft::sleep_forever();
        });
        b.run();
        const auto served = b.spawn(receiver(*shared, log));
        const auto waiting = b.spawn(receiver(*shared, log));
        b.run();
        CHECK(shared->try_send(1));

        b.drop(owner);
        b.drop(served);
        b.drop(waiting);

        CHECK(log.empty());
    }
}

TEST_CASE("a channel can be ended at every point", "[sync][channel]") {
    for (const std::size_t capacity : {0u, 1u, 2u})
        sweep([capacity]() -> weft::task<> {
            channel<weft::testing::tracked> items(capacity);
            weft::task_group group;
            int received = 0;
            for (int i = 0; i < 2; ++i) {
                group.spawn([&]() -> weft::task<> {
                    for (int k = 0; k < 3; ++k) co_await items.send({});
                });
                group.spawn([&]() -> weft::task<> {
                    while (auto item = co_await items.receive())
                        if (++received == 6) items.close();
                });
            }
            co_await group.join();
            if (received != 6) FAIL("an item is lost");
        });
}

TEST_CASE("who does not wait overtakes nobody who did", "[sync][channel]") {
    channel<int> numbers(2);
    branches b;
    ints received;
    b.spawn(receiver(numbers, received));
    b.run();

    CHECK(numbers.try_send(1));
    CHECK(numbers.try_send(2));
    CHECK_FALSE(numbers.try_receive().has_value()); // the first is the receiver's
    b.run();

    CHECK(received == ints{1});
    CHECK(numbers.try_receive() == 2);
}

TEST_CASE("with an error_code, what the move of an item throws is still thrown",
          "[sync][channel]") {
    run([]() -> weft::task<> {
        channel<fragile> things(2);
        std::error_code answer;
        std::string caught;
        auto sending = things.send(fragile(1), answer);
        fragile::moves_until_failure = 1; // into the operation it moves, into the channel not
        try {
            co_await std::move(sending);
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        fragile::moves_until_failure = -1;

        CHECK(caught == "broken");
        CHECK(things.size() == 0);
    });
}

TEST_CASE("a sender that is cancelled by the move of its item has sent it", "[sync][channel]") {
    const auto capacity = GENERATE(std::size_t{0}, std::size_t{1});
    channel<busy_item> items(capacity);
    branches b;
    ints sent;
    std::vector<std::size_t> senders;
    for (int i = 1; i <= 3; ++i)
        senders.push_back(b.spawn([&, i]() -> weft::task<> {
            auto sending = items.send(busy_item(i));
            co_await std::move(sending);
            sent.push_back(i);
        }));
    b.run();

    // Of two that wait, the first one is cancelled while its item moves.
    const auto first = senders[capacity];
    auto got = capacity == 0 ? std::nullopt : items.try_receive();
    busy_item::next_move = [&] { b.cancel(first); };
    ints received;
    if (got) received.push_back(got->value);
    for (int i = 0; i != 4; ++i) {
        if (auto next = items.try_receive()) received.push_back(next->value);
        b.run();
    }

    CHECK(received == ints{1, 2, 3});
    CHECK(sent == ints{1, 2, 3});
}

TEST_CASE("an item whose move cancels the receiver that waits is nobody else's or the next one's",
          "[sync][channel]") {
    channel<busy_item> items(0);
    branches b;
    ints received;
    const auto receive = [&]() -> weft::task<> {
        auto item = co_await items.receive();
        received.push_back(item ? item->value : -1);
    };
    const auto first = b.spawn(receive);
    b.spawn(receive);
    b.run();

    busy_item one(1), two(2);
    busy_item::next_move = [&] { b.cancel(first); };
    CHECK(items.try_send(one));
    CHECK(items.try_send(two));
    b.run();

    CHECK(received == ints{1, 2}); // the first was served before it was cancelled
}
