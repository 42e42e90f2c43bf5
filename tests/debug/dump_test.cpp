// SPDX-License-Identifier: MIT
#include <weft/debug/dump.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <system_error>

#include <weft/coro/task.hpp>
#include <weft/loop/run.hpp>
#include <weft/sync/event.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/death.hpp"
#include "support/run.hpp"

using Catch::Matchers::ContainsSubstring;
using weft::task;

TEST_CASE("dump_tasks writes the tasks of the loop that runs", "[debug][dump]") {
    std::ostringstream text;
    run([&]() -> task<> {
        weft::debug::dump_tasks(text);
        co_return;
    });

    CHECK(text.str() == "main: runs\n");
}

TEST_CASE("a signal makes the loop write its tasks", "[debug][dump]") {
    const auto words = last_words([] {
        weft::run([]() -> task<> {
            weft::debug::dump_on_signal(SIGUSR1);
            std::raise(SIGUSR1); // from now on
            weft::event never;
            weft::this_loop().spawn([]() -> task<> {
                for (int i = 0; i < 10; ++i) co_await weft::yield();
                std::abort();
            });
            co_await never.wait();
        });
    });

    CHECK_THAT(words, ContainsSubstring("main: waits in event.wait at dump_test.cpp:"));
    CHECK_THAT(words, ContainsSubstring("\"dump_on_signal\": runs"));
}

TEST_CASE("asking for a signal that cannot be caught leaves the one before", "[debug][dump]") {
    const auto words = last_words([] {
        weft::run([]() -> task<> {
            weft::debug::dump_on_signal(SIGUSR1);
            try {
                weft::debug::dump_on_signal(SIGKILL);
            } catch (const std::system_error& error) {
                std::fprintf(stderr, "no: %d\n", error.code() == std::errc::invalid_argument);
            }
            std::raise(SIGUSR1);
            for (int i = 0; i < 10; ++i) co_await weft::yield();
            std::abort();
        });
    });

    CHECK_THAT(words, ContainsSubstring("no: 1"));
    CHECK_THAT(words, ContainsSubstring("\"dump_on_signal\": runs"));
}
