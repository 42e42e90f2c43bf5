// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <weft/core/operation.hpp>
#include <weft/core/prepared.hpp>
#include <weft/core/scheduler.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/loop_clock.hpp>
#include <weft/loop/task_report.hpp>
#include <weft/testing/decisions.hpp>
#include <weft/testing/no_faults.hpp>
#include <weft/testing/schedule.hpp>
#include <weft/testing/virtual_reactor.hpp>

namespace weft::testing {

/// Told after each step of a simulation. A step is the resumption of one branch, or one callback.
class step_observer {
public:
    /// Nobody runs: it may cancel and destroy.
    virtual void after_step() noexcept = 0;

protected:
    ~step_observer() = default;
};

/// The event loop of a `simulation`, which see: virtual time, and an order of its own choosing.
class simulated_loop : public event_loop {
public:
    /// Makes every choice by `choices`; shuffles what is ready if `shuffles`.
    /// Lifetime  `choices` outlives what still lives when the loop is destroyed.
    simulated_loop(decisions& choices, bool shuffles)
        : event_loop(std::make_unique<virtual_reactor>()), choices_(&choices),
          shuffles_(shuffles) {}
    ~simulated_loop() override {
        turn_.release(ready());
        next_.release(ready());
        drop_left(); // what closes a socket there leaves a trace here
    }

    /// Lets `by` pass: everything that is due until then happens, each at its time. Within a task:
    /// only the clock moves, and what is due then happens late.
    void advance(duration by);
    /// Runs until nothing more can happen unless time passes.
    void run_until_blocked();

    /// A number that depends on everything that happened until now, in its order.
    std::uint64_t trace_hash() const noexcept { return trace_; }
    /// Adds something that happened.
    void trace(std::uint64_t what) noexcept {
        trace_ = (trace_ ^ what) * 0x9e3779b97f4a7c15u;
        trace_ ^= trace_ >> 29;
    }

    /// How many steps were made until now.
    std::size_t steps() const noexcept { return steps_; }
    /// Stops the loop after so many steps.
    void set_step_limit(std::size_t steps) noexcept { step_limit_ = steps; }
    void set_observer(step_observer* observer) noexcept { observer_ = observer; }

    /// While `silent`, errors that nobody can receive are nobody's business. Returns what it was.
    bool set_silent(bool silent) noexcept { return std::exchange(silent_, silent); }
    void unhandled(std::exception_ptr error, const char* name) noexcept override {
        if (!silent_) event_loop::unhandled(std::move(error), name);
    }

    decisions& choices() noexcept { return *choices_; }
    virtual_reactor& system() noexcept {
        return static_cast<virtual_reactor&>(event_loop::system());
    }

protected:
    inline std::size_t run_turn() noexcept override;
    std::string deadlock_report() const override {
        return "nothing can ever become ready, and these wait:\n" + report_tasks(*this);
    }

private:
    // The schedule of the next turn is not empty: stands for it in the loop's ready queue.
    struct more final : runnable {
        void run() noexcept override {}
    };
    void trace_step(const runnable& next) noexcept;
    bool is_due() const noexcept {
        const auto next = next_deadline();
        return next && *next <= now();
    }

    decisions* choices_;
    bool shuffles_;
    bool silent_ = false;
    schedule turn_;
    schedule next_;
    more more_;
    std::uint64_t trace_ = 0;
    std::size_t steps_ = 0;
    std::size_t step_limit_ = SIZE_MAX;
    step_observer* observer_ = nullptr;
};

/// Waits until every other task of the simulation waits for something that takes time, or for ever.
class quiet_operation final : public operation<quiet_operation>, private quiet_waiter {
public:
    bool start(branch& waiter) noexcept {
        auto& loop = static_cast<event_loop&>(waiter.loop());
        static_cast<virtual_reactor&>(loop.system()).when_quiet(*this);
        return false;
    }
    bool withdraw() noexcept override {
        unlink();
        return true;
    }
    void await_resume() const noexcept {}
    const char* describe() const noexcept override { return "all_tasks_blocked"; }

private:
    void quiet() noexcept override { complete(); }
};

/// Waits until all other tasks wait for something that takes time, or for each other: until
/// whatever could happen now has happened.
///
///     auto reader = group.spawn(read_it);
///     co_await weft::testing::all_tasks_blocked();
///     assert(waiting_readers == 1);
///
/// A task that waits for a thread is not blocked.
/// Order   Several who wait for this go on together. Cancel  Ends the wait.
/// Precondition  The task runs in a simulation.
inline auto all_tasks_blocked() noexcept { return prepared<quiet_operation>(); }

// Implementation ------------------------------------------------------------

inline void simulated_loop::run_until_blocked() {
    do
        poll();
    while (has_ready() || is_due() || system().tell_quiet());
}

inline void simulated_loop::advance(duration by) {
    if (this_execution.loop == this) return event_loop::advance(by);
    const auto end = now() + by;
    for (;;) {
        run_until_blocked();
        const auto next = next_deadline();
        if (!next || *next > end) break;
        event_loop::advance(*next - now());
    }
    if (end > now()) event_loop::advance(end - now());
}

inline std::size_t simulated_loop::run_turn() noexcept {
    std::size_t count = 0;
    more_.leave_queue();
    {
        const no_faults scope;
        next_.add(ready());
        next_.release(turn_);
    }
    for (;; ++count) {
        runnable* chosen;
        {
            const no_faults scope;
            chosen = turn_.pick(shuffles_ ? choices_ : nullptr);
            if (!chosen) break;
            trace_step(*chosen);
        }
        ready().push_back(*chosen);
        run_ready();
        if (++steps_ == step_limit_) stop();
        if (observer_) observer_->after_step();
        const no_faults scope;
        next_.add(ready());
    }
    if (!next_.empty()) enqueue(more_);
    return count;
}

inline void simulated_loop::trace_step(const runnable&) noexcept {
    trace(static_cast<std::uint64_t>(now().time_since_epoch().count()));
    trace(turn_.width());
    if (shuffles_ && turn_.width() > 1) trace(choices_->log().back());
}

} // namespace weft::testing
