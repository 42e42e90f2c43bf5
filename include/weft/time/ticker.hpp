// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <chrono>
#include <cstddef>

#include <weft/core/operation.hpp>
#include <weft/core/prepared.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/loop_clock.hpp>
#include <weft/loop/timer_queue.hpp>
#include <weft/time/sleep.hpp>

namespace weft {

/// What a `ticker` does when it is asked so late that more than one tick is due.
enum class missed_ticks {
    burst, ///< delivers all of them, one after the other without waiting: none is lost
    skip,  ///< delivers the newest and leaves the others out; the ones to come are when they were
    delay, ///< delivers one, leaves the others out, and begins anew: the next is a period from now
};

/// Ticks once a period.
///
///     weft::ticker every_second(1s);
///     for (;;) {
///         co_await every_second.next();
///         redraw();
///     }
///
/// The first `next()` waits one period; tick n is due n periods after it began, exactly, however
/// late each of them was taken: small delays do not add up, under any policy. Suppose a period of
/// 1 s, tick 1 taken in time, and `next()` called again after 4.5 s, when ticks 2, 3 and 4 are due:
///
///     policy   calls at 4.5 s return at once    then ticks at
///     burst    0, 0, 0  (ticks 2, 3, 4)         5 s, 6 s, ...
///     skip     2        (tick 4)                5 s, 6 s, ...
///     delay    2        (one for all)           5.5 s, 6.5 s, ...
class ticker {
public:
    /// Precondition: `period` is positive.
    template <class Rep, class Period>
    explicit ticker(std::chrono::duration<Rep, Period> period,
                    missed_ticks policy = missed_ticks::burst) noexcept
        : period_(to_duration(period)), policy_(policy) {
        assert(period_ > duration::zero() && "a ticker without a period");
    }
    ticker(ticker&&) = delete;

    /// Waits for the next tick. Returns how many were left out before it: 0 unless some were
    /// missed, and always 0 for `missed_ticks::burst`.
    /// Lifetime      The ticker must live until the wait has ended.
    /// Cancel        Takes no tick.
    /// Precondition  Nobody else waits for this ticker.
    auto next() noexcept { return prepared<next_operation, ticker*>(this); }

private:
    class next_operation final : public operation<next_operation>, private timer {
    public:
        explicit next_operation(ticker* of) noexcept : timer(&fired), ticker_(of) {}

        bool start(branch& waiter) noexcept {
            auto& loop = static_cast<event_loop&>(waiter.loop());
            if (!ticker_->started_) ticker_->begin(loop.now());
            if (ticker_->next_ <= loop.now()) return true;
            loop.arm(*this, ticker_->next_);
            return false;
        }
        bool withdraw() noexcept override {
            disarm();
            return true;
        }
        std::size_t await_resume() const noexcept {
            return ticker_->take(static_cast<event_loop&>(waiter()->loop()).now());
        }
        const char* describe() const noexcept override { return "ticker.next"; }

    private:
        static void fired(timer& self) noexcept { static_cast<next_operation&>(self).complete(); }

        ticker* ticker_;
    };

    void begin(time_point now) noexcept {
        started_ = true;
        next_ = sleep_operation::after(now, period_);
    }
    std::size_t take(time_point now) noexcept;

    duration period_;
    missed_ticks policy_;
    bool started_ = false;
    time_point next_;
};

// Implementation ------------------------------------------------------------

inline std::size_t ticker::take(time_point now) noexcept {
    assert(next_ <= now && "a ticker serves one waiter at a time");
    const auto behind = (now - next_) / period_;
    if (policy_ == missed_ticks::burst || behind == 0) {
        next_ = sleep_operation::after(next_, period_);
        return 0;
    }
    // A period before the next one, which `after` keeps from overflowing.
    const auto last = policy_ == missed_ticks::skip ? next_ + behind * period_ : now;
    next_ = sleep_operation::after(last, period_);
    return static_cast<std::size_t>(behind);
}

} // namespace weft
