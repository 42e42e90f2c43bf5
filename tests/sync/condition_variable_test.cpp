// SPDX-License-Identifier: MIT
#include <weft/sync/condition_variable.hpp>

#include <cstddef>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>

#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/sync/shared_mutex.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/sweep.hpp"

namespace {

/// A mutex, a condition and what its waiters write.
struct fixture {
    weft::mutex mutex;
    weft::condition_variable changed;
    std::string log;
    branches b;

    /// Waits once, and writes its name; a capital if it does not have the lock then.
    std::size_t wait(char name) {
        return b.spawn([this, name]() -> weft::task<> {
            auto guard = co_await mutex.lock();
            co_await changed.wait(guard);
            log += guard.owns_lock() ? name : static_cast<char>(name - 'a' + 'A');
        });
    }
    /// Waits until `ready()`, and writes its name.
    template <class F>
    std::size_t wait_until(char name, F ready) {
        return b.spawn([this, name, ready]() -> weft::task<> {
            auto guard = co_await mutex.lock();
            co_await changed.wait(guard, ready);
            log += name;
            if (!guard.owns_lock() || mutex.try_lock()) log += '!';
        });
    }
};

/// Says, when it is destroyed, whether a guard that was declared before it owns the lock.
struct witness {
    weft::lock_guard& guard;
    std::string& log;
    ~witness() { log += guard.owns_lock() ? "locked" : "unlocked"; }
};

} // namespace

TEST_CASE("a waiter gives up the lock and has it again when it goes on",
          "[sync][condition_variable]") {
    fixture f;
    f.wait('a');
    f.b.run();
    {
        auto guard = f.mutex.try_lock();
        CHECK(guard.has_value());
        f.changed.notify_one();
        f.b.run();
        CHECK(f.log.empty()); // it has to wait for the lock
    }

    f.b.run();

    CHECK(f.log == "a");
    CHECK(f.mutex.try_lock().has_value());
}

TEST_CASE("notify_one wakes the oldest waiter, notify_all wakes all",
          "[sync][condition_variable]") {
    fixture f;
    for (const char name : {'a', 'b', 'c', 'd'}) f.wait(name);
    f.b.run();

    f.changed.notify_one();
    f.b.run();
    CHECK(f.log == "a");

    f.changed.notify_all();
    f.b.run();
    CHECK(f.log == "abcd");
}

TEST_CASE("a notification that nobody waits for is not kept", "[sync][condition_variable]") {
    fixture f;
    f.changed.notify_one();
    f.changed.notify_all();
    f.wait('a');

    f.b.run();

    CHECK(f.log.empty());
}

TEST_CASE("a waiter that was notified queues for the lock like everybody",
          "[sync][condition_variable]") {
    fixture f;
    f.wait('a');
    f.b.run();
    auto guard = f.mutex.try_lock();
    f.b.spawn([&]() -> weft::task<> {
        auto mine = co_await f.mutex.lock();
        f.log += 'x';
    });
    f.b.run();

    f.changed.notify_one();
    guard.reset();
    f.b.run();

    CHECK(f.log == "xa");
}

TEST_CASE("a predicate that is true is not waited for", "[sync][condition_variable]") {
    fixture f;
    f.wait_until('a', [] { return true; });

    f.b.turn();

    CHECK(f.log == "a");
}

TEST_CASE("a predicate is asked with the lock held, after each notification",
          "[sync][condition_variable]") {
    fixture f;
    int asked = 0;
    bool always_locked = true;
    f.wait_until('a', [&] {
        always_locked = always_locked && !f.mutex.try_lock().has_value();
        return ++asked == 3;
    });
    f.b.run();
    CHECK(asked == 1);

    f.changed.notify_one();
    f.b.run();
    CHECK(asked == 2);
    CHECK(f.log.empty());
    CHECK(f.mutex.try_lock().has_value());

    f.changed.notify_all();
    f.b.run();
    CHECK(f.log == "a");
    CHECK(always_locked);
}

TEST_CASE("a predicate that throws leaves the waiter with the lock",
          "[sync][condition_variable]") {
    for (const int good_answers : {0, 1}) {
        fixture f;
        int asked = 0;
        bool locked = false;
        const auto waiter = f.b.spawn([&]() -> weft::task<> {
            auto guard = co_await f.mutex.lock();
            const auto predicate = [&] {
                if (asked++ == good_answers) throw std::runtime_error("no answer");
                return false;
            };
            try {
                co_await f.changed.wait(guard, predicate);
            } catch (const std::runtime_error&) {
                locked = guard.owns_lock() && !f.mutex.try_lock();
                throw;
            }
        });
        f.b.run();
        f.changed.notify_one();
        f.b.run();

        CHECK(locked);
        CHECK_THROWS_WITH(f.b.rethrow(waiter), "no answer");
        CHECK(f.mutex.try_lock().has_value());
    }
}

TEST_CASE("a waiter that is cancelled leaves its guard without the lock",
          "[sync][condition_variable]") {
    for (const bool while_locking : {false, true})
        for (const bool with_predicate : {false, true}) {
            fixture f;
            const auto waiter = f.b.spawn([&]() -> weft::task<> {
                auto guard = co_await f.mutex.lock();
                const witness last{guard, f.log};
                if (with_predicate)
                    co_await f.changed.wait(guard, [] { return false; });
                else
                    co_await f.changed.wait(guard);
            });
            f.b.run();
            std::optional<weft::lock_guard> guard;
            if (while_locking) {
                guard = f.mutex.try_lock();
                f.changed.notify_one();
                f.b.run();
            }

            f.b.cancel(waiter);
            f.b.run();

            CHECK(f.log == "unlocked");
            CHECK(f.b.was_destroyed(waiter));
            guard.reset();
            CHECK(f.mutex.try_lock().has_value());
        }
}

TEST_CASE("a notification of a waiter that is cancelled while it locks again goes to the next",
          "[sync][condition_variable]") {
    for (const bool drop : {false, true}) {
        fixture f;
        const auto first = f.wait('a');
        f.wait('b');
        f.b.run();
        auto guard = f.mutex.try_lock();
        f.changed.notify_one();
        f.b.run();

        if (drop)
            f.b.drop(first);
        else
            f.b.cancel(first);
        guard.reset();
        f.b.run();

        CHECK(f.log == "b");
        CHECK(f.mutex.try_lock().has_value());
    }
}

TEST_CASE("a notification of a waiter that is dropped before it resumes goes to the next",
          "[sync][condition_variable]") {
    for (const bool with_predicate : {false, true}) {
        fixture f;
        const auto first =
            with_predicate ? f.wait_until('a', [answer = false]() mutable {
                return std::exchange(answer, true);
            })
                           : f.wait('a');
        f.wait('b');
        f.b.run();

        f.changed.notify_one(); // it has the lock again, and has not run
        CHECK_FALSE(f.mutex.try_lock().has_value());
        f.b.drop(first);
        f.b.run();

        CHECK(f.log == "b");
        CHECK(f.mutex.try_lock().has_value());
    }
}

TEST_CASE("a notification and a cancel in one turn, both orders", "[sync][condition_variable]") {
    for (const bool notify_first : {true, false}) {
        fixture f;
        const auto first = f.wait('a');
        f.wait('b');
        f.b.run();

        if (notify_first) {
            f.changed.notify_one(); // the lock is free: the wait is complete
            f.b.cancel(first);
        } else {
            f.b.cancel(first);
            f.changed.notify_one();
        }
        f.b.run();

        CHECK(f.log == (notify_first ? "a" : "b"));
        CHECK(f.mutex.try_lock().has_value());
    }
}

TEST_CASE("a waiter that is cancelled before its predicate is asked passes the notification on",
          "[sync][condition_variable]") {
    fixture f;
    const auto first = f.wait_until('a', [answer = false]() mutable {
        return std::exchange(answer, true);
    });
    f.wait('b');
    f.b.run();

    f.changed.notify_one();
    f.b.cancel(first);
    f.b.run();

    CHECK(f.b.was_destroyed(first));
    CHECK(f.log == "b");
    CHECK(f.mutex.try_lock().has_value());
}

TEST_CASE("of notify_all, nothing is passed on to who came later", "[sync][condition_variable]") {
    fixture f;
    const auto first = f.wait('a');
    f.b.run();
    auto guard = f.mutex.try_lock();
    f.changed.notify_all();
    guard.reset();
    f.wait('b'); // behind the first one in the queue for the lock
    f.b.drop(first);

    f.b.run();

    CHECK(f.log.empty());
}

TEST_CASE("a predicate may cancel the one who waits", "[sync][condition_variable]") {
    for (const int calls : {1, 2}) {
        fixture f;
        std::size_t self = 0;
        int asked = 0;
        self = f.wait_until('a', [&] {
            if (++asked == calls) f.b.cancel(self);
            return false;
        });
        f.b.run();
        f.changed.notify_one();
        f.b.run();

        CHECK(f.b.was_destroyed(self));
        CHECK(asked == calls);
        CHECK(f.log.empty());
        CHECK(f.mutex.try_lock().has_value());
    }
}

TEST_CASE("a true predicate is not lost when the branch is dropped after it",
          "[sync][condition_variable]") {
    fixture f;
    const auto busy = f.b.spawn([&]() -> weft::task<> {
        auto guard = co_await f.mutex.lock();
        for (;;) co_await f.changed.wait(guard, [] { return true; });
    });

    f.b.turn(); // it has completed as many operations as it may in one turn
    f.b.drop(busy);

    CHECK(f.mutex.try_lock().has_value());
}

TEST_CASE("a waiter of a shared_mutex that is cancelled lets in who stood behind it",
          "[sync][condition_variable]") {
    weft::shared_mutex mutex;
    weft::condition_variable changed;
    branches b;
    std::string log;
    const auto waiter = b.spawn([&]() -> weft::task<> {
        auto guard = co_await mutex.lock();
        co_await changed.wait(guard);
        log += 'w';
    });
    b.run();
    auto reading = mutex.try_lock_shared();
    changed.notify_one(); // waits to hold it alone
    b.spawn([&]() -> weft::task<> {
        auto guard = co_await mutex.lock_shared();
        log += 'r';
    });
    b.run();
    CHECK(log.empty());

    b.cancel(waiter);
    b.run();

    CHECK(log == "r");
}

TEST_CASE("a mutex keeps its owner through a wait in another branch",
          "[sync][condition_variable]") {
    fixture f;
    weft::branch* owner = nullptr;
    f.b.spawn([&]() -> weft::task<> {
        owner = weft::this_execution.current;
        auto guard = co_await f.mutex.lock();
        weft::task_group group;
        group.spawn([&]() -> weft::task<> { co_await f.changed.wait(guard); });
        co_await group.join();
        CHECK(f.mutex.owner() == owner);
        f.log += 'a';
    });
    f.b.run();
    CHECK(f.mutex.owner() == nullptr);

    f.changed.notify_one();
    f.b.run();

    CHECK(f.log == "a");
}

TEST_CASE("a condition may die before its waiters if all are dropped",
          "[sync][condition_variable]") {
    for (const int fate : {0, 1, 2}) {
        branches b;
        weft::mutex mutex;
        weft::condition_variable* shared = nullptr;
        const auto owner = b.spawn([&]() -> weft::task<> {
            weft::condition_variable own;
            shared = &own;
            co_await weft::sleep_forever();
        });
        b.run();
        std::size_t waiters[2];
        for (auto& each : waiters)
            each = b.spawn([&]() -> weft::task<> {
                auto guard = co_await mutex.lock();
                co_await shared->wait(guard, [answer = false]() mutable {
                    return std::exchange(answer, true);
                });
            });
        b.run();

        std::optional<weft::lock_guard> guard;
        if (fate == 1) guard = mutex.try_lock();
        if (fate >= 1) shared->notify_all();
        b.drop(owner);
        for (const auto each : waiters) b.drop(each);

        guard.reset();
        CHECK(mutex.try_lock().has_value());
    }
}

TEST_CASE("a condition_variable can be ended at every point", "[sync][condition_variable]") {
    sweep([]() -> weft::task<> {
        weft::mutex mutex;
        weft::condition_variable changed;
        std::deque<int> jobs;
        int done = 0;
        weft::task_group group;
        for (int i = 0; i < 3; ++i)
            group.spawn([&]() -> weft::task<> {
                auto guard = co_await mutex.lock();
                const auto has_job = [&] { return !jobs.empty(); };
                co_await changed.wait(guard, has_job);
                if (!guard.owns_lock() || jobs.empty()) FAIL("a job is lost");
                jobs.pop_front();
                ++done;
            });
        for (int i = 0; i < 3; ++i) {
            auto guard = co_await mutex.lock();
            jobs.push_back(i);
            changed.notify_one();
            co_await weft::yield();
        }
        co_await group.join();
        if (done != 3) FAIL("a job is lost");
    });
}
