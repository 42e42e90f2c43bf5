// SPDX-License-Identifier: MIT
#include <weft/sync/wait_queue.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <weft/compose/with_timeout.hpp>
#include <weft/core/awaitable.hpp>
#include <weft/core/branch.hpp>
#include <weft/coro/task.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/death.hpp"
#include "support/run.hpp"

namespace {

/// A primitive that tells what becomes of those who wait for it.
class gate {
    struct passing;

public:
    auto pass(char name) { return weft::wait_queue::wait<passing>(this, name); }

    void wake() { waiters_.wake_one(); }
    void serve() { waiters_.serve_one(); }
    bool empty() const { return waiters_.empty(); }
    bool open = false;
    std::string log;

private:
    weft::wait_queue waiters_;
};

struct gate::passing {
    gate* at;
    char who;

    weft::wait_queue& queue() noexcept { return at->waiters_; }
    bool begin() noexcept { return at->open; }
    void waits(weft::branch&) noexcept { at->log += '+'; }
    char result() { return who; }
    void give_back() noexcept { at->log.append("back ").append(1, who); }
    void left() noexcept { at->log.append("left ").append(1, who); }
    static constexpr const char* name = "gate.pass";
};

auto visitor(gate& at, std::string& log, char name) {
    return [&at, &log, name]() -> weft::task<> {
        const char result = co_await at.pass(name);
        log += result;
    };
}

} // namespace

TEST_CASE("a queue wakes its waiters one by one, in their order", "[sync][wait_queue]") {
    gate gate;
    branches b;
    std::string log;
    for (const char name : {'a', 'b', 'c'}) b.spawn(visitor(gate, log, name));
    b.run();
    CHECK(gate.log == "+++");

    gate.wake();
    gate.serve();
    CHECK(log.empty()); // nobody runs inside of these
    b.run();
    CHECK(log == "ab");

    gate.wake();
    CHECK(gate.empty());
    b.run();
    CHECK(log == "abc");
    CHECK(gate.log == "+++");
}

TEST_CASE("who is complete at once does not wait", "[sync][wait_queue]") {
    gate gate;
    gate.open = true;
    branches b;
    std::string log;
    b.spawn(visitor(gate, log, 'a'));

    b.turn();

    CHECK(log == "a");
    CHECK(gate.log.empty());
}

TEST_CASE("a waiter that goes says so, once", "[sync][wait_queue]") {
    gate gate;
    branches b;
    std::string log;
    const auto a = b.spawn(visitor(gate, log, 'a'));
    const auto c = b.spawn(visitor(gate, log, 'b'));
    b.spawn(visitor(gate, log, 'c'));
    b.run();
    gate.log.clear();

    b.drop(c);
    CHECK(gate.log == "left b");
    b.cancel(a);
    b.run();
    CHECK(gate.log == "left bleft a");

    gate.wake();
    b.run();
    CHECK(log == "c");
}

TEST_CASE("what was handed to a waiter that is dropped is given back", "[sync][wait_queue]") {
    gate gate;
    branches b;
    std::string log;
    const auto woken = b.spawn(visitor(gate, log, 'a'));
    const auto served = b.spawn(visitor(gate, log, 'b'));
    b.run();
    gate.log.clear();

    gate.wake();
    gate.serve();
    b.drop(woken); // had been handed nothing
    CHECK(gate.log.empty());
    b.drop(served);

    CHECK(gate.log == "back b");
    CHECK(log.empty());
}

TEST_CASE("what was handed to a waiter that is cancelled is delivered", "[sync][wait_queue]") {
    gate gate;
    branches b;
    std::string log;
    const auto served = b.spawn(visitor(gate, log, 'a'));
    b.run();

    gate.serve();
    b.cancel(served);
    b.run();

    CHECK(log == "a");
    CHECK(gate.log == "+");
}

TEST_CASE("what is described can be kept, moved, and handed to a fork", "[sync][wait_queue]") {
    weft::mutex mutex;
    static_assert(std::is_trivially_destructible_v<decltype(mutex.lock())>);
    static_assert(weft::awaits<decltype(mutex.lock())>);

    run([&]() -> weft::task<> {
        auto lock = mutex.lock();
        auto moved = std::move(lock);
        CHECK(mutex.owner() == nullptr); // nothing has begun
        auto guard = co_await std::move(moved);
        CHECK(guard.owns_lock());
        guard.unlock();

        using namespace std::chrono_literals;
        auto in_time = co_await weft::with_timeout(1s, mutex.lock());
        CHECK(in_time.owns_lock());
        CHECK(mutex.owner() == nullptr); // it was moved out of the fork
        bool late = false;
        try {
            auto guard_again = co_await weft::with_timeout(1s, mutex.lock());
        } catch (const weft::timeout_error&) {
            late = true;
        }
        CHECK(late);
    });

    CHECK(mutex.try_lock().has_value());
}

TEST_CASE("a waiter knows what it waits for", "[sync][wait_queue]") {
    gate gate;
    branches b;
    std::string log;
    weft::branch* self = nullptr;
    b.spawn([&]() -> weft::task<> {
        self = weft::this_execution.current;
        co_await gate.pass('a');
    });
    b.run();

    CHECK(self->waits_on()->describe() == std::string_view("gate.pass"));
}

TEST_CASE("frames may be dropped in any order, waiters after what they wait for",
          "[sync][wait_queue]") {
    for (const bool served : {false, true}) {
        branches b;
        gate* shared = nullptr;
        std::string log;
        const auto owner = b.spawn([&]() -> weft::task<> {
            gate own;
            shared = &own;
            co_await weft::sleep_forever();
        });
        b.run();
        const auto first = b.spawn(visitor(*shared, log, 'a'));
        const auto second = b.spawn(visitor(*shared, log, 'b'));
        b.run();
        if (served) shared->serve();

        b.drop(owner);
        b.cancel(second); // it is in no queue any more
        b.drop(first);
        b.run();

        CHECK(b.was_destroyed(second));
        CHECK(log.empty());
    }
}

#ifndef NDEBUG
TEST_CASE("an object that is destroyed while somebody waits for it asserts",
          "[sync][wait_queue]") {
    const auto words = last_words([] {
        branches b;
        std::string log;
        auto own = std::make_unique<gate>();
        b.spawn(visitor(*own, log, 'a'));
        b.run();
        own.reset();
    });

    CHECK_THAT(words, Catch::Matchers::ContainsSubstring("while somebody waits for it"));
}

TEST_CASE("a mutex that is destroyed while it is held asserts", "[sync][wait_queue]") {
    const auto words = last_words([] {
        auto own = std::make_unique<weft::mutex>();
        auto guard = own->try_lock();
        own.reset();
    });

    CHECK_THAT(words, Catch::Matchers::ContainsSubstring("while somebody holds it"));
}
#endif

TEST_CASE("an object that is destroyed before its waiter resumes ends the program with a word",
          "[sync][wait_queue]") {
    const auto words = last_words([] {
        branches b;
        std::string log;
        auto own = std::make_unique<gate>();
        b.spawn(visitor(*own, log, 'a'));
        b.run();
        own->serve();
        own.reset();
        b.run();
    });

    CHECK_THAT(words, Catch::Matchers::ContainsSubstring("destroyed too early"));
}

namespace {

/// Counts up, and lets those go on who wait for no more than that.
class counter {
    struct reaching;

public:
    auto at_least(int value) { return weft::wait_queue::wait<reaching>(this, value); }
    void add() {
        ++value_;
        waiters_.wake_all(); // those who wait again do so in the same queue
    }

private:
    int value_ = 0;
    weft::wait_queue waiters_;
};

struct counter::reaching {
    counter* at;
    int value;

    weft::wait_queue& queue() noexcept { return at->waiters_; }
    bool begin() noexcept { return at->value_ >= value; }
    void proceed(weft::branch& self, weft::wait_queue::entry&) noexcept {
        begin() ? self.go_on() : at->waiters_.wait_again(self);
    }
    void result() const noexcept {}
    void give_back() noexcept {}
    static constexpr const char* name = "counter.at_least";
};

} // namespace

TEST_CASE("who is woken may wait again in the same queue, or go on to wait for something else",
          "[sync][wait_queue]") {
    counter counter;
    gate gate;
    branches b;
    std::string log;
    for (const int value : {2, 1, 3})
        b.spawn([&, value]() -> weft::task<> {
            co_await counter.at_least(value);
            log += std::to_string(value);
            co_await gate.pass('g'); // proceeds no more
            log += 'g';
        });
    b.run();

    counter.add();
    b.run();
    CHECK(log == "1");
    gate.wake();
    b.run();
    CHECK(log == "1g");
    counter.add();
    counter.add();
    b.run();
    CHECK(log == "1g23");
    gate.wake();
    gate.wake();
    b.run();
    CHECK(log == "1g23gg");
}
