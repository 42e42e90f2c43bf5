// SPDX-License-Identifier: MIT
#include <weft/threads/to_thread.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <weft/compose/when_all.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/run.hpp>
#include <weft/time/sleep.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;
using weft::cancel_token;
using weft::task;
using weft::thread_pool;
using weft::to_thread;
using weft::to_thread_abandon;

namespace {

/// Counts its living copies, from any thread.
class counted {
public:
    explicit counted(std::atomic<int>& alive) : alive_(&alive) { ++*alive_; }
    counted(const counted& other) : alive_(other.alive_) { ++*alive_; }
    counted& operator=(const counted&) = delete;
    ~counted() { --*alive_; }

private:
    std::atomic<int>* alive_;
};

/// A call that a test holds in a thread until it lets it go.
struct held_call {
    std::binary_semaphore begun{0};
    std::binary_semaphore go{0};

    void operator()() {
        begun.release();
        go.acquire();
    }
};

} // namespace

TEST_CASE("a call runs on another thread and its result comes back", "[threads][to_thread]") {
    run([]() -> task<> {
        const auto here = std::this_thread::get_id();
        auto own = std::make_unique<int>(4);
        int target = 0;

        const auto there = co_await to_thread([] { return std::this_thread::get_id(); });
        const int sum = co_await to_thread([](int a, int b) { return a + b; }, 3, 4);
        own = co_await to_thread([](std::unique_ptr<int> p) { return p; }, std::move(own));
        int& same = co_await to_thread([&]() -> int& { return target; });
        co_await to_thread([&] { target = 9; });

        CHECK(there != here);
        CHECK(std::this_thread::get_id() == here);
        CHECK(sum == 7);
        CHECK(*own == 4);
        CHECK(&same == &target);
        CHECK(target == 9);
    });
}

TEST_CASE("what a thread throws is rethrown as it is", "[threads][to_thread]") {
    run([]() -> task<> {
        std::string caught;
        try {
            co_await to_thread([] { throw std::out_of_range("page 12"); });
        } catch (const std::out_of_range& error) {
            caught = error.what();
        }
        CHECK(caught == "page 12");
    });
}

TEST_CASE("the loop goes on while a thread works", "[threads][to_thread]") {
    held_call call;
    weft::run([&]() -> task<> {
        auto let_go = [&]() -> task<> {
            co_await weft::sleep_for(1ms);
            call.go.release();
        };
        co_await weft::when_all(to_thread(std::ref(call)), let_go());
    });
}

TEST_CASE("simulated time stands still while a thread works", "[threads][to_thread]") {
    run([]() -> task<> {
        const auto begin = weft::loop_clock::now();
        auto done = co_await weft::try_for(1ns, to_thread([] { std::this_thread::yield(); }));
        CHECK(done);
        CHECK(weft::loop_clock::now() == begin);
    });
}

TEST_CASE("a cancel tells the token and waits for the call", "[threads][to_thread]") {
    branches b;
    thread_pool pool(1);
    std::binary_semaphore begun{0};
    bool told = false;
    const auto waiter = b.spawn([&]() -> task<> {
        co_await pool.run([&](cancel_token token) {
            begun.release();
            while (!token.cancel_requested()) std::this_thread::yield();
            told = true;
        });
        co_await weft::sleep_for(1s); // the next operation: it stops here
    });
    b.run();
    begun.acquire();

    b.cancel(waiter);
    while (b.is_alive(waiter)) b.turn();

    CHECK(told);
    CHECK(b.was_destroyed(waiter));
}

TEST_CASE("a result that comes in spite of a cancel is delivered", "[threads][to_thread]") {
    branches b;
    held_call call;
    bool received = false;
    const auto waiter = b.spawn([&]() -> task<> {
        co_await to_thread(std::ref(call));
        received = true;
        co_await weft::sleep_for(1s);
        received = false;
    });
    b.run();
    call.begun.acquire();

    b.cancel(waiter);
    for (int turn = 0; turn != 10; ++turn) b.turn();
    CHECK(b.is_alive(waiter));
    call.go.release();
    while (b.is_alive(waiter)) b.turn();

    CHECK(received);
    CHECK(b.was_destroyed(waiter));
}

TEST_CASE("a call that says it was cancelled ends its waiter there", "[threads][to_thread]") {
    const no_frame_leaks check;
    std::string outcome;
    weft::run([&]() -> task<> {
        auto work = [](cancel_token token) {
            for (;;) token.throw_if_cancelled();
        };
        try {
            co_await weft::with_timeout(1ms, to_thread(work));
        } catch (const weft::timeout_error&) {
            outcome = "timed out";
        }
    });
    CHECK(outcome == "timed out");
}

TEST_CASE("a call that was cancelled before it began never will", "[threads][to_thread]") {
    branches b;
    thread_pool pool(1);
    held_call first;
    bool called = false;
    b.spawn([&]() -> task<> { co_await pool.run(std::ref(first)); });
    const auto second = b.spawn([&]() -> task<> {
        co_await pool.run([&] { called = true; });
    });
    b.run();
    first.begun.acquire();

    b.cancel(second);
    b.run();
    CHECK(b.was_destroyed(second));
    first.go.release();
    while (b.is_alive(0)) b.turn();

    CHECK_FALSE(called);
}

TEST_CASE("a cancel abandons what need not be waited for", "[threads][to_thread]") {
    std::atomic<int> alive{0};
    std::optional<thread_pool> pool(1);
    held_call call;
    {
        branches b;
        const auto waiter = b.spawn([&]() -> task<> {
            co_await pool->run_abandon(
                [&call](counted argument) {
                    call();
                    return argument;
                },
                counted(alive));
        });
        b.run();
        call.begun.acquire();

        b.cancel(waiter);
        b.run();
        CHECK(b.was_destroyed(waiter));
        CHECK(alive > 0);

        SECTION("its late result is destroyed by the loop") {
            call.go.release();
            pool.reset();
            b.run();
            CHECK(alive == 0);
        }
        SECTION("or without it") {}
    }
    call.go.release();
    pool.reset();
    CHECK(alive == 0);
}

TEST_CASE("a waiter is cancelled or dropped in every state of the call", "[threads][to_thread]") {
    std::atomic<int> alive{0};
    const bool cancelled = GENERATE(true, false);
    const bool abandoned = GENERATE(true, false);
    const bool takes_token = GENERATE(true, false);
    const int state = GENERATE(range(0, 5));
    INFO("state " << state << (cancelled ? ", cancelled" : ", dropped")
                  << (abandoned ? ", abandoned" : "") << (takes_token ? ", with a token" : ""));
    {
        branches b;
        held_call before, call;
        std::optional<thread_pool> pool(1);
        const auto body = [&]() -> task<> {
            auto plain = [&call](counted argument) {
                call();
                return argument;
            };
            auto with_token = [&call](cancel_token, counted argument) {
                call();
                return argument;
            };
            const counted local(alive);
            if (takes_token && abandoned)
                co_await pool->run_abandon(with_token, counted(alive));
            else if (takes_token)
                co_await pool->run(with_token, counted(alive));
            else if (abandoned)
                co_await pool->run_abandon(plain, counted(alive));
            else
                co_await pool->run(plain, counted(alive));
        };
        const auto end = [&](std::size_t waiter) {
            if (cancelled)
                b.cancel(waiter);
            else
                b.drop(waiter);
        };

        if (state == 1) { // it waits for a thread
            b.spawn([&]() -> task<> { co_await pool->run(std::ref(before)); });
            b.run();
            before.begun.acquire();
        }
        const auto waiter = b.spawn(body);
        if (state >= 1) b.run();
        if (state >= 2) call.begun.acquire(); // it has begun
        if (state >= 3) { // it is done, and the loop has not looked
            call.go.release();
            pool.reset();
        }
        if (state == 4) { // it is done, and the waiter is ready
            b.turn();
            CHECK(b.is_alive(waiter));
        }
        end(waiter);
        if (state == 2 && cancelled && !abandoned) CHECK(b.is_alive(waiter));
        before.go.release();
        call.go.release();
        while (b.is_alive(waiter)) b.turn();
        pool.reset();
        b.run();
        CHECK(alive == 0);
    }
    CHECK(alive == 0);
}

TEST_CASE("the loop may be gone when the thread is done", "[threads][to_thread]") {
    std::atomic<int> alive{0};
    thread_pool pool(1);
    held_call call;
    {
        test_loop loop;
        loop.spawn([&]() -> task<> {
            co_await pool.run([&call](counted) { call(); }, counted(alive));
        });
        loop.poll();
        call.begun.acquire();
    }
    CHECK(alive > 0);
    call.go.release();
    weft::run([&]() -> task<> { co_await pool.run([] {}); }); // comes after it
    while (alive != 0) std::this_thread::yield();
}

TEST_CASE("many loops share the threads, and nothing is lost", "[threads][to_thread]") {
    thread_pool pool(3);
    std::atomic<int> calls{0};
    std::vector<std::thread> loops;
    for (int i = 0; i != 3; ++i)
        loops.emplace_back([&] {
            weft::run([&]() -> task<> {
                weft::task_group group;
                for (int k = 0; k != 200; ++k)
                    group.spawn([&]() -> task<> {
                        co_await pool.run([&] { ++calls; });
                    });
                co_await group.join();
            });
        });
    for (auto& each : loops) each.join();

    CHECK(calls == 600);
}

TEST_CASE("time-outs race with threads", "[threads][to_thread]") {
    const no_frame_leaks check;
    std::atomic<int> ended{0};
    int received = 0;
    weft::run([&]() -> task<> {
        for (int i = 0; i != 300; ++i) {
            auto call = [&](cancel_token token) { // owns nothing: see the README on g++ 12
                token.throw_if_cancelled();
                ++ended;
                return 1;
            };
            auto one = co_await weft::try_for(i * 100ns, to_thread(call));
            if (one) ++received;
        }
    });
    CHECK(received == ended); // waited for, so delivered if it was done
}
