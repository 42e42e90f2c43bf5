// SPDX-License-Identifier: MIT
#include <weft/os/run_interruptible.hpp>

#include <chrono>
#include <string>

#include <signal.h>
#include <unistd.h>

#include <weft/compose/finally.hpp>
#include <weft/core/error.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/fork.hpp"

using namespace std::chrono_literals;
using weft::run_interruptible;
using weft::task;

namespace {

/// What SIGINT does now.
auto disposition() {
    struct ::sigaction now {};
    ::sigaction(SIGINT, nullptr, &now);
    return now.sa_handler;
}

} // namespace

TEST_CASE("it runs a task as run does", "[os][run_interruptible]") {
    const auto add = [](int a, int b) -> task<int> {
        co_await weft::yield();
        co_return a + b;
    };
    CHECK(run_interruptible(add, 3, 4) == 7);
    CHECK(run_interruptible(add(3, 4)) == 7);
}

TEST_CASE("Ctrl-C cancels main, whose clean-ups run", "[os][run_interruptible]") {
    const auto before = disposition();
    std::string log;
    const auto main = [&]() -> task<> {
        auto body = [&]() -> task<> {
            ::raise(SIGINT);
            co_await weft::sleep_forever();
        };
        auto cleanup = [&]() -> task<> {
            co_await weft::sleep_for(1ms);
            log += "clean";
        };
        co_await weft::finally(body, cleanup);
    };

    CHECK_THROWS_AS(run_interruptible(main), weft::cancelled_error);
    CHECK(log == "clean");
    CHECK(disposition() == before);
}

TEST_CASE("the second Ctrl-C ends the process, whatever it does", "[os][run_interruptible]") {
    const int exit_code = exit_code_of([] {
        run_interruptible([]() -> task<> {
            ::raise(SIGINT); // nobody looks: no operation begins after this
            ::raise(SIGINT);
            ::_exit(1);
            co_return;
        });
        return 2;
    });
    CHECK(exit_code == -SIGINT);
}

TEST_CASE("a signal that is ignored stays ignored", "[os][run_interruptible]") {
    const auto before = ::signal(SIGINT, SIG_IGN);
    run_interruptible([]() -> task<> {
        ::raise(SIGINT);
        co_await weft::yield();
        co_await weft::yield();
    });
    CHECK(disposition() == SIG_IGN);
    ::signal(SIGINT, before);
}
