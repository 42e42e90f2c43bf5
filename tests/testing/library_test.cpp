// SPDX-License-Identifier: MIT
//
// The library under its own sweeps: programs that use several things at once, cancelled and
// destroyed at every step, with every allocation and every system call failing, in many orders. To
// add one, add a row to `programs`. Each thing on its own: library_*_test.cpp.
#include <weft/testing/cancel_everywhere.hpp>
#include <weft/testing/explore.hpp>
#include <weft/testing/fail_every_allocation.hpp>
#include <weft/testing/fail_every_syscall.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <weft/compose/as_completed.hpp>
#include <weft/compose/cancel_scope.hpp>
#include <weft/compose/finally.hpp>
#include <weft/compose/for_each_concurrent.hpp>
#include <weft/compose/from_callback.hpp>
#include <weft/compose/shield.hpp>
#include <weft/compose/when_all.hpp>
#include <weft/compose/when_all_settled.hpp>
#include <weft/compose/when_any.hpp>
#include <weft/compose/with_task_group.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/coro/async_generator.hpp>
#include <weft/coro/shared_task.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/coro/task_local.hpp>
#include <weft/net/buffered_reader.hpp>
#include <weft/net/connect.hpp>
#include <weft/net/serve.hpp>
#include <weft/net/tcp_listener.hpp>
#include <weft/net/write_all.hpp>
#include <weft/sync/barrier.hpp>
#include <weft/sync/broadcast.hpp>
#include <weft/sync/channel.hpp>
#include <weft/sync/condition_variable.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/latch.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/sync/oneshot.hpp>
#include <weft/sync/semaphore.hpp>
#include <weft/sync/shared_mutex.hpp>
#include <weft/testing/replace_operator_new.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/ticker.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using weft::task;
using weft::task_group;
using weft::testing::simulation;
using weft::testing::tracked;

namespace {

void require(bool holds, const char* what) {
    if (!holds) throw std::logic_error(what);
}

task<> channels(simulation&) {
    weft::channel<tracked> raw(1);
    weft::channel<std::unique_ptr<tracked>> cooked(0);
    int received = 0;
    const auto body = [&](task_group& workers) -> task<> {
        workers.spawn([&]() -> task<> {
            for (int i = 0; i < 4; ++i) co_await raw.send(tracked());
            raw.close();
        });
        const auto cook = [&]() -> task<> {
            while (auto item = co_await raw.receive()) {
                auto made = std::make_unique<tracked>(*item);
                co_await weft::yield();
                co_await cooked.send(std::move(made));
            }
        };
        for (int i = 0; i < 2; ++i) workers.spawn(cook);
        for (; received < 4; ++received) {
            auto item = co_await cooked.receive();
            tracked kept = **item;
        }
    };
    co_await weft::with_task_group(body);
    require(received == 4, "four items");
}

task<> locks(simulation&) {
    weft::mutex mutex;
    weft::shared_mutex shared;
    weft::condition_variable changed;
    weft::semaphore few(2);
    int value = 0, inside = 0;
    const auto worker = [&]() -> task<> {
        tracked local;
        auto permit = co_await few.acquire();
        {
            auto reading = co_await shared.lock_shared();
            co_await weft::yield();
        }
        auto writing = co_await shared.lock();
        auto guard = co_await mutex.lock();
        require(++inside == 1, "one at a time");
        co_await weft::yield();
        --inside;
        ++value;
        changed.notify_all();
    };
    const auto body = [&](task_group& group) -> task<> {
        for (int i = 0; i < 3; ++i) group.spawn(worker);
        auto guard = co_await mutex.lock();
        while (value < 3) co_await changed.wait(guard);
    };
    co_await weft::with_task_group(body);
    require(few.available() == 2, "permits are back");
}

task<> meetings(simulation&) {
    weft::barrier all(3);
    weft::latch done(3);
    weft::event go;
    weft::oneshot<tracked> answer;
    weft::broadcast<int> news(2);
    const auto body = [&](task_group& group) -> task<> {
        for (int i = 0; i < 3; ++i)
            group.spawn([&]() -> task<> {
                auto mine = news.subscribe();
                co_await all.arrive_and_wait();
                co_await go.wait();
                auto heard = co_await mine.receive();
                require(heard.has_value() && *heard == 7, "the news");
                done.count_down();
            });
        group.spawn([&]() -> task<> {
            co_await weft::sleep_for(1s);
            go.set();
            co_await news.send(7);
            answer.set_value(tracked());
        });
        auto got = co_await answer.receive();
        co_await done.wait();
    };
    co_await weft::with_task_group(body);
}

task<int> after(weft::duration delay, int value) {
    tracked local;
    co_await weft::sleep_for(delay);
    co_return value;
}

task<> forks(simulation&) {
    auto both = co_await weft::when_all(after(2s, 1), after(1s, 2));
    require(std::get<0>(both) == 1 && std::get<1>(both) == 2, "both");
    auto first = co_await weft::when_any(after(2s, 1), after(1s, 2), weft::sleep_for(3s));
    require(!std::get<0>(first) && std::get<1>(first), "the second first");
    const auto clean_up = []() -> task<> {
        tracked local;
        co_await weft::sleep_for(1s);
    };
    auto limited = co_await weft::try_for(1500ms, weft::finally(after(2s, 1), clean_up));
    require(!limited, "too late");
    auto settled = co_await weft::when_all_settled(after(1s, 1), weft::shield(after(2s, 2)));
    require(std::get<1>(settled).has_value(), "settled");
    int most = 0, now = 0;
    const std::vector<int> numbers{1, 2, 3, 4, 5};
    const auto each = [&](int) -> task<> {
        most = std::max(most, ++now);
        co_await weft::sleep_for(1s);
        --now;
    };
    co_await weft::for_each_concurrent(numbers, 2, each);
    require(most == 2, "two at a time");
    weft::cancel_scope scope;
    const auto cancel = [&]() -> task<> {
        co_await weft::yield();
        scope.cancel("enough");
    };
    auto none = co_await weft::when_all(scope.run(after(1h, 1)), cancel());
    require(!std::get<0>(none), "cancelled");
}

weft::async_generator<tracked> count(int n) {
    for (int i = 0; i < n; ++i) {
        co_await weft::sleep_for(1s);
        co_yield tracked();
    }
}

task<> generators(simulation&) {
    auto items = count(3);
    int got = 0;
    while (auto* item = co_await items.next()) {
        tracked copy = *item;
        ++got;
    }
    require(got == 3, "three items");
    std::vector<task<int>> some;
    for (int i = 0; i < 3; ++i) some.push_back(after(1s * (3 - i), i));
    auto sequence = weft::as_completed(std::move(some));
    int sum = 0;
    while (auto* each = co_await sequence.next()) sum += each->result.take();
    require(sum == 3, "all completed");
}

task<> sequences(simulation&) {
    static constinit const weft::task_local<int> number{1};
    weft::shared_task<int> shared(after(1s, 7));
    const auto use = [&]() -> task<int> { co_return co_await shared; };
    auto both = co_await weft::when_all(use(), use());
    require(std::get<0>(both) == 7 && std::get<1>(both) == 7, "shared");
    const auto bound = []() -> task<int> {
        co_await weft::yield();
        co_return number.get();
    };
    const auto seven = co_await number.with(7, bound);
    require(seven == 7, "bound");
    weft::ticker regular(1s);
    for (int i = 0; i < 3; ++i) co_await regular.next();
    auto answer = co_await weft::from_callback<int>([](weft::completer<int> complete) {
        weft::this_loop().post([complete] { complete.set_value(3); });
    });
    require(answer == 3, "called back");
    const auto server = [](weft::started<int> started) -> task<> {
        co_await weft::sleep_for(1s);
        started(9);
        co_await weft::sleep_for(1s);
    };
    const auto body = [&](task_group& group) -> task<> {
        const int nine = co_await group.start<int>(server);
        require(nine == 9, "started");
    };
    co_await weft::with_task_group(body);
}

task<> answer_lines(weft::tcp_stream stream) {
    weft::buffered_reader reader(stream);
    while (auto line = co_await reader.read_line()) {
        auto answer = std::string(*line) + "!\n";
        co_await weft::write_all(stream, answer);
    }
}

task<> clients_and_server(simulation& sim) {
    auto& server = sim.add_host("server");
    sim.set_default_link({.latency = 1ms, .jitter = 1ms});
    server.spawn([]() -> task<> {
        for (;;) {
            try {
                weft::tcp_listener listener(weft::endpoint::any(7));
                co_await weft::serve(listener, answer_lines);
            } catch (const std::exception&) {}
            co_await weft::sleep_for(1s);
        }
    });
    const auto client = [](std::string name) -> task<> {
        auto stream = co_await weft::connect("server", 7);
        weft::buffered_reader reader(stream);
        for (int i = 0; i < 2; ++i) {
            auto question = name + "\n";
            co_await weft::write_all(stream, question);
            auto line = co_await reader.read_line();
            if (line) require(*line == name + "!", "its own answer");
        }
    };
    auto work = weft::when_all(client("one"), client("another"));
    co_await weft::with_timeout(1min, std::move(work));
}

struct row {
    const char* name;
    task<> (*run)(simulation&);
    std::size_t seeds;
};
constexpr row programs[] = {{"channels", channels, 500},
                            {"locks", locks, 500},
                            {"meetings", meetings, 500},
                            {"forks", forks, 200},
                            {"generators", generators, 200},
                            {"sequences", sequences, 200},
                            {"clients and server", clients_and_server, 100}};

} // namespace

TEST_CASE("the library works in any order of what is ready", "[testing][library]") {
    for (const auto& each : programs) {
        INFO(each.name);
        CHECK_NOTHROW(weft::testing::explore(each.seeds, each.run));
    }
}

TEST_CASE("the library can be cancelled everywhere", "[testing][library]") {
    for (const auto& each : programs) {
        INFO(each.name);
        CHECK_NOTHROW(weft::testing::cancel_everywhere(each.run));
    }
}

TEST_CASE("the library can be destroyed everywhere", "[testing][library]") {
    for (const auto& each : programs) {
        INFO(each.name);
        CHECK_NOTHROW(weft::testing::destroy_everywhere(each.run));
    }
}

TEST_CASE("the library survives every failing allocation", "[testing][library]") {
    for (const auto& each : programs) {
        INFO(each.name);
        CHECK_NOTHROW(weft::testing::fail_every_allocation(each.run));
    }
}

TEST_CASE("the library survives every failing system call", "[testing][library]") {
    for (const auto& each : programs) {
        INFO(each.name);
        CHECK_NOTHROW(weft::testing::fail_every_syscall(each.run));
    }
}
