// SPDX-License-Identifier: MIT
#include <weft/coro/shared_task.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <weft/compose/finally.hpp>
#include <weft/compose/for_each_concurrent.hpp>
#include <weft/compose/when_all.hpp>
#include <weft/compose/with_task_group.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/coro/task_local.hpp>
#include <weft/sync/event.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/steps.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using weft::shared_task;
using weft::task;
using weft::testing::tracked;

namespace {

auto now() { return weft::loop_clock::now().time_since_epoch(); }

/// Awaits a reference to what `from` returns.
template <class T>
task<const T*> address_in(const shared_task<T>& from) {
    const T& result = co_await from;
    co_return &result;
}

} // namespace

TEST_CASE("a shared_task runs once for all who await it", "[coro][shared_task]") {
    run([]() -> task<> {
        int runs = 0;
        auto body = [&]() -> task<std::string> {
            ++runs;
            co_await weft::sleep_for(1ms);
            co_return "text";
        };
        const shared_task<std::string> shared(body());
        co_await weft::yield();
        CHECK(runs == 0);
        CHECK_FALSE(shared.done());

        auto both = co_await weft::when_all(address_in(shared), address_in(shared));
        CHECK(std::get<0>(both) == std::get<1>(both));
        CHECK(*std::get<0>(both) == "text");
        CHECK(now() == 1ms);
        CHECK(shared.done());
        const auto copy = shared;
        const auto* later = co_await address_in(copy);
        CHECK(later == std::get<0>(both));
        CHECK(runs == 1);
        CHECK(now() == 1ms);
    });
}

TEST_CASE("an rvalue gives a copy of the result, which outlives it", "[coro][shared_task]") {
    run([]() -> task<> {
        auto text = co_await shared_task<std::string>(value_after(1ms, std::string(40, 'x')));
        CHECK(text == std::string(40, 'x'));
        auto shared = shared_task<int>(value_after(1ms, 7));
        const auto copy = shared;
        const int value = co_await std::move(shared);
        CHECK(value == 7);
        const int& same = co_await copy;
        CHECK(same == 7);
    });
}

TEST_CASE("a shared_task of void, of a reference, of what can only be moved",
          "[coro][shared_task]") {
    run([]() -> task<> {
        auto nothing = []() -> task<> { co_await weft::yield(); };
        const shared_task<> done(nothing());
        co_await done;
        co_await done;
        co_await shared_task<>(done);

        int target = 0;
        auto refer = [&]() -> task<int&> { co_return target; };
        const shared_task<int&> reference(refer());
        int& same = co_await reference;
        CHECK(&same == &target);

        auto make = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(4); };
        const shared_task<std::unique_ptr<int>> owner(make());
        const auto* pointer = co_await address_in(owner);
        CHECK(**pointer == 4);
    });
}

TEST_CASE("everybody gets the error", "[coro][shared_task]") {
    run([]() -> task<> {
        const shared_task<> shared(error_after(1ms, "broken"));
        auto take = [&]() -> task<std::string> {
            try {
                co_await shared;
            } catch (const std::runtime_error& error) {
                co_return error.what();
            }
            co_return "";
        };
        auto both = co_await weft::when_all(take(), take());
        const auto late = co_await take();
        CHECK(both == std::tuple<std::string, std::string>("broken", "broken"));
        CHECK(late == "broken");
    });
}

TEST_CASE("one error that several children got is one error to their group, or fork",
          "[coro][shared_task]") {
    test_loop loop;
    loop.run([]() -> task<> {
        const shared_task<> shared(error_after(1ms, "broken"));
        const auto use = [&]() -> task<> { co_await shared; };
        const auto caught = [](auto forked) -> task<std::string> {
            try {
                co_await std::move(forked);
            } catch (const std::runtime_error& error) {
                co_return error.what();
            }
            co_return "";
        };
        const auto three = [&](weft::task_group& group) -> task<> {
            for (int i = 0; i != 3; ++i) group.spawn(use);
            co_return;
        };
        const auto in_group = co_await caught(weft::with_task_group(three));
        const auto in_fork = co_await caught(weft::when_all(use(), use()));
        const auto in_loop = co_await caught(
            weft::for_each_concurrent(std::vector<int>(3), 3, [&](int) { return use(); }));
        CHECK(in_group == "broken");
        CHECK(in_fork == "broken");
        CHECK(in_loop == "broken");
    });

    CHECK(loop.reported.empty());
}

TEST_CASE("an error that nobody received is unhandled when the last copy goes",
          "[coro][shared_task]") {
    const no_frame_leaks check;
    test_loop loop;
    loop.run([]() -> task<> {
        {
            const shared_task<> shared(error_after(2ms, "in vain"));
            auto none = co_await weft::try_for(1ms, shared_task<>(shared));
            CHECK_FALSE(none);
            co_await weft::sleep_for(5ms);
        }
        co_return;
    });

    CHECK(loop.reported == std::vector<std::string>{"in vain"});
}

TEST_CASE("a cancelled awaiter leaves the body and the others alone", "[coro][shared_task]") {
    run([]() -> task<> {
        const shared_task<int> shared(value_after(5ms, 7));
        auto impatient = [&]() -> task<bool> {
            auto value = co_await weft::try_for(1ms, shared_task<int>(shared));
            co_return value.has_value();
        };
        auto patient = [&]() -> task<int> {
            const int value = co_await shared;
            co_return value;
        };
        auto all = co_await weft::when_all(impatient(), patient(), impatient());
        CHECK(all == std::tuple(false, 7, false));
        CHECK(now() == 5ms);
    });
}

TEST_CASE("the body goes on though nobody waits", "[coro][shared_task]") {
    run([]() -> task<> {
        const shared_task<int> shared(value_after(2ms, 7));
        auto none = co_await weft::try_for(1ms, shared_task<int>(shared));
        CHECK_FALSE(none);
        co_await weft::sleep_for(1ms);
        CHECK(shared.done());
    });
}

TEST_CASE("a result and a cancel in one turn: the first of both counts", "[coro][shared_task]") {
    branches b;
    weft::event event;
    auto wait = [&]() -> task<int> {
        co_await event.wait();
        co_return 7;
    };
    const shared_task<int> shared(wait());
    std::vector<std::string> seen;
    const auto take = [&](std::string name) {
        return [&, name]() -> task<> {
            const int& value = co_await shared;
            seen.push_back(name + std::to_string(value));
            co_await weft::yield();
            seen.push_back(name + " went on");
        };
    };
    const auto early = b.spawn(take("early"));
    const auto late = b.spawn(take("late"));
    const auto dropped = b.spawn(take("dropped"));
    b.run();

    b.cancel(early);
    event.set();
    b.turn(); // now the result is there, and those who wait are ready
    b.cancel(late);
    b.drop(dropped);
    b.run();

    CHECK(seen == std::vector<std::string>{"late7"});
    CHECK(b.was_destroyed(early));
    CHECK(b.was_destroyed(late));
}

TEST_CASE("the last copy destroys the body where it is", "[coro][shared_task]") {
    events log;
    run([&]() -> task<> {
        auto body = [&]() -> task<> { co_await step(1h, log, "body"); };
        std::optional<shared_task<>> shared(body());
        std::optional<shared_task<>> copy(*shared);
        auto none = co_await weft::try_for(1ms, shared_task<>(*shared));
        CHECK_FALSE(none);
        shared.reset();
        CHECK(log == events{"body"});
        copy.reset();
        CHECK(log == events{"body", "~body"});

        const shared_task<> never_awaited(body());
    });

    CHECK(log == events{"body", "~body"});
}

TEST_CASE("who waits keeps the body alive", "[coro][shared_task]") {
    run([]() -> task<> {
        std::optional<shared_task<int>> shared(value_after(2ms, 7));
        auto take = [](shared_task<int> own) -> task<int> {
            const int value = co_await std::move(own);
            co_return value;
        };
        auto waiting = take(*shared);
        auto reset = [&]() -> task<> {
            co_await weft::sleep_for(1ms);
            shared.reset();
        };
        auto both = co_await weft::when_all(std::move(waiting), reset());
        CHECK(std::get<0>(both) == 7);
    });
}

TEST_CASE("a shared_task that awaits itself is refused", "[coro][shared_task]") {
    run([]() -> task<> {
        shared_task<int> shared;
        auto body = [&]() -> task<int> {
            const int value = co_await weft::with_timeout(1h, shared_task<int>(shared));
            co_return value;
        };
        shared = shared_task<int>(body());
        bool refused = false;
        try {
            co_await shared;
        } catch (const weft::deadlock_error&) {
            refused = true;
        }
        CHECK(refused);
        shared = {}; // itself held a copy
    });
}

TEST_CASE("a shared_task runs with the bindings of the first who awaits it",
          "[coro][shared_task]") {
    static constinit weft::task_local<int> local;
    run([]() -> task<> {
        auto body = []() -> task<int> {
            co_await weft::yield();
            co_return local.get();
        };
        const shared_task<int> shared(body());
        auto take = [&]() -> task<int> {
            const int value = co_await shared;
            co_return value;
        };
        const int first = co_await local.with(7, take());
        const int second = co_await take();
        CHECK(first == 7);
        CHECK(second == 7);
    });
}

TEST_CASE("copies and moves of a shared_task", "[coro][shared_task]") {
    const no_frame_leaks check;
    auto hold = [](tracked) -> task<> { co_return; };
    {
        shared_task<> one(hold(tracked()));
        shared_task<> two = one;
        const auto& same = one;
        one = same;
        two = std::move(one);
        CHECK_FALSE(one.done());
        shared_task<> three;
        three.swap(two);
        CHECK(tracked::alive == 1);
    }
    CHECK(tracked::alive == 0);
}

TEST_CASE("the body of a shared_task may hold the last copy", "[coro][shared_task]") {
    run([]() -> task<> {
        auto own = std::make_shared<shared_task<int>>();
        const std::weak_ptr<shared_task<int>> seen = own;
        auto body = [](std::shared_ptr<shared_task<int>>) -> task<int> {
            co_await weft::yield();
            co_return 1;
        };
        *own = shared_task<int>(body(own));
        auto awaits = [](shared_task<int>& from) -> task<> { static_cast<void>(co_await from); };
        weft::task_group group;
        auto waiter = group.spawn(awaits, std::ref(*own));
        co_await weft::yield();
        waiter.cancel();
        own.reset();
        co_await group.join();
        CHECK(seen.expired());
    });
}

TEST_CASE("a shared_task ends well wherever it is ended", "[coro][shared_task]") {
    sweep([]() -> task<> {
        const shared_task<int> shared(value_after(2ms, 1));
        auto take = [&]() -> task<> {
            const int& value = co_await shared;
            static_cast<void>(value);
        };
        co_await weft::when_all(take(), take(), weft::try_for(1ms, shared_task<int>(shared)));
    });
    sweep([]() -> task<> {
        auto body = []() -> task<int> {
            const int value = co_await weft::finally(value_after(1ms, 1), value_after(1ms, 2));
            co_return value;
        };
        const shared_task<int> shared(body());
        weft::task_group group;
        group.spawn([&]() -> task<> { co_await shared; });
        co_await weft::yield();
        co_await shared;
        co_await group.join();
    });
}
