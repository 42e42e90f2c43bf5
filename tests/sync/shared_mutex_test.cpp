// SPDX-License-Identifier: MIT
#include <weft/sync/shared_mutex.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include <weft/compose/when_all.hpp>
#include <weft/core/error.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/sweep.hpp"

namespace {

/// Writes its name when it is in, and again, after a turn, when it leaves.
auto reader(weft::shared_mutex& mutex, std::string& log, char name) {
    return [&mutex, &log, name]() -> weft::task<> {
        auto guard = co_await mutex.lock_shared();
        log += name;
        co_await weft::yield();
        log += name;
    };
}
auto writer(weft::shared_mutex& mutex, std::string& log, char name) {
    return [&mutex, &log, name]() -> weft::task<> {
        auto guard = co_await mutex.lock();
        log += name;
        co_await weft::yield();
        log += name;
    };
}

} // namespace

TEST_CASE("readers share, writers do not", "[sync][shared_mutex]") {
    weft::shared_mutex mutex;

    auto one = mutex.try_lock_shared();
    auto two = mutex.try_lock_shared();
    CHECK(one.has_value());
    CHECK(two.has_value());
    CHECK_FALSE(mutex.try_lock().has_value());

    one->unlock();
    one->unlock();
    CHECK_FALSE(mutex.try_lock().has_value());
    two.reset();

    auto alone = mutex.try_lock();
    CHECK(alone.has_value());
    CHECK_FALSE(mutex.try_lock().has_value());
    CHECK_FALSE(mutex.try_lock_shared().has_value());
}

TEST_CASE("a shared guard can be moved", "[sync][shared_mutex]") {
    weft::shared_mutex one, two;
    auto first = one.try_lock_shared();
    auto second = two.try_lock_shared();

    auto moved = std::move(*first);
    CHECK_FALSE(first->owns_lock());
    first.reset();
    CHECK_FALSE(one.try_lock().has_value());

    moved = std::move(*second);
    CHECK(one.try_lock().has_value());
    CHECK_FALSE(two.try_lock().has_value());
    moved.unlock();
    CHECK(two.try_lock().has_value());
}

TEST_CASE("readers and writers are served in the order in which they came",
          "[sync][shared_mutex]") {
    weft::shared_mutex mutex;
    branches b;
    std::string log;
    b.spawn(reader(mutex, log, 'a'));
    b.spawn(reader(mutex, log, 'b'));
    b.spawn(writer(mutex, log, 'W'));
    b.spawn(reader(mutex, log, 'c')); // behind the writer, though readers are in
    b.spawn(reader(mutex, log, 'd'));
    b.spawn(writer(mutex, log, 'X'));

    b.run();

    CHECK(log == "ab" "ab" "WW" "cd" "cd" "XX");
}

TEST_CASE("readers behind a writer that gives up are let in", "[sync][shared_mutex]") {
    for (const bool drop : {false, true}) {
        weft::shared_mutex mutex;
        branches b;
        std::string log;
        auto held = mutex.try_lock_shared();
        const auto waiting = b.spawn(writer(mutex, log, 'W'));
        b.spawn(reader(mutex, log, 'a'));
        b.spawn(reader(mutex, log, 'b'));
        b.spawn(writer(mutex, log, 'X'));
        b.run();
        CHECK(log.empty());

        if (drop)
            b.drop(waiting);
        else
            b.cancel(waiting);
        b.run();

        CHECK(log == "abab");
        held.reset();
        b.run();
        CHECK(log == "ababXX");
    }
}

TEST_CASE("a writer that gives up behind another one lets nobody in", "[sync][shared_mutex]") {
    weft::shared_mutex mutex;
    branches b;
    std::string log;
    auto held = mutex.try_lock_shared();
    b.spawn(writer(mutex, log, 'W'));
    const auto second = b.spawn(writer(mutex, log, 'X'));
    b.spawn(reader(mutex, log, 'a'));
    b.run();

    b.cancel(second);
    b.run();

    CHECK(log.empty());
    held.reset();
    b.run();
    CHECK(log == "WWaa");
}

TEST_CASE("a lock handed to a reader or a writer that is dropped goes on",
          "[sync][shared_mutex]") {
    weft::shared_mutex mutex;
    branches b;
    std::string log;
    auto held = mutex.try_lock();
    const auto a = b.spawn(reader(mutex, log, 'a'));
    const auto c = b.spawn(reader(mutex, log, 'b'));
    const auto w = b.spawn(writer(mutex, log, 'W'));
    b.spawn(reader(mutex, log, 'c'));
    b.run();

    held.reset(); // both readers have it
    b.drop(a);
    b.drop(c); // the writer has it
    b.drop(w);
    b.run();

    CHECK(log == "cc");
    CHECK(mutex.try_lock().has_value());
}

TEST_CASE("a shared lock and a cancel in one turn, both orders", "[sync][shared_mutex]") {
    for (const bool unlock_first : {true, false}) {
        weft::shared_mutex mutex;
        branches b;
        std::string log;
        auto held = mutex.try_lock();
        const auto first = b.spawn(reader(mutex, log, 'a'));
        b.spawn(writer(mutex, log, 'W'));
        b.run();

        if (unlock_first) {
            held.reset();
            b.cancel(first);
        } else {
            b.cancel(first);
            held.reset();
        }
        b.run();

        CHECK(b.was_destroyed(first));
        CHECK(log == (unlock_first ? "aWW" : "WW"));
    }
}

TEST_CASE("a shared_mutex knows who holds it alone", "[sync][shared_mutex]") {
    weft::shared_mutex mutex;

    run([&]() -> weft::task<> {
        auto alone = co_await mutex.lock();
        CHECK(mutex.owner() == weft::this_execution.current);
        alone.unlock();
        auto shared = co_await mutex.lock_shared();
        CHECK(mutex.owner() == nullptr);
    });
}

TEST_CASE("who holds a shared_mutex alone and asks again gets an error",
          "[sync][shared_mutex]") {
    weft::shared_mutex mutex;

    run([&]() -> weft::task<> {
        auto alone = co_await mutex.lock();
        int refused = 0;
        try {
            auto again = co_await mutex.lock();
        } catch (const weft::deadlock_error&) {
            ++refused;
        }
        try {
            auto shared = co_await mutex.lock_shared();
        } catch (const weft::deadlock_error&) {
            ++refused;
        }
        CHECK(refused == 2);
    });

    CHECK(mutex.try_lock().has_value());
}

TEST_CASE("a shared_mutex can be ended at every point", "[sync][shared_mutex]") {
    sweep([]() -> weft::task<> {
        weft::shared_mutex mutex;
        weft::task_group group;
        int readers = 0, writers = 0;
        for (int i = 0; i < 4; ++i) {
            group.spawn([&]() -> weft::task<> {
                auto guard = co_await mutex.lock_shared();
                ++readers;
                if (writers != 0) FAIL("a reader beside a writer");
                co_await weft::yield();
                --readers;
            });
            if (i % 2 == 0) continue;
            group.spawn([&]() -> weft::task<> {
                auto guard = co_await mutex.lock();
                if (++writers != 1 || readers != 0) FAIL("a writer is not alone");
                co_await weft::yield();
                --writers;
            });
        }
        co_await group.join();
        if (!mutex.try_lock()) FAIL("nobody holds it, and it is locked");
    });
}

TEST_CASE("a cancelled writer lets in no reader that is cancelled with it",
          "[sync][shared_mutex]") {
    weft::shared_mutex mutex;
    branches b;
    std::string log;
    auto held = mutex.try_lock_shared();
    const auto both = b.spawn([&]() -> weft::task<> {
        auto late_reader = [&]() -> weft::task<> {
            co_await weft::yield();
            auto guard = co_await mutex.lock_shared();
            log += 'r';
            co_await weft::yield();
            log += '!';
        };
        co_await weft::when_all(late_reader(), writer(mutex, log, 'w')());
    });
    b.run();

    b.cancel(both); // both have left the queue when the writer lets others go on
    b.run();

    CHECK(log.empty());
    CHECK(b.was_destroyed(both));
    held.reset();
    CHECK(mutex.try_lock().has_value());
}

TEST_CASE("who leaves the queue lets nobody in who is below a sibling that is cancelled first",
          "[sync][shared_mutex]") {
    weft::shared_mutex mutex;
    branches b;
    std::string log;
    b.spawn([&]() -> weft::task<> {
        auto shared = co_await mutex.lock_shared();
        co_await weft::sleep_forever();
    });
    const auto both = b.spawn([&]() -> weft::task<> {
        auto nested = [&]() -> weft::task<> {
            co_await weft::when_all(reader(mutex, log, 'r')(), weft::sleep_forever());
        };
        co_await weft::when_all(writer(mutex, log, 'w')(), nested());
    });
    b.run();

    b.cancel(both); // the writer is asked last, though it leaves its place at once
    b.run();

    CHECK(b.was_destroyed(both));
    CHECK(log.empty());
    CHECK(mutex.try_lock_shared().has_value());
}
