// SPDX-License-Identifier: MIT
#include <weft/loop/task_report.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <weft/compose/when_all.hpp>
#include <weft/coro/async_generator.hpp>
#include <weft/coro/shared_task.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using weft::task;

namespace {

// "file:line" with every line number as #.
std::string without_lines(std::string text) {
    std::string result;
    for (std::size_t i = 0; i != text.size(); ++i) {
        result += text[i];
        if (text[i] != ':' || i + 1 == text.size() || text[i + 1] < '0' || text[i + 1] > '9')
            continue;
        result += '#';
        while (i + 1 != text.size() && text[i + 1] >= '0' && text[i + 1] <= '9') ++i;
    }
    return result;
}

} // namespace

TEST_CASE("a report lists who waits for what, where, and because of whom", "[loop][task_report]") {
    std::string text;
    run([&]() -> task<> {
        weft::mutex mutex;
        weft::task_group group;
        const auto inner = [&]() -> task<> { auto guard = co_await mutex.lock(); };
        group.spawn([&]() -> task<> {
            auto guard = co_await mutex.lock();
            co_await weft::sleep_for(1s);
        }).set_name("clerk");
        group.spawn([&]() -> task<> { co_await inner(); });
        co_await weft::yield();
        group.spawn([]() -> task<> { co_return; });
        text = weft::report_tasks(weft::this_loop());
        co_await group.join();
    });

    CHECK(without_lines(text) ==
          "main: runs\n"
          "  \"clerk\": waits in sleep at task_report_test.cpp:#\n"
          "  task 1: waits in mutex.lock at task_report_test.cpp:#, called from "
          "task_report_test.cpp:#, because of \"clerk\"\n"
          "  task 2: has not started\n");
}

TEST_CASE("a report shows the branches of forks below their parent", "[loop][task_report]") {
    std::string text;
    weft::event event;
    run([&]() -> task<> {
        auto body = []() -> task<> { co_await weft::sleep_for(2s); };
        weft::shared_task<> shared(body());
        const auto wait = [&]() -> task<> { co_await shared; };
        weft::this_loop().spawn([&]() -> task<> {
            co_await weft::sleep_for(1s);
            text = weft::report_tasks(weft::this_loop());
            event.set();
        });
        co_await weft::when_all(event.wait(), wait());
    });

    CHECK(without_lines(text) == "main: waits in when_all at task_report_test.cpp:#\n"
                                 "  branch: waits in event.wait\n"
                                 "  branch: waits in shared_task at task_report_test.cpp:#, "
                                 "because of task 1\n"
                                 "    task 1: waits in sleep at task_report_test.cpp:#\n"
                                 "task 2: runs\n");
}

TEST_CASE("a report shows the body of a generator below who waits for its next element",
          "[loop][task_report]") {
    std::string text;
    weft::event event;
    run([&]() -> task<> {
        const auto numbers = [&]() -> weft::async_generator<int> {
            co_await event.wait();
            co_yield 1;
        };
        weft::this_loop().spawn([&]() -> task<> {
            text = weft::report_tasks(weft::this_loop());
            event.set();
            co_return;
        });
        auto sequence = numbers();
        co_await sequence.next();
    });

    CHECK(without_lines(text) == "main: waits in async_generator.next at task_report_test.cpp:#, "
                                 "because of task 1\n"
                                 "  task 1: waits in event.wait at task_report_test.cpp:#\n"
                                 "task 2: runs\n");
}

TEST_CASE("a report of a loop that does nothing is empty", "[loop][task_report]") {
    test_loop loop;
    CHECK(weft::report_tasks(loop).empty());
}

TEST_CASE("a report lists groups that it is told of", "[loop][task_report]") {
    test_loop loop;
    weft::task_group group(loop);
    group.spawn([]() -> task<> { co_return; });

    weft::task_report report(loop);
    report.add(group, "alpha/");

    CHECK(report.text() == "alpha/task 1: has not started\n");
    loop.poll();
}

TEST_CASE("who has ended and left a lock behind is nobody to a report", "[loop][task_report]") {
    std::string text;
    run([&]() -> task<> {
        weft::mutex mutex;
        weft::task_group group;
        using guard = std::optional<weft::lock_guard>;
        std::unique_ptr<guard> left;
        group.spawn([&]() -> task<> {
            left.reset(new guard(mutex.try_lock()));
            co_return;
        });
        const auto sleeper = [&]() -> task<> { co_await weft::sleep_for(1s); };
        co_await weft::yield();
        group.spawn(sleeper); // in the place of the first, perhaps
        group.spawn([&]() -> task<> { auto own = co_await mutex.lock(); });
        co_await weft::yield();
        text = weft::report_tasks(weft::this_loop());
        left.reset();
        co_await group.join();
    });

    CHECK(without_lines(text).find("  task 2: waits in mutex.lock at task_report_test.cpp:#, "
                                   "because of ") != std::string::npos);
}
