// SPDX-License-Identifier: MIT
//
// Everything in sync/ that can be awaited, under all sweeps: see support/library_sweeps.hpp.
#include <weft/sync/barrier.hpp>
#include <weft/sync/broadcast.hpp>
#include <weft/sync/channel.hpp>
#include <weft/sync/condition_variable.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/latch.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/sync/oneshot.hpp>
#include <weft/sync/priority_channel.hpp>
#include <weft/sync/semaphore.hpp>
#include <weft/sync/shared_mutex.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <stdexcept>
#include <system_error>

#include <weft/compose/when_all.hpp>
#include <weft/compose/with_task_group.hpp>
#include <weft/core/error.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/testing/replace_operator_new.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/library_sweeps.hpp"
#include "support/ways_to_send.hpp"

using namespace library_sweeps;
using namespace std::chrono_literals;
using weft::task_group;
using weft::testing::tracked;

namespace {

struct event_wait : scenario {
    weft::event happened, again;
    int woken = 0;

    task<> run(simulation&) override {
        const auto waiter = [this]() -> task<> {
            co_await happened.wait();
            co_await again.wait();
            ++woken;
        };
        const auto body = [&](task_group& group) -> task<> {
            for (int i = 0; i < 3; ++i) group.spawn(waiter);
            co_await weft::yield();
            happened.set();
            co_await weft::sleep_for(1s);
            again.set();
            again.clear();
        };
        co_await weft::with_task_group(body);
        require(woken == 3 && !again.is_set(), "all were woken, though it was cleared at once");
    }
    task<> check(ended) override {
        happened.set();
        co_await happened.wait();
    }
};

struct mutex_lock : scenario {
    weft::mutex mutex;
    int inside = 0, done = 0;

    task<> run(simulation&) override {
        const auto worker = [this]() -> task<> {
            auto guard = co_await mutex.lock();
            const at_place here(inside);
            require(inside == 1, "one at a time");
            co_await weft::yield();
            ++done;
        };
        const auto trier = [this]() -> task<> {
            co_await weft::yield();
            const auto guard = mutex.try_lock();
            require(!guard || inside == 0, "none, or one at a time");
        };
        const auto body = [&](task_group& group) -> task<> {
            for (int i = 0; i < 3; ++i) group.spawn(worker);
            group.spawn(trier);
            co_return;
        };
        co_await weft::with_task_group(body);
        require(done == 3, "all have had it");
    }
    task<> check(ended) override {
        require(!mutex.owner() && mutex.try_lock().has_value(), "free afterwards");
        auto guard = co_await mutex.lock();
        require(guard.owns_lock(), "it can be locked");
    }
};

struct shared_mutex_lock : scenario {
    weft::shared_mutex mutex;
    int readers = 0, writers = 0, done = 0;

    task<> run(simulation&) override {
        const auto reader = [this]() -> task<> {
            auto guard = co_await mutex.lock_shared();
            const at_place here(readers);
            require(writers == 0, "no writer beside a reader");
            co_await weft::yield();
            ++done;
        };
        const auto writer = [this]() -> task<> {
            auto guard = co_await mutex.lock();
            const at_place here(writers);
            require(readers == 0 && writers == 1, "a writer is alone");
            co_await weft::yield();
            ++done;
        };
        const auto body = [&](task_group& group) -> task<> {
            for (int i = 0; i < 2; ++i) {
                group.spawn(reader);
                group.spawn(writer);
            }
            co_return;
        };
        co_await weft::with_task_group(body);
        require(done == 4, "all have had it");
    }
    task<> check(ended) override {
        require(mutex.try_lock().has_value(), "free afterwards");
        auto one = co_await mutex.lock_shared();
        auto another = co_await mutex.lock_shared();
        require(!mutex.try_lock(), "it can be shared");
    }
};

struct semaphore_acquire : scenario {
    weft::semaphore permits{2};
    int inside = 0, done = 0;

    task<> run(simulation&) override {
        const auto worker = [this]() -> task<> {
            for (int i = 0; i < 2; ++i) {
                auto permit = co_await permits.acquire();
                const at_place here(inside);
                require(inside <= 2, "two at a time");
                co_await weft::yield();
            }
            ++done;
        };
        const auto body = [&](task_group& group) -> task<> {
            for (int i = 0; i < 4; ++i) group.spawn(worker);
            co_return;
        };
        co_await weft::with_task_group(body);
        require(done == 4, "all have had one");
    }
    task<> check(ended) override {
        require(permits.available() == 2, "both are back");
        auto one = co_await permits.acquire();
        auto another = co_await permits.acquire();
        require(!permits.try_acquire(), "and no third one");
    }
};

/// Jobs for two workers, one of which waits by hand, the other until there is something.
struct condition_variable_wait : scenario {
    weft::mutex mutex;
    weft::condition_variable changed;
    int jobs = 0, taken = 0;
    bool closed = false;

    task<> run(simulation&) override {
        const auto by_hand = [this]() -> task<> {
            auto guard = co_await mutex.lock();
            while (jobs == 0 && !closed) co_await changed.wait(guard);
            require(guard.owns_lock(), "locked again");
            take();
        };
        const auto until = [this]() -> task<> {
            auto guard = co_await mutex.lock();
            co_await changed.wait(guard, [this] { return jobs != 0 || closed; });
            require(guard.owns_lock(), "locked again");
            take();
        };
        const auto body = [&](task_group& group) -> task<> {
            group.spawn(by_hand);
            group.spawn(until);
            group.spawn(until);
            for (int i = 0; i < 2; ++i) {
                co_await weft::yield();
                auto guard = co_await mutex.lock();
                ++jobs;
                changed.notify_one();
            }
            co_await weft::sleep_for(1s);
            require(taken == 2, "each notification has reached somebody");
            auto guard = co_await mutex.lock();
            closed = true;
            changed.notify_all();
        };
        co_await weft::with_task_group(body);
        require(jobs == 0 && taken == 2, "each was taken once");
    }
    task<> check(ended) override {
        auto guard = co_await mutex.lock();
        require(guard.owns_lock(), "free afterwards");
        co_await changed.wait(guard, [] { return true; });
    }
    void take() {
        if (jobs == 0) return;
        --jobs;
        ++taken;
    }
};

struct latch_wait : scenario {
    weft::latch three{3};
    bool counted = false;
    int passed = 0;

    task<> run(simulation&) override {
        const auto arrives = [this]() -> task<> {
            co_await three.arrive_and_wait();
            ++passed;
        };
        const auto body = [&](task_group& group) -> task<> {
            group.spawn(arrives);
            group.spawn(arrives);
            co_await weft::yield();
            require(!three.try_wait(), "one is missing");
            three.count_down();
            counted = true;
            co_await three.wait();
            ++passed;
        };
        co_await weft::with_task_group(body);
        require(passed == 3, "all have passed");
    }
    // Who was cancelled has not arrived.
    task<> check(ended) override {
        if (!three.try_wait()) three.count_down(counted ? 2 : 3);
        require(three.try_wait(), "those that are left are enough");
        co_await three.wait();
    }
};

struct barrier_arrive : scenario {
    weft::barrier all{3};
    std::size_t places = 0;
    int rounds = 0, dropped = 0;

    task<> run(simulation&) override {
        const auto worker = [this](bool drops_out) -> task<> {
            co_await meet();
            if (drops_out) {
                ++dropped;
                all.arrive_and_drop();
            } else {
                co_await meet();
            }
        };
        const auto body = [&](task_group& group) -> task<> {
            for (const bool drops_out : {false, true, false}) group.spawn(worker, drops_out);
            co_return;
        };
        co_await weft::with_task_group(body);
        require(rounds == 2 && places == 0 + 1 + 2 + 0 + 1, "each place once");
    }
    task<> check(ended) override {
        const auto body = [&](task_group& group) -> task<> {
            for (int i = dropped; i < 3; ++i) group.spawn([this] { return all.arrive_and_wait(); });
            co_return;
        };
        co_await weft::with_task_group(body);
    }
    task<> meet() {
        const auto place = co_await all.arrive_and_wait();
        places += place;
        if (place == 0) ++rounds;
    }
};

/// Two senders, two receivers: every item that was sent is received once.
template <class Channel>
struct items_are_conserved : scenario {
    explicit items_are_conserved(std::size_t capacity) : items(capacity) {}

    Channel items;
    int sent = 0, received = 0, senders = 2;

    task<> run(simulation&) override {
        const auto sender = [this]() -> task<> {
            for (int i = 0; i < 2; ++i) {
                co_await items.send(tracked());
                ++sent;
            }
            if (--senders == 0) items.close();
        };
        const auto receiver = [this]() -> task<> {
            while (auto item = co_await items.receive()) ++received;
        };
        const auto body = [&](task_group& group) -> task<> {
            for (int i = 0; i < 2; ++i) {
                group.spawn(sender);
                group.spawn(receiver);
            }
            co_return;
        };
        co_await weft::with_task_group(body);
        require(sent == 4 && received == 4 && items.size() == 0, "four items");
    }
    // Who is dropped cannot say whether he had sent, or received.
    task<> check(ended how) override {
        while (auto item = items.try_receive()) ++received;
        require(sent == received || how == ended::dropped, "as many as were sent");
        require(items.size() == 0, "nothing is left");
        items.close();
        auto nothing = co_await items.receive();
        require(!nothing && !items.try_send(tracked()), "closed");
    }
};

struct channel_without_room : items_are_conserved<weft::channel<tracked>> {
    channel_without_room() : items_are_conserved(0) {}
};
struct channel_of_two : items_are_conserved<weft::channel<tracked>> {
    channel_of_two() : items_are_conserved(2) {}
};

struct by_age {
    bool operator()(const tracked&, const tracked&) const noexcept { return false; }
};
struct priority_channel_of_two : items_are_conserved<weft::priority_channel<tracked, by_age>> {
    priority_channel_of_two() : items_are_conserved(2) {}
};

struct priority_channel_order : scenario {
    weft::priority_channel<int> numbers{3};

    task<> run(simulation&) override {
        const auto sender = [this](int number) -> task<> { co_await numbers.send(number); };
        const auto body = [&](task_group& group) -> task<> {
            for (const int each : {2, 4, 1, 3}) group.spawn(sender, each);
            co_await weft::sleep_for(1s);
            require(numbers.size() == 3, "three, and one waits");
            int last = 5;
            for (int i = 0; i < 3; ++i) {
                auto item = co_await numbers.receive();
                require(i != 0 || *item >= 3, "the greatest of three");
                if (i != 0) require(*item < last || last < 4, "the greatest, or the late one");
                last = *item;
                co_await weft::yield();
            }
        };
        co_await weft::with_task_group(body);
        require(numbers.size() == 1, "one is left");
    }
};

struct broadcast_waits : scenario {
    weft::broadcast<int> news{1};
    weft::latch subscribed{2};
    int heard = 0;

    task<> run(simulation&) override {
        const auto reader = [this]() -> task<> {
            auto mine = news.subscribe();
            subscribed.count_down();
            int last = 0;
            while (auto item = co_await mine.receive()) {
                require(*item == ++last, "in order, and none is missing");
                ++heard;
                co_await weft::yield();
            }
        };
        const auto body = [&](task_group& group) -> task<> {
            group.spawn(reader);
            group.spawn(reader);
            co_await subscribed.wait();
            for (int i = 1; i <= 3; ++i) co_await news.send(i);
            news.close();
        };
        co_await weft::with_task_group(body);
        require(heard == 6, "each has heard all");
    }
    // Nobody is there to wait for.
    task<> check(ended) override {
        weft::broadcast<int> other(1);
        auto& open = news.closed() ? other : news;
        for (int i = 0; i < 2; ++i) co_await open.send(i);
    }
};

template <weft::lagging Policy>
struct broadcast_to_the_slow : scenario {
    weft::broadcast<tracked> news{1, Policy};
    weft::event may_read;
    std::size_t heard = 0, missed = 0;

    task<> run(simulation&) override {
        const auto reader = [this]() -> task<> {
            auto mine = news.subscribe();
            may_read.set();
            for (;;) {
                auto item = co_await mine.receive();
                if (!item) break;
                ++heard;
                co_await weft::sleep_for(2500ms);
            }
            missed = mine.missed();
        };
        const auto body = [&](task_group& group) -> task<> {
            group.spawn(reader);
            co_await may_read.wait();
            for (int i = 0; i < 4; ++i) {
                co_await weft::sleep_for(1s);
                co_await news.send(tracked());
            }
            news.close();
        };
        co_await weft::with_task_group(body);
        require(missed != 0 && heard != 0, "slow");
        if (Policy == weft::lagging::drop_oldest) require(heard + missed == 4, "all, or counted");
    }
};

/// Senders that are refused while they wait, and that come when it is closed: they hear of it by a
/// code.
template <class Way>
struct sends_with_codes : scenario {
    Way way;
    int sent = 0, refused = 0, received = 0;

    task<> run(simulation&) override {
        const auto sender = [this]() -> task<> {
            for (int i = 0; i < 3; ++i) co_await send();
        };
        const auto body = [&](task_group& group) -> task<> {
            group.spawn(sender);
            group.spawn(sender);
            for (int i = 0; i < 2; ++i) co_await receive();
            co_await weft::yield();
            way.to.close();
            while (co_await receive()) {}
        };
        co_await weft::with_task_group(body);
        require(sent + refused == 6 && refused >= 3, "two received, one in it, the rest refused");
        require(sent == received, "as many as were sent");
    }
    // Who is dropped cannot say whether he had sent, or received.
    task<> check(ended how) override {
        way.to.close();
        while (co_await receive()) {}
        require(sent == received || how == ended::dropped, "as many as were sent");
        const int before = refused;
        co_await send();
        require(refused == before + 1, "closed");
    }
    task<> send() {
        std::error_code error = weft::errc::busy;
        co_await way.to.send(tracked(), error);
        require(!error || error == weft::errc::closed, "sent or refused");
        ++(error ? refused : sent);
    }
    task<bool> receive() {
        auto item = co_await way.receive();
        received += item.has_value();
        co_return item.has_value();
    }
};

struct oneshot_receive : scenario {
    weft::oneshot<tracked> answer;
    weft::oneshot<void> failure;
    bool set = false;
    int received = 0;

    task<> run(simulation&) override {
        const auto asks = [this]() -> task<> {
            auto got = co_await answer.receive();
            ++received;
            bool failed = false;
            try {
                co_await failure.receive();
            } catch (const std::runtime_error&) { failed = true; }
            require(failed, "the error");
        };
        const auto body = [&](task_group& group) -> task<> {
            group.spawn(asks);
            co_await weft::yield();
            set = answer.set_value(tracked()); // not if who waited was cancelled
            require(!answer.set_value(tracked()), "once");
            co_await weft::yield();
            failure.set_error(std::make_exception_ptr(std::runtime_error("none")));
        };
        co_await weft::with_task_group(body);
        require(set && received == 1, "set once, received once");
    }
    // Either somebody has it, or the next one who waits gets it.
    task<> check(ended how) override {
        if (received != 0 || how == ended::dropped) co_return;
        const auto receive = [this]() -> task<> { auto got = co_await answer.receive(); };
        const auto answers = [this]() -> task<> {
            co_await weft::yield();
            answer.set_value(tracked());
        };
        co_await weft::when_all(receive(), answers());
    }
};

SWEEP_LIBRARY(event_wait, "event.wait")
SWEEP_LIBRARY(mutex_lock, "mutex.lock")
SWEEP_LIBRARY(shared_mutex_lock, "shared_mutex.lock and lock_shared")
SWEEP_LIBRARY(semaphore_acquire, "semaphore.acquire")
SWEEP_LIBRARY(condition_variable_wait, "condition_variable.wait")
SWEEP_LIBRARY(latch_wait, "latch.wait and arrive_and_wait")
SWEEP_LIBRARY(barrier_arrive, "barrier.arrive_and_wait")
SWEEP_LIBRARY(channel_without_room, "a channel without capacity")
SWEEP_LIBRARY(channel_of_two, "a channel of capacity 2")
SWEEP_LIBRARY(priority_channel_of_two, "a priority_channel of capacity 2")
SWEEP_LIBRARY(priority_channel_order, "a priority_channel with an order")
SWEEP_LIBRARY(broadcast_waits, "a broadcast that waits")
SWEEP_LIBRARY(broadcast_to_the_slow<weft::lagging::drop_oldest>, "a broadcast that drops")
SWEEP_LIBRARY(broadcast_to_the_slow<weft::lagging::disconnect>, "a broadcast that disconnects")
SWEEP_LIBRARY(sends_with_codes<over_a_channel<tracked>>, "channel.send with a code")
SWEEP_LIBRARY(sends_with_codes<over_a_broadcast<tracked>>, "broadcast.send with a code")
SWEEP_LIBRARY(oneshot_receive, "oneshot.receive")

} // namespace
