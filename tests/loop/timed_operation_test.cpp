// SPDX-License-Identifier: MIT
#include <weft/loop/timed_operation.hpp>

#include <chrono>
#include <cstddef>
#include <vector>

#include <weft/compose/with_task_group.hpp>
#include <weft/core/operation.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/time/sleep.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;

namespace {

/// An operation of a user's own that takes a while.
class pause final : public weft::operation<pause, weft::timed_operation> {
public:
    explicit pause(weft::time_point until) : operation(until.time_since_epoch().count()) {}

    void start(weft::branch& waiter) noexcept {
        static_cast<weft::event_loop&>(waiter.loop())
            .arm(*this, weft::time_point(weft::duration(deadline())));
    }
    bool withdraw() noexcept override {
        disarm();
        return true;
    }
    void await_resume() const noexcept {}
};

} // namespace

TEST_CASE("a timed operation completes at its deadline", "[loop][timed_operation]") {
    run([]() -> weft::task<> {
        const auto before = weft::loop_clock::now();
        co_await pause(before + 3s);
        CHECK(weft::loop_clock::now() - before == 3s);
    });
}

TEST_CASE("a crowd of sleepers wakes in order, however many of them are expected",
          "[loop][timed_operation]") {
    // Main, forks and groups: whoever sleeps, what is near it is looked at before it wakes.
    constexpr std::size_t many = 3000;
    std::vector<std::size_t> order;
    run([&]() -> weft::task<> {
        const auto sleeper = [&](std::size_t number) -> weft::task<> {
            co_await weft::sleep_for(std::chrono::microseconds(number * 7919 % many));
            order.push_back(number * 7919 % many);
        };
        const auto all = [&](weft::task_group& group) -> weft::task<> {
            for (std::size_t i = 0; i != many; ++i) group.spawn(sleeper, i);
            co_await weft::sleep_for(1ms);
        };
        co_await weft::with_task_group(all);
    });

    REQUIRE(order.size() == many);
    for (std::size_t i = 0; i != many; ++i) {
        if (order[i] != i) FAIL("out of order at " << i);
    }
}
