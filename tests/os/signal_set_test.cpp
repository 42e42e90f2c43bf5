// SPDX-License-Identifier: MIT
#include <weft/os/signal_set.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include <signal.h>
#include <unistd.h>

#include <weft/compose/with_timeout.hpp>
#include <weft/loop/epoll_reactor.hpp>
#include <weft/loop/poll_reactor.hpp>
#include <weft/loop/run.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/fork.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;
using weft::signal_set;
using weft::task;

namespace {

/// The thread sanitizer delivers signals late, and then merges them.
#if defined(__SANITIZE_THREAD__)
constexpr int many = 1;
#else
constexpr int many = 100'000;
#endif

/// What `signal` does now.
auto disposition(int signal) {
    struct ::sigaction now {};
    ::sigaction(signal, nullptr, &now);
    return now.sa_handler;
}

/// Receives `count` signals and writes them down.
task<> receive(signal_set& from, int count, std::vector<int>& log) {
    for (int i = 0; i != count; ++i) {
        const int signal = co_await from.next();
        log.push_back(signal);
    }
}

void ignore(int) {}

} // namespace

TEMPLATE_TEST_CASE("signals are received, and the destructor restores", "[os][signal_set]",
                   weft::epoll_reactor, weft::poll_reactor) {
    ::signal(SIGUSR1, &ignore);
    weft::event_loop loop(std::make_unique<TestType>());
    loop.run([]() -> task<> {
        signal_set set{SIGUSR1, SIGUSR2};
        std::vector<int> log;
        CHECK(disposition(SIGUSR1) != &ignore);
        for (int i = 0; i != 3; ++i) {
            ::raise(SIGUSR2);
            co_await receive(set, 1, log);
            ::raise(SIGUSR1);
            co_await receive(set, 1, log);
        }
        CHECK(log == std::vector{SIGUSR2, SIGUSR1, SIGUSR2, SIGUSR1, SIGUSR2, SIGUSR1});
    });
    CHECK(disposition(SIGUSR1) == &ignore);
    CHECK(disposition(SIGUSR2) == SIG_DFL);
    ::signal(SIGUSR1, SIG_DFL);
}

TEST_CASE("what is no signal is an error", "[os][signal_set]") {
    run([]() -> task<> {
        CHECK_THROWS_AS(signal_set{SIGKILL}, std::system_error);
        CHECK_THROWS_AS(signal_set{0}, std::system_error);
        CHECK_THROWS_WITH((signal_set{SIGUSR1, 4711}), Catch::Contains("4711"));
        CHECK(disposition(SIGUSR1) == SIG_DFL);
        co_return;
    });
}

TEST_CASE("none of 100,000 signals is lost", "[os][signal_set]") {
    weft::run([]() -> task<> {
        signal_set set{SIGRTMIN, SIGUSR1};

        SECTION("that come while nobody looks") {
            for (int i = 0; i != many; ++i) ::raise(SIGRTMIN);
            ::raise(SIGUSR1);
            const int lowest = co_await set.next();
            CHECK(lowest == SIGUSR1);
            for (int i = 0; i != many; ++i) {
                const int signal = co_await set.next();
                if (signal != SIGRTMIN) FAIL("another signal");
            }
        }
        SECTION("that another thread queues meanwhile") {
            std::thread other([] {
                for (int i = 0; i != many;) {
                    if (::sigqueue(::getpid(), SIGRTMIN, {}) == 0)
                        ++i;
                    else if (errno == EAGAIN)
                        std::this_thread::yield();
                }
            });
            for (int i = 0; i != many; ++i) {
                const int signal = co_await set.next();
                if (signal != SIGRTMIN) FAIL("another signal");
            }
            other.join();
        }
        const auto more = co_await weft::try_for(1ms, set.next());
        CHECK_FALSE(more);
    });
}

TEST_CASE("several sets share a signal, and each gets it", "[os][signal_set]") {
    run([]() -> task<> {
        std::vector<int> first, second;
        signal_set outer{SIGUSR1};
        {
            signal_set inner{SIGUSR1, SIGUSR2};
            ::raise(SIGUSR1);
            co_await receive(outer, 1, first);
            co_await receive(inner, 1, second);
        }
        CHECK(disposition(SIGUSR2) == SIG_DFL);
        ::raise(SIGUSR1);
        co_await receive(outer, 1, first);
        CHECK(first == std::vector{SIGUSR1, SIGUSR1});
        CHECK(second == std::vector{SIGUSR1});
    });
    CHECK(disposition(SIGUSR1) == SIG_DFL);
}

TEST_CASE("signals come to whatever thread, and reach loops on others", "[os][signal_set]") {
    std::atomic<int> listening{0};
    std::atomic<int> received{0};
    std::vector<std::thread> loops;
    for (int i = 0; i != 3; ++i)
        loops.emplace_back([&] {
            weft::run([&]() -> task<> {
                signal_set set{SIGUSR1};
                ++listening;
                co_await set.next();
                ++received;
            });
        });
    while (listening != 3) std::this_thread::yield();
    ::kill(::getpid(), SIGUSR1);
    for (auto& each : loops) each.join();

    CHECK(received == 3);
}

TEST_CASE("sets come and go while signals arrive", "[os][signal_set]") {
    std::atomic<bool> over{false};
    weft::run([&]() -> task<> {
        signal_set keeps{SIGUSR1};
        std::thread other([&] {
            while (!over) ::kill(::getpid(), SIGUSR1);
        });
        for (int i = 0; i != 200; ++i) {
            signal_set set{SIGUSR1};
            co_await set.next();
        }
        over = true;
        other.join();
    });
}

TEST_CASE("a signal for a waiter that is ended goes to the next", "[os][signal_set]") {
    branches b;
    std::optional<signal_set> set;
    std::vector<int> first, second;
    const auto make = b.spawn([&]() -> task<> {
        set.emplace({SIGUSR1});
        co_return;
    });
    b.run();
    REQUIRE(b.has_ended(make));
    const auto ended = b.spawn([&]() -> task<> { return receive(*set, 1, first); });
    const auto next = b.spawn([&]() -> task<> { return receive(*set, 1, second); });
    b.run();

    SECTION("cancelled while it waits") {
        b.cancel(ended);
        ::raise(SIGUSR1);
    }
    SECTION("dropped while it waits") {
        b.drop(ended);
        ::raise(SIGUSR1);
    }
    SECTION("dropped when it was promised the signal") {
        b.spawn([&]() -> task<> {
            ::raise(SIGUSR1);
            co_await weft::yield(); // it runs before who is promised the signal in the next turn
            b.drop(ended);
        });
    }
    b.run();

    CHECK(first.empty());
    CHECK(second == std::vector{SIGUSR1});
    CHECK(b.has_ended(next));
    set.reset();
}

TEST_CASE("a signal and a cancel in one turn: the signal is delivered", "[os][signal_set]") {
    run([]() -> task<> {
        signal_set set{SIGUSR1};
        bool received = false;
        auto waits = [&]() -> task<> {
            co_await set.next();
            received = true;
        };
        auto child = weft::this_loop().spawn(waits);
        co_await weft::sleep_for(0s);
        ::raise(SIGUSR1);
        weft::this_loop().post([&] { child.cancel(); });
        co_await child.wait();
        CHECK(received);
    });
}

TEST_CASE("programs that are started have the default action", "[os][signal_set]") {
    run([]() -> task<> {
        signal_set set{SIGUSR1};
        const int exit_code = exit_code_of([] {
            ::execlp("sh", "sh", "-c", "kill -USR1 $$; exit 3", nullptr);
            return 4;
        });
        CHECK(exit_code == -SIGUSR1);
        co_return;
    });
}

TEST_CASE("a set that goes does not catch again what another one has let go",
          "[os][signal_set]") {
    struct ::sigaction before {};
    ::sigaction(SIGUSR1, nullptr, &before);
    {
        weft::event_loop loop;
        const weft::signal_set stays(loop, {SIGUSR1}, weft::repeated_signal::takes_default_action);
        {
            const weft::signal_set goes(loop, {SIGUSR1},
                                        weft::repeated_signal::takes_default_action);
            ::raise(SIGUSR1);
        }
        struct ::sigaction now {};
        ::sigaction(SIGUSR1, nullptr, &now);
        CHECK(now.sa_handler == SIG_DFL);
    }
    struct ::sigaction after {};
    ::sigaction(SIGUSR1, nullptr, &after);
    CHECK(after.sa_handler == before.sa_handler);
}
