// SPDX-License-Identifier: MIT
#include <weft/coro/group.hpp>

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"

// What a group does with errors and with those who wait: task_group_test.cpp.

using weft::task;
using weft::task_group;
using weft::testing::tracked;

namespace {

/// Tells how it was called.
struct called_as {
    std::string operator()() & { return "lvalue"; }
    std::string operator()() && { return "rvalue"; }
};

} // namespace

TEST_CASE("a bound call calls an lvalue with rvalues", "[coro][group]") {
    weft::bound_call<called_as> as{called_as()};
    CHECK(as() == "lvalue");

    int object = 1;
    const auto callable = [](std::unique_ptr<int> owned, std::string& text, int& referred) {
        text += '!';
        referred = *owned;
        return &text;
    };
    std::string text = "text";
    weft::bound_call<decltype(callable), std::unique_ptr<int>, std::reference_wrapper<std::string>,
                     std::reference_wrapper<int>>
        call(callable, std::make_unique<int>(7), std::ref(text), std::ref(object));
    CHECK(call() == &text);
    CHECK(object == 7);
    CHECK(text == "text!");
}

TEST_CASE("a child is called with what was given, kept by value", "[coro][group]") {
    run([]() -> task<> {
        task_group children;
        std::string text = "before";
        const auto body = [](std::string by_value, std::string& by_reference,
                             std::unique_ptr<int> owned) -> task<std::string> {
            co_await weft::yield();
            by_reference += '!';
            co_return by_value + std::to_string(*owned);
        };
        auto child = children.spawn(body, text, std::ref(text), std::make_unique<int>(7));
        text = "after";
        const std::string result = co_await child;
        CHECK(result == "before7");
        CHECK(text == "after!");
    });
}

TEST_CASE("a member function can be a child", "[coro][group]") {
    struct server {
        int requests = 0;
        task<int> serve(int count) {
            requests += count;
            co_return requests;
        }
    } object;
    run([&]() -> task<> {
        task_group children;
        auto by_pointer = children.spawn(&server::serve, &object, 3);
        auto by_reference = children.spawn(&server::serve, std::ref(object), 4);
        const int first = co_await by_pointer;
        const int second = co_await by_reference;
        CHECK(first == 3);
        CHECK(second == 7);
    });
}

TEST_CASE("a child starts when its turn comes, in the order of spawning", "[coro][group]") {
    std::string log;
    run([&]() -> task<> {
        task_group children;
        const auto body = [&](char name) -> task<> {
            log += name;
            co_return;
        };
        for (const char name : {'a', 'b', 'c'}) children.spawn(body, name);
        CHECK(log.empty());
        CHECK(children.size() == 3);
        co_await weft::yield();
        CHECK(log == "abc");
        CHECK(children.empty());
    });
}

TEST_CASE("a child that has ended is released at once, arguments and all", "[coro][group]") {
    run([]() -> task<> {
        task_group children;
        const auto live = weft::frame_pool::now().live;
        for (int i = 0; i < 1000; ++i) {
            children.spawn([](tracked) -> task<> { co_return; }, tracked());
            if (i % 10 == 0) co_await weft::yield();
            CHECK(tracked::alive <= 10);
        }
        co_await weft::yield();
        CHECK(tracked::alive == 0);
        CHECK(weft::frame_pool::now().live == live);
    });
}

TEST_CASE("a spawned child is one block, its coroutine another", "[coro][group]") {
    run([]() -> task<> {
        task_group children;
        const auto before = weft::frame_pool::now().live;
        auto handle = children.spawn([]() -> task<int> {
            co_await weft::sleep_forever();
            co_return 7;
        });
        co_await weft::yield();
        CHECK(weft::frame_pool::now().live <= before + 2);
        children.cancel();
        co_await children.join();
    });
}
