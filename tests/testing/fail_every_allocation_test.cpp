// SPDX-License-Identifier: MIT
#include <weft/testing/fail_every_allocation.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <weft/compose/when_all.hpp>
#include <weft/compose/with_task_group.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/sync/channel.hpp>
#include <weft/sync/event.hpp>
#include <weft/testing/replace_operator_new.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>

#include "support/catch.hpp"
#include "support/failure_of.hpp"

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using weft::task;
using weft::testing::allocations;
using weft::testing::fail_every_allocation;
using weft::testing::tracked;

TEST_CASE("the n-th allocation fails, once", "[testing][fail_every_allocation]") {
    weft::frame_pool::fail_allocation(2);
    void* const first = weft::frame_pool::allocate(32);
    CHECK_THROWS_AS(weft::frame_pool::allocate(32), std::bad_alloc);
    void* const third = weft::frame_pool::allocate(32);
    weft::frame_pool::deallocate(first, 32);
    weft::frame_pool::deallocate(third, 32);

    const auto before = weft::frame_pool::now().allocated;
    weft::frame_pool::fail_allocation(100);
    CHECK(weft::frame_pool::now().allocated == before);
    weft::frame_pool::fail_allocation(0);
    CHECK(weft::frame_pool::now().allocated == before);

    const auto news = allocations::count();
    allocations::fail(2);
    auto one = std::make_unique<int>();
    CHECK_THROWS_AS(std::make_unique<int>(), std::bad_alloc);
    auto other = std::make_unique<int>();
    CHECK(allocations::count() - news >= 3);
}

TEST_CASE("a program ends cleanly whichever allocation fails", "[testing][fail_every_allocation]") {
    int runs = 0;
    fail_every_allocation([&]() -> task<> {
        ++runs;
        weft::channel<std::vector<tracked>> items(2);
        const auto work = []() -> task<std::string> {
            co_await weft::sleep_for(1s);
            co_return std::string(100, 'x');
        };
        const auto body = [&](weft::task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                for (std::size_t i = 1; i < 4; ++i) co_await items.send(std::vector<tracked>(i));
                items.close();
            });
            while (auto item = co_await items.receive()) {
                auto both = co_await weft::when_all(work(), work());
                if (std::get<0>(both) != std::get<1>(both)) throw std::logic_error("differ");
            }
        };
        co_await weft::with_task_group(body);
    });
    CHECK(runs > 20);
}

TEST_CASE("a mutant: what an allocation failure leaks is found",
          "[testing][fail_every_allocation]") {
    std::unique_ptr<tracked> kept;
    const auto text = failure_of([&] {
        fail_every_allocation([&]() -> task<> {
            kept = std::make_unique<tracked>();
            const auto child = []() -> task<> { co_return; };
            co_await child(); // the bug: it may fail
            kept.reset();
        });
    });
    CHECK_THAT(text, ContainsSubstring("fail_every_allocation, frame or record "));
    CHECK_THAT(text, ContainsSubstring("left over: 1 tracked objects"));
}

TEST_CASE("a mutant: somebody who is never told of a failure is found",
          "[testing][fail_every_allocation]") {
    const auto text = failure_of([] {
        fail_every_allocation([]() -> task<> {
            weft::event done;
            weft::task_group group(weft::on_error::report);
            group.spawn([&]() -> task<> {
                const auto step = []() -> task<> { co_return; };
                co_await step(); // the bug: if it fails, nobody sets the event
                done.set();
            });
            co_await done.wait();
        });
    });
    CHECK_THAT(text, ContainsSubstring("nothing can ever become ready"));
    CHECK_THAT(text, ContainsSubstring("waits in event.wait at fail_every_allocation_test.cpp:"));
}

TEST_CASE("expect_no_allocation tells who allocates", "[testing][allocations]") {
    weft::event event;
    CHECK_NOTHROW(weft::testing::expect_no_allocation([&] { event.set(); }));
    CHECK(weft::testing::expect_no_allocation([] { return 7; }) == 7);
    CHECK_THROWS_WITH(
        weft::testing::expect_no_allocation([] { return std::make_unique<int>(7); }),
        "expect_no_allocation: 1 were made");
}
