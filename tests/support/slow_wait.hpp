// SPDX-License-Identifier: MIT
//
// An operation that takes its time to be withdrawn, as a thread would.
#pragma once

#include <weft/core/operation.hpp>
#include <weft/core/prepared.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/loop_clock.hpp>
#include <weft/loop/timer_queue.hpp>

class slow_wait_operation final : public weft::operation<slow_wait_operation>, weft::timer {
public:
    slow_wait_operation(weft::duration to_complete, weft::duration to_withdraw) noexcept
        : timer(&fired), to_complete_(to_complete), to_withdraw_(to_withdraw) {}

    bool start(weft::branch& waiter) noexcept {
        loop_ = &static_cast<weft::event_loop&>(waiter.loop());
        loop_->arm(*this, loop_->now() + to_complete_);
        return false;
    }
    bool withdraw() noexcept override {
        loop_->arm(*this, loop_->now() + to_withdraw_);
        withdrawing_ = true;
        return false;
    }
    void await_resume() const noexcept {}
    const char* describe() const noexcept override { return "slow_wait"; }

private:
    static void fired(weft::timer& self) noexcept {
        auto& own = static_cast<slow_wait_operation&>(self);
        if (own.withdrawing_)
            own.waiter()->stop();
        else
            own.complete();
    }

    weft::event_loop* loop_ = nullptr;
    weft::duration to_complete_, to_withdraw_;
    bool withdrawing_ = false;
};

/// Waits for `to_complete`; when it is cancelled, it ends only `to_withdraw` later.
inline auto slow_wait(weft::duration to_complete, weft::duration to_withdraw) noexcept {
    return weft::prepared<slow_wait_operation, weft::duration, weft::duration>(to_complete,
                                                                               to_withdraw);
}
