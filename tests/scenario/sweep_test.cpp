// SPDX-License-Identifier: MIT
//
// Programs in small, each ended at every point and in every way: see support/sweep.hpp. To add one,
// write a coroutine that does something and ends by itself.
#include "support/sweep.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weft/compose/cancel_scope.hpp>
#include <weft/compose/finally.hpp>
#include <weft/compose/shield.hpp>
#include <weft/compose/when_all.hpp>
#include <weft/compose/when_any.hpp>
#include <weft/compose/with_task_group.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/wait_readable.hpp>
#include <weft/sync/barrier.hpp>
#include <weft/sync/channel.hpp>
#include <weft/sync/condition_variable.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/sync/semaphore.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/ticker.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/pipe.hpp"
#include "support/run.hpp"
#include "support/slow_wait.hpp"
#include "support/stepping_loop.hpp"

using namespace std::chrono_literals;
using weft::task;
using weft::task_group;
using weft::testing::tracked;

TEST_CASE("a stepping loop makes the steps of a loop that runs, in the same order",
          "[scenario][sweep]") {
    const auto program = [](std::string& log) {
        return [&log]() -> task<> {
            task_group children;
            const auto child = [&log](char name, weft::duration length) -> task<> {
                log += name;
                co_await weft::sleep_for(length);
                log += name;
                co_await weft::yield();
                log += name;
                weft::this_loop().post([&log, name] { log += name; });
                co_await weft::sleep_for(length);
                log += name;
            };
            for (const char name : {'a', 'b', 'c', 'd'}) {
                children.spawn(child, name, 1s * (name % 2));
                if (name == 'b') co_await weft::sleep_for(1s);
            }
            co_await children.join();
        };
    };
    std::string by_run, by_steps;

    run(program(by_run));
    {
        stepping_loop loop;
        auto main = loop.spawn(program(by_steps));
        while (!main.done()) REQUIRE(loop.step());
        while (loop.step()) {}
    }

    CHECK(by_steps.size() == 20);
    CHECK(by_steps == by_run);
}

TEST_CASE("a pipeline of channels ends at any point", "[scenario][sweep]") {
    const std::size_t capacity = GENERATE(0u, 1u, 3u);
    sweep([capacity]() -> task<> {
        weft::channel<tracked> raw(capacity);
        weft::channel<std::unique_ptr<tracked>> cooked(capacity);
        task_group workers;
        workers.spawn([&]() -> task<> {
            for (int i = 0; i < 3; ++i) {
                co_await raw.send(tracked());
                if (i == 1) co_await weft::sleep_for(1s);
            }
            raw.close();
        });
        for (int i = 0; i < 2; ++i)
            workers.spawn([&]() -> task<> {
                while (auto item = co_await raw.receive()) {
                    auto made = std::make_unique<tracked>(*item);
                    co_await weft::yield();
                    co_await cooked.send(std::move(made));
                }
            });
        for (int i = 0; i < 3; ++i) {
            auto item = co_await cooked.receive();
            tracked kept = **item;
        }
        co_await workers.join();
    });
}

TEST_CASE("tasks that wait for each other's locks end at any point", "[scenario][sweep]") {
    sweep([]() -> task<> {
        weft::mutex left, right;
        weft::condition_variable changed;
        weft::semaphore few(1);
        int value = 0;
        task_group tasks;
        const auto philosopher = [&](int number) -> task<> {
            tracked object;
            auto first = co_await left.lock();
            co_await weft::yield();
            auto second = co_await right.lock();
            auto permit = co_await few.acquire();
            co_await weft::sleep_for(1s);
            value = number;
            changed.notify_all();
        };
        tasks.spawn([&]() -> task<> {
            auto guard = co_await left.lock();
            while (value < 2) co_await changed.wait(guard);
        });
        tasks.spawn(philosopher, 1);
        tasks.spawn(philosopher, 2);
        co_await tasks.join();
    });
}

TEST_CASE("tasks that wait for each other in a circle are destroyed", "[scenario][sweep]") {
    // Nothing here ever ends: only its destruction is of interest.
    for (int turns = 0; turns < 8; ++turns) {
        const no_frame_leaks check;
        {
            weft::mutex one, two;
            weft::channel<tracked> never(1);
            weft::event event;
            socket_pair pair;
            {
                test_loop loop;
                loop.spawn([&]() -> task<> {
                    tracked object;
                    auto guard = co_await one.lock();
                    co_await weft::yield();
                    auto other = co_await two.lock();
                });
                loop.spawn([&]() -> task<> {
                    tracked object;
                    auto guard = co_await two.lock();
                    co_await weft::yield();
                    auto other = co_await one.lock();
                });
                loop.spawn([&]() -> task<> { static_cast<void>(co_await never.receive()); });
                loop.spawn([&]() -> task<> { co_await event.wait(); });
                loop.spawn([&]() -> task<> { co_await weft::wait_readable(pair.ours.get()); });
                loop.spawn([&]() -> task<> { co_await weft::sleep_for(1h); });
                auto first = loop.spawn([&] { return event.wait(); });
                loop.spawn([&]() -> task<> { co_await first; });
                for (int i = 0; i < turns; ++i) loop.poll();
            }
        }
        CHECK(tracked::alive == 0);
    }
}

TEST_CASE("forks in forks end at any point", "[scenario][sweep]") {
    const auto program = []() -> task<> {
        const auto work = [](int seconds) -> task<tracked> {
            tracked object;
            co_await weft::sleep_for(1s * seconds);
            co_return object;
        };
        const auto clean_up = []() -> task<> {
            tracked object;
            co_await weft::sleep_for(1s);
        };
        const auto slow = []() -> task<> { co_await slow_wait(2s, 1s); };
        for (const auto limit : {1s, 9s}) {
            try {
                auto result = co_await weft::with_timeout(
                    limit, weft::when_all(work(1), weft::finally(work(2), clean_up),
                                          weft::when_any(work(3), weft::shield(slow()))));
                static_cast<void>(result);
            } catch (const weft::timeout_error&) {}
        }
    };
    sweep(program);
    sweep_on_system(program);
}

TEST_CASE("a server that is stopped ends at any point", "[scenario][sweep]") {
    sweep([]() -> task<> {
        weft::event stop;
        weft::channel<int> requests(2);
        const auto serve = [&](task_group& clients) -> task<> {
            const auto client = [&](int number) -> task<> {
                tracked object;
                co_await slow_wait(1s, 1s);
                if (number == 2) throw std::runtime_error("a bad client");
            };
            for (;;) {
                auto first = co_await weft::when_any(requests.receive(), stop.wait());
                auto& [request, stopped] = first;
                if (stopped || !request || !*request) break;
                clients.spawn(client, **request);
            }
        };
        task_group tasks;
        auto server =
            tasks.spawn([&] { return weft::with_task_group(weft::on_error::report, serve); });
        for (int i = 0; i < 3; ++i) co_await requests.send(i);
        weft::ticker regular(1s);
        co_await regular.next();
        stop.set();
        co_await server;
    });
}

TEST_CASE("descriptors that are waited for are left at any point", "[scenario][sweep]") {
    sweep_on_system([]() -> task<> {
        socket_pair pair;
        task_group tasks;
        tasks.spawn([&]() -> task<> {
            for (int i = 0; i < 2; ++i) {
                co_await weft::sleep_for(1s);
                pair.arrives();
            }
        });
        for (int i = 0; i < 2; ++i) {
            co_await weft::wait_readable(pair.ours.get());
            pair.read();
            co_await weft::wait_writable(pair.ours.get());
        }
        co_await tasks.join();
    });
}
