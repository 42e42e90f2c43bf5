// SPDX-License-Identifier: MIT
#include <weft/loop/inbox.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <weft/loop/poll_reactor.hpp>

#include "support/catch.hpp"

using weft::inbox;
using weft::intrusive_list;
using weft::runnable;

namespace {

class counting_reactor final : public weft::reactor {
public:
    int wakes = 0;

    bool wait(std::int64_t) override { return false; }
    void wake() noexcept override { ++wakes; }

private:
    int arm(const descriptor&, bool) noexcept override { return 0; }
    void disarm(const descriptor&) noexcept override {}
};

struct note final : runnable {
    int sender = 0, number = 0;

    note() = default;
    note(int from, int n) : sender(from), number(n) {}
    void run() noexcept override {}
};

std::vector<int> numbers(intrusive_list<runnable>& items) {
    std::vector<int> found;
    while (!items.empty()) found.push_back(static_cast<note&>(items.pop_front()).number);
    return found;
}

} // namespace

TEST_CASE("what is pushed first is taken first", "[loop][inbox]") {
    counting_reactor events;
    inbox box(events);
    note notes[4]{{0, 1}, {0, 2}, {0, 3}, {0, 4}};
    intrusive_list<runnable> taken;

    CHECK(box.empty());
    for (int i = 0; i < 3; ++i) CHECK(box.push(notes[i]));
    CHECK_FALSE(box.empty());
    box.take(taken);
    CHECK(box.empty());
    CHECK(box.push(notes[3]));
    box.take(taken);

    CHECK(numbers(taken) == std::vector<int>{1, 2, 3, 4});
}

TEST_CASE("only the first push after a take wakes the loop", "[loop][inbox]") {
    counting_reactor events;
    inbox box(events);
    note notes[5];
    intrusive_list<runnable> taken;

    for (int i = 0; i < 3; ++i) box.push(notes[i]);
    CHECK(events.wakes == 1);
    box.take(taken);
    for (int i = 3; i < 5; ++i) box.push(notes[i]);

    CHECK(events.wakes == 2);
    box.take(taken);
    taken.clear();
}

TEST_CASE("what is withdrawn from the inbox is not taken", "[loop][inbox]") {
    counting_reactor events;
    inbox box(events);
    note notes[3]{{0, 1}, {0, 2}, {0, 3}};
    intrusive_list<runnable> taken;

    for (auto& item : notes) box.push(item);
    box.withdraw(notes[1]);
    box.take(taken);
    box.withdraw(notes[1]); // too late, and harmless

    CHECK(numbers(taken) == std::vector<int>{1, 3});
}

TEST_CASE("a wake leaves nothing and a loop that is gone does not mind", "[loop][inbox]") {
    std::optional<counting_reactor> events(std::in_place);
    inbox box(*events);
    intrusive_list<runnable> left;

    box.wake();
    CHECK(events->wakes == 1);
    CHECK(box.empty());
    box.close(left);
    events.reset();
    box.wake();

    CHECK(left.empty());
}

TEST_CASE("what is to come before a wake is called before it, also if the loop is gone",
          "[loop][inbox]") {
    std::optional<counting_reactor> events(std::in_place);
    inbox box(*events);
    intrusive_list<runnable> left;

    int wakes_before = -1;
    box.wake_after([&] { wakes_before = events->wakes; });
    CHECK(wakes_before == 0);
    CHECK(events->wakes == 1);
    CHECK(box.empty());
    box.close(left);
    events.reset();

    bool was_called = false;
    box.wake_after([&] { was_called = true; });
    CHECK(was_called);
}

TEST_CASE("a loop does not close while somebody calls what comes before a wake",
          "[loop][inbox]") {
    for (int round = 0; round < 20; ++round) {
        auto events = std::make_unique<counting_reactor>();
        inbox box(*events);
        std::atomic<bool> has_begun = false, is_done = false;
        std::thread other([&] {
            box.wake_after([&] {
                has_begun = true;
                for (int i = 0; i < 1000; ++i) std::this_thread::yield();
                is_done = true;
            });
        });

        while (!has_begun) std::this_thread::yield();
        intrusive_list<runnable> left;
        box.close(left);
        const bool was_done = is_done;
        events.reset(); // which is not woken any more
        other.join();
        CHECK(was_done);
    }
}

TEST_CASE("a push to a loop that is gone says so", "[loop][inbox]") {
    std::optional<counting_reactor> events(std::in_place);
    inbox box(*events);
    note notes[2]{{0, 1}, {0, 2}};
    intrusive_list<runnable> left;
    box.push(notes[0]);

    box.close(left);
    events.reset();

    CHECK_FALSE(box.push(notes[1]));
    CHECK_FALSE(notes[1].is_queued());
    CHECK(box.empty());
    CHECK(numbers(left) == std::vector<int>{1});
}

TEST_CASE("four threads push while the loop sleeps and takes", "[loop][inbox]") {
    constexpr int senders = 4, each = 100'000;
    weft::poll_reactor events;
    inbox box(events);
    std::vector<std::unique_ptr<note[]>> notes;
    std::vector<std::thread> threads;
    for (int sender = 0; sender < senders; ++sender) {
        notes.push_back(std::make_unique<note[]>(each));
        threads.emplace_back([sender, &box, mine = notes.back().get()] {
            for (int i = 0; i < each; ++i) {
                mine[i].sender = sender;
                mine[i].number = i;
                box.push(mine[i]);
            }
        });
    }

    int received = 0, out_of_order = 0;
    std::vector<int> expected(senders, 0);
    while (received < senders * each) {
        if (box.empty()) events.wait(weft::reactor::never);
        intrusive_list<runnable> taken;
        box.take(taken);
        for (; !taken.empty(); ++received) {
            const auto& item = static_cast<note&>(taken.pop_front());
            out_of_order += expected[static_cast<std::size_t>(item.sender)]++ != item.number;
        }
    }
    for (auto& thread : threads) thread.join();

    CHECK(out_of_order == 0);
    CHECK(box.empty());
}

TEST_CASE("a loop may go while threads push", "[loop][inbox]") {
    constexpr int most = 10'000;
    for (int round = 0; round < 200; ++round) {
        auto events = std::make_unique<weft::poll_reactor>();
        const auto box = std::make_shared<inbox>(*events);
        std::vector<std::unique_ptr<note[]>> notes;
        std::vector<std::thread> threads;
        std::atomic<int> accepted = 0;
        for (int sender = 0; sender < 2; ++sender) {
            notes.push_back(std::make_unique<note[]>(most));
            threads.emplace_back([box, &accepted, mine = notes.back().get()] {
                for (int i = 0; i < most && box->push(mine[i]); ++i) ++accepted;
            });
        }

        intrusive_list<runnable> items;
        events->wait(weft::reactor::never);
        box->take(items);
        box->close(items);
        events.reset();
        for (auto& thread : threads) thread.join();

        int received = 0;
        for (; !items.empty(); ++received) items.pop_front();
        REQUIRE(received == accepted);
    }
}
