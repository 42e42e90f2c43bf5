// SPDX-License-Identifier: MIT
#include <weft/threads/thread_pool.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <signal.h>

#include <weft/compose/when_all.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/core/error.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/run.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/fork.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;
using weft::task;
using weft::thread_pool;

TEST_CASE("a pool runs so many calls at a time, and all of them", "[threads][thread_pool]") {
    thread_pool pool(3);
    CHECK(pool.size() == 3);
    std::atomic<int> running{0}, most{0}, calls{0};
    run([&]() -> task<> {
        const auto call = [&] {
            const int now = ++running;
            int before = most;
            while (before < now && !most.compare_exchange_weak(before, now)) {}
            std::this_thread::yield();
            ++calls;
            --running;
        };
        using call_on_pool = decltype(pool.run(call));
        std::vector<call_on_pool> all;
        for (int i = 0; i != 100; ++i) all.push_back(pool.run(call));
        co_await weft::when_all(std::move(all));
    });

    CHECK(calls == 100);
    CHECK(most <= 3);
}

TEST_CASE("calls that wait for each other run at the same time", "[threads][thread_pool]") {
    thread_pool pool(2);
    std::binary_semaphore first{0}, second{0};
    run([&]() -> task<> {
        const auto one = [&] {
            first.release();
            second.acquire();
        };
        const auto other = [&] {
            first.acquire();
            second.release();
        };
        co_await weft::when_all(pool.run(one), pool.run(other));
    });
}

TEST_CASE("calls begin in the order in which they were awaited", "[threads][thread_pool]") {
    thread_pool pool(1);
    std::string order;
    run([&]() -> task<> {
        const auto call = [&](char name) { order += name; };
        co_await weft::when_all(pool.run(call, 'a'), pool.run(call, 'b'), pool.run(call, 'c'));
    });
    CHECK(order == "abc");
}

TEST_CASE("a pool that goes finishes what has begun, and fails the rest",
          "[threads][thread_pool]") {
    branches b;
    std::optional<thread_pool> pool(1);
    std::binary_semaphore begun{0};
    std::atomic<bool> go{false};
    bool called = false;
    const auto first = b.spawn([&]() -> task<> {
        co_await pool->run([&] {
            begun.release();
            while (!go) std::this_thread::yield();
        });
    });
    const auto second = b.spawn([&]() -> task<> {
        co_await pool->run([&] { called = true; });
    });
    b.run();
    begun.acquire();
    std::thread lets_go([&] { go = true; });
    pool.reset();
    lets_go.join();
    b.run();

    CHECK(b.has_ended(first));
    CHECK_FALSE(b.has_thrown(first));
    REQUIRE(b.has_thrown(second) != called); // it may have begun before the pool knew of its end
    if (!called) try {
        b.rethrow(second);
    } catch (const weft::error& error) {
        CHECK(error.code() == weft::errc::closed);
    }
}

TEST_CASE("threads of a pool leave signals to others", "[threads][thread_pool]") {
    ::sigset_t before;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
    thread_pool pool(1);
    run([&]() -> task<> {
        const auto mask = co_await pool.run([] {
            ::sigset_t now;
            ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
            return now;
        });
        CHECK(::sigismember(&mask, SIGINT) == 1);
        CHECK(::sigismember(&mask, SIGTERM) == 1);
        CHECK(::sigismember(&mask, SIGSEGV) == 0);
    });
    ::sigset_t here;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &here);
    CHECK(::sigismember(&here, SIGTERM) == ::sigismember(&before, SIGTERM));
}

TEST_CASE("the child of a fork may destroy a pool, not use it", "[threads][thread_pool]") {
    std::optional<thread_pool> pool(2);
    run([&]() -> task<> { co_await pool->run([] {}); });
    const int exit_code = exit_code_of([&] {
        int code = 1;
        try {
            weft::run([&]() -> task<> { co_await pool->run([] {}); });
        } catch (const weft::error&) {
            code = 0;
        }
        pool.reset();
        return code;
    });
    CHECK(exit_code == 0);
}

TEST_CASE("the pool of the process has a few more threads than cores", "[threads][thread_pool]") {
    const auto size = weft::default_thread_pool().size();
    CHECK(size >= 4);
    CHECK(size <= 32);
}

TEST_CASE("a call is cancelled on one thread while its pool goes on another",
          "[threads][thread_pool]") {
    for (int round = 0; round != 50; ++round) {
        auto pool = std::make_unique<thread_pool>(1);
        std::binary_semaphore queued{0};
        std::thread other([&] {
            weft::event_loop loop;
            loop.on_unhandled([](const std::exception_ptr&, std::string_view) {});
            loop.run([&]() -> task<> {
                weft::task_group calls(weft::on_error::report);
                for (int i = 0; i != 20; ++i)
                    calls.spawn([&]() -> task<> { co_await pool->run([] {}); });
                co_await weft::yield();
                queued.release();
                for (int turn = 0; turn != round; ++turn) co_await weft::yield();
                calls.cancel();
                co_await calls.join();
            });
        });
        queued.acquire();
        pool.reset();
        other.join();
    }
}
