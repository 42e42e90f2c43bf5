// SPDX-License-Identifier: MIT
#include <weft/sync/fair_lock.hpp>

#include <string>

#include <weft/coro/task.hpp>
#include <weft/sync/wait_queue.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"

namespace {

/// Waits for the lock in one of the two ways, and keeps it.
template <bool Shares>
struct taking {
    weft::fair_lock* lock;
    std::string* log;
    char who;

    weft::wait_queue& queue() noexcept { return lock->waiters(); }
    bool begin() noexcept {
        return Shares ? lock->try_share() : lock->try_lock(weft::this_execution.current);
    }
    void waits(weft::branch& self) noexcept {
        if (Shares) self.set(weft::wait_queue::shares_flag);
    }
    void result() { *log += who; }
    void give_back() noexcept { Shares ? lock->unshare() : lock->unlock(); }
    void serve_others() noexcept { lock->waiter_left(); }
    static constexpr const char* name = "taking";
};

template <bool Shares>
auto take(weft::fair_lock& lock, std::string& log, char who) {
    return [&lock, &log, who]() -> weft::task<> {
        co_await weft::wait_queue::wait<taking<Shares>>(&lock, &log, who);
    };
}
auto share(weft::fair_lock& lock, std::string& log, char who) { return take<true>(lock, log, who); }
auto alone(weft::fair_lock& lock, std::string& log, char who) { return take<false>(lock, log, who); }

} // namespace

TEST_CASE("a lock is held by one alone, or by several who share it", "[sync][fair_lock]") {
    weft::fair_lock lock;

    CHECK(lock.try_lock(nullptr));
    CHECK_FALSE(lock.try_lock(nullptr));
    CHECK_FALSE(lock.try_share());
    lock.unlock();

    CHECK(lock.try_share());
    CHECK(lock.try_share());
    CHECK_FALSE(lock.try_lock(nullptr));
    lock.unshare();
    CHECK_FALSE(lock.try_lock(nullptr));
    lock.unshare();
    CHECK(lock.try_lock(nullptr));
    lock.unlock();
}

TEST_CASE("a lock knows the branch that holds it alone", "[sync][fair_lock]") {
    weft::fair_lock lock;
    branches b;
    std::string log;

    b.spawn(alone(lock, log, 'a'));
    b.run();
    auto* const first = lock.owner();
    CHECK(first != nullptr);
    b.spawn(alone(lock, log, 'b'));
    b.run();
    CHECK(lock.owner() == first);

    lock.unlock();
    CHECK(lock.owner() != first); // handed over before the other one runs
    CHECK(lock.owner() != nullptr);
    CHECK(log == "a");
    b.run();
    CHECK(log == "ab");
    lock.unlock();
    CHECK(lock.owner() == nullptr);
}

TEST_CASE("nobody overtakes those who wait for a lock", "[sync][fair_lock]") {
    weft::fair_lock lock;
    branches b;
    std::string log;
    REQUIRE(lock.try_share());
    b.spawn(alone(lock, log, 'w'));
    b.spawn(share(lock, log, 'r'));
    b.spawn(share(lock, log, 's'));
    b.spawn(alone(lock, log, 'v'));
    b.run();
    CHECK(log.empty());
    CHECK_FALSE(lock.try_share()); // though it is shared: one waits for it alone

    lock.unshare();
    b.run();
    CHECK(log == "w");
    lock.unlock();
    b.run();
    CHECK(log == "wrs"); // both at once
    lock.unshare();
    b.run();
    CHECK(log == "wrs");
    lock.unshare();
    b.run();
    CHECK(log == "wrsv");
    lock.unlock();
}

TEST_CASE("who leaves the queue of a lock lets those behind go", "[sync][fair_lock]") {
    weft::fair_lock lock;
    branches b;
    std::string log;
    REQUIRE(lock.try_share());
    const auto writer = b.spawn(alone(lock, log, 'w'));
    b.spawn(share(lock, log, 'r'));
    b.spawn(share(lock, log, 's'));
    b.run();

    b.cancel(writer);
    b.run();

    CHECK(b.was_destroyed(writer));
    CHECK(log == "rs");
    for (int held = 3; held != 0; --held) lock.unshare();
    CHECK(lock.try_lock(nullptr));
    lock.unlock();
}

TEST_CASE("what was handed to somebody who is dropped goes to the next", "[sync][fair_lock]") {
    weft::fair_lock lock;
    branches b;
    std::string log;
    REQUIRE(lock.try_lock(nullptr));
    const auto first = b.spawn(alone(lock, log, 'a'));
    const auto second = b.spawn(share(lock, log, 'b'));
    b.spawn(alone(lock, log, 'r'));
    b.run();

    lock.unlock(); // to the first
    b.drop(first); // to the second
    b.drop(second);
    b.run();

    CHECK(log == "r");
    lock.unlock();
}
