// SPDX-License-Identifier: MIT
#include <weft/coro/task_local.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weft/compose/finally.hpp>
#include <weft/compose/when_all.hpp>
#include <weft/compose/with_task_group.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/coro/this_task.hpp>
#include <weft/sync/event.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/steps.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using weft::task;
using weft::task_local;

namespace {

constinit task_local<int> number{-1};

task<int> get_later() {
    co_await weft::sleep_for(1ms);
    co_return number.get();
}

} // namespace

TEST_CASE("a task_local has a value inside of with, and its own outside", "[coro][task_local]") {
    CHECK(number.get() == -1);
    run([]() -> task<> {
        CHECK(number.get() == -1);
        const int inside = co_await number.with(7, get_later());
        CHECK(inside == 7);
        CHECK(number.get() == -1);
    });
    CHECK(number.get() == -1);
}

TEST_CASE("the innermost value counts, and each task_local for itself", "[coro][task_local]") {
    static task_local<std::string> text("none");
    run([]() -> task<> {
        std::vector<std::string> seen;
        const auto note = [&] { seen.push_back(std::to_string(number.get()) + text.get()); };
        auto innermost = [&]() -> task<> {
            co_await weft::yield();
            note();
        };
        auto inner = [&]() -> task<> {
            note();
            co_await number.with(2, innermost());
            note();
        };
        auto outer = [&]() -> task<> {
            note();
            co_await text.with("x", inner());
            note();
        };
        co_await number.with(1, outer());
        CHECK(seen == std::vector<std::string>{"1none", "1x", "2x", "1x", "1none"});
    });
}

TEST_CASE("with takes awaitables and callables, and returns what they return",
          "[coro][task_local]") {
    run([]() -> task<> {
        int target = 0;
        auto refer = [&]() -> task<int&> { co_return target; };
        auto own = [text = std::string(40, 'x')]() -> task<std::unique_ptr<std::string>> {
            co_await weft::yield();
            co_return std::make_unique<std::string>(text);
        };
        int& same = co_await number.with(1, refer);
        auto owned = co_await number.with(1, own);
        co_await number.with(1, weft::sleep_for(1ms));
        auto timed = co_await weft::try_for(1h, number.with(1, get_later()));
        CHECK(&same == &target);
        CHECK(*owned == std::string(40, 'x'));
        CHECK(timed == 1);

        std::string caught;
        try {
            co_await number.with(1, error_after(1ms, "broken"));
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "broken");
        CHECK(number.get() == -1);
    });
}

TEST_CASE("the value holds in the branches of a fork", "[coro][task_local]") {
    run([]() -> task<> {
        auto fork = []() -> task<int> {
            auto all = co_await weft::when_all(get_later(), number.with(2, get_later()),
                                               weft::with_timeout(1h, get_later()));
            co_return 100 * std::get<0>(all) + 10 * std::get<1>(all) + std::get<2>(all);
        };
        const int digits = co_await number.with(1, fork());
        CHECK(digits == 121);
    });
}

TEST_CASE("a child keeps the values of who spawned it, as long as it runs",
          "[coro][task_local]") {
    run([]() -> task<> {
        weft::task_group group;
        weft::join_handle<int> child;
        auto spawn = [&]() -> task<> {
            child = group.spawn(get_later());
            co_return;
        };
        co_await number.with(7, spawn());
        CHECK(number.get() == -1);
        const int value = co_await std::move(child);
        CHECK(value == 7);
        co_await group.join();
    });
}

TEST_CASE("the value holds in destructors that a cancel or a drop calls", "[coro][task_local]") {
    struct asks {
        explicit asks(std::vector<int>& answers) : to(answers) {}
        asks(const asks&) = delete;
        ~asks() { to.push_back(number.get()); }
        std::vector<int>& to;
    };
    std::vector<int> answers;
    branches b;
    const auto body = [&]() -> task<> {
        const asks outer(answers);
        auto inner = [&]() -> task<> {
            const asks local(answers);
            co_await weft::sleep_forever();
        };
        co_await number.with(7, inner());
    };
    const auto cancelled = b.spawn(body);
    const auto dropped = b.spawn(body);
    b.run();

    b.cancel(cancelled);
    b.run();
    CHECK(answers == std::vector{7, -1});
    b.drop(dropped);
    CHECK(answers == std::vector{7, -1, 7, -1});
}

TEST_CASE("a completion and a cancel in one turn: the first of both counts",
          "[coro][task_local]") {
    branches b;
    weft::event event;
    std::vector<int> seen;
    const auto wait = [&]() -> task<> {
        auto inner = [&]() -> task<int> {
            co_await event.wait();
            co_return number.get();
        };
        const int value = co_await number.with(7, inner());
        seen.push_back(value);
        co_await weft::yield();
        seen.push_back(0);
    };
    const auto first = b.spawn(wait);
    const auto second = b.spawn(wait);
    b.run();

    b.cancel(second);
    event.set();
    b.cancel(first);
    b.run();

    CHECK(seen == std::vector{7});
    CHECK(b.was_destroyed(first));
    CHECK(b.was_destroyed(second));
}

TEST_CASE("values need be neither copyable nor default-constructible", "[coro][task_local]") {
    struct ticket {
        explicit ticket(int n) : number(std::make_unique<int>(n)) {}
        std::unique_ptr<int> number;
    };
    static task_local<ticket> local(ticket(0));
    run([]() -> task<> {
        auto get = []() -> task<int> {
            co_await weft::yield();
            co_return *local.get().number;
        };
        const int value = co_await local.with(ticket(5), get());
        CHECK(value == 5);
    });
}

TEST_CASE("a value dies with the last who can see it", "[coro][task_local]") {
    static task_local<std::shared_ptr<int>> shared;
    run([]() -> task<> {
        auto value = std::make_shared<int>(7);
        weft::task_group group;
        auto spawn = [&]() -> task<> {
            group.spawn([]() -> task<> { co_await weft::sleep_for(1ms); });
            co_return;
        };
        co_await shared.with(value, spawn());
        CHECK(value.use_count() == 2);
        co_await group.join();
        CHECK(value.use_count() == 1);
    });
}

TEST_CASE("bindings can be nested without limit", "[coro][task_local]") {
    run([]() -> task<> {
        struct nested {
            static task<int> in(int depth) {
                if (depth == 0) co_return number.get();
                const int value = co_await number.with(depth, in(depth - 1));
                co_return value;
            }
        };
        const int innermost = co_await nested::in(10'000);
        CHECK(innermost == 1);
    });
}

TEST_CASE("a task_local ends well wherever it is ended", "[coro][task_local]") {
    static task_local<weft::testing::tracked> local;
    sweep([]() -> task<> {
        auto body = []() -> task<> {
            weft::task_group group;
            group.spawn(value_after(2ms, 1));
            co_await local.with({}, weft::finally(value_after(1ms, 1), value_after(1ms, 2)));
            co_await group.join();
        };
        co_await local.with({}, body());
    });
}

TEST_CASE("a child sees the values of who spawned it, not those around its group",
          "[coro][task_local]") {
    run([]() -> task<> {
        weft::task_group* group = nullptr;
        weft::event done;
        weft::join_handle<int> bound, rebound;
        const auto owner = [&]() -> task<> {
            const auto body = [&](weft::task_group& own) -> task<> {
                group = &own;
                co_await done.wait();
            };
            co_await weft::with_task_group(body);
        };
        const auto other = [&]() -> task<> {
            bound = group->spawn(get_later());
            const auto again = [&]() -> task<> {
                rebound = group->spawn(get_later());
                co_return;
            };
            co_await number.with(3, again());
        };
        const auto foreign = [&]() -> task<> {
            co_await weft::yield();
            co_await number.with(2, other());
            done.set();
        };
        co_await weft::when_all(number.with(1, owner()), foreign());

        const int two = co_await std::move(bound);
        const int three = co_await std::move(rebound);
        CHECK(two == 2);
        CHECK(three == 3);
    });
}

TEST_CASE("who has no value of its own gives none to a child, whatever its group lies in",
          "[coro][task_local]") {
    run([]() -> task<> {
        weft::task_group* group = nullptr;
        weft::event done;
        weft::join_handle<int> spawned, posted;
        const auto owner = [&]() -> task<> {
            const auto body = [&](weft::task_group& own) -> task<> {
                group = &own;
                co_await done.wait();
            };
            co_await weft::with_task_group(body);
        };
        const auto foreign = [&]() -> task<> {
            co_await weft::yield();
            spawned = group->spawn(get_later());
            weft::this_loop().post([&] {
                posted = group->spawn(get_later());
                done.set();
            });
        };
        co_await weft::when_all(number.with(1, owner()), foreign());

        const int by_task = co_await std::move(spawned);
        const int by_callback = co_await std::move(posted);
        CHECK(by_task == -1);
        CHECK(by_callback == -1);
    });
}

TEST_CASE("the end of a value may spawn, and name the task that kept it last",
          "[coro][task_local]") {
    struct farewell {
        std::string* log = nullptr;

        explicit farewell(std::string* to) : log(to) {}
        farewell(farewell&& other) noexcept : log(std::exchange(other.log, nullptr)) {}
        ~farewell() {
            if (!log) return;
            weft::this_loop().spawn([](std::string& to) -> task<> {
                to += "spawned";
                co_return;
            }, std::ref(*log));
            weft::this_task::set_name("a name that is too long for a short string");
        }
    };
    static std::string log;
    static task_local<farewell> bound(farewell(nullptr));
    const no_frame_leaks check;
    log.clear();
    run([]() -> task<> {
        co_await bound.with(farewell(&log), []() -> task<> {
            weft::this_loop().spawn(get_later); // which keeps the value
            co_return;
        });
        co_await weft::sleep_for(2ms);
    });
    CHECK(log == "spawned");
}
