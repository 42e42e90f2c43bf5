// SPDX-License-Identifier: MIT
#include <weft/coro/this_task.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weft/compose/cancel_scope.hpp>
#include <weft/compose/shield.hpp>
#include <weft/compose/when_all.hpp>
#include <weft/compose/when_any.hpp>
#include <weft/compose/with_task_group.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;
using weft::task;
namespace this_task = weft::this_task;

namespace {

/// Asks, when it is destroyed, why.
class asks_why {
public:
    explicit asks_why(std::string& answer) : answer_(answer) {}
    asks_why(const asks_why&) = delete;
    ~asks_why() {
        answer_ = this_task::cancel_requested() ? this_task::cancel_reason() : "not cancelled";
    }

private:
    std::string& answer_;
};

task<> wait_for_the_end(std::string& answer) {
    const asks_why local(answer);
    co_await weft::sleep_forever();
}

} // namespace

TEST_CASE("outside of a task there is nothing to tell", "[coro][this_task]") {
    CHECK(this_task::name().empty());
    CHECK_FALSE(this_task::cancel_requested());
    CHECK(this_task::cancel_reason().empty());
}

TEST_CASE("a task has the name that it was given, in forks and in what it awaits too",
          "[coro][this_task]") {
    run([]() -> task<> {
        CHECK(this_task::name().empty());
        this_task::set_name("main");
        CHECK(this_task::name() == "main");

        std::vector<std::string> names;
        auto note = [&]() -> task<> {
            co_await weft::yield();
            names.emplace_back(this_task::name());
        };
        co_await note();
        co_await weft::when_all(note(), weft::with_timeout(1s, note()));
        co_await weft::with_task_group([&](weft::task_group& g) -> task<> {
            auto named = g.spawn(note());
            named.set_name("child");
            CHECK(named.name() == "child");
            g.spawn(note());
            g.spawn([&]() -> task<> {
                auto rename = []() -> task<> {
                    this_task::set_name("by itself");
                    co_return;
                };
                co_await weft::when_all(rename(), weft::yield());
                co_await note();
            });
            co_await note();
        });
        this_task::set_name({});
        CHECK(this_task::name().empty());
        CHECK(names == std::vector<std::string>{"main", "main", "main", "main", "child", "",
                                                "by itself"});
    });
}

TEST_CASE("a destructor that a cancel or a drop calls knows the task", "[coro][this_task]") {
    struct asks_name {
        explicit asks_name(std::vector<std::string>& answers) : to(answers) {}
        asks_name(const asks_name&) = delete;
        ~asks_name() { to.emplace_back(this_task::name()); }
        std::vector<std::string>& to;
    };
    std::vector<std::string> names;
    branches b;
    const auto body = [&](std::string name) {
        return [&, name]() -> task<> {
            this_task::set_name(name);
            const asks_name local(names);
            co_await weft::sleep_forever();
        };
    };
    const auto cancelled = b.spawn(body("cancelled"));
    const auto dropped = b.spawn(body("dropped"));
    b.run();
    b.cancel(cancelled);
    b.run();
    b.drop(dropped);

    CHECK(names == std::vector<std::string>{"cancelled", "dropped"});
}

TEST_CASE("a task that was told to end knows it, and goes on until its next operation",
          "[coro][this_task]") {
    run([]() -> task<> {
        weft::cancel_scope scope;
        bool before = true;
        bool after = false;
        bool shielded = true;
        auto body = [&]() -> task<> {
            before = this_task::cancel_requested();
            auto inside = [&]() -> task<> {
                scope.cancel("why not");
                shielded = this_task::cancel_requested();
                co_return;
            };
            co_await weft::shield(inside());
            after = this_task::cancel_requested();
            co_await weft::yield();
            after = false;
        };
        co_await scope.run(body());
        CHECK_FALSE(before);
        CHECK_FALSE(shielded);
        CHECK(after);
        CHECK_FALSE(this_task::cancel_requested());
    });
}

TEST_CASE("the reason is that of who began it", "[coro][this_task]") {
    run([]() -> task<> {
        std::string why;
        co_await weft::try_for(1ms, weft::when_all(wait_for_the_end(why), weft::sleep_for(1h)));
        CHECK(why == "timed out");

        co_await weft::when_any(weft::with_timeout(1h, wait_for_the_end(why)), weft::yield());
        CHECK(why == "another one completed first");

        weft::cancel_scope scope;
        auto body = [&] { return weft::when_any(wait_for_the_end(why), weft::sleep_for(1h)); };
        auto cancel = [&]() -> task<> {
            co_await weft::yield();
            scope.cancel("the user went home");
        };
        co_await weft::when_all(scope.run(body), cancel());
        CHECK(why == "the user went home");

        co_await weft::with_task_group([&](weft::task_group& g) -> task<> {
            g.spawn(wait_for_the_end, std::ref(why));
            co_await weft::yield();
            g.cancel();
        });
        CHECK(why == "its group was cancelled");

        weft::task_group group;
        auto handle = group.spawn(wait_for_the_end, std::ref(why));
        co_await weft::yield();
        handle.cancel();
        co_await handle.wait();
        CHECK(why.empty()); // nobody has given one
    });
}

TEST_CASE("what ends by itself has no reason", "[coro][this_task]") {
    std::string why;
    run([&]() -> task<> {
        const asks_why local(why);
        co_await weft::yield();
    });

    CHECK(why == "not cancelled");
}
