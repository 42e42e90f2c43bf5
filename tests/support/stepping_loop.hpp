// SPDX-License-Identifier: MIT
//
// The sweep for what needs the system itself: real descriptors, a real reactor, an event loop that
// is destroyed with everything in it. All else is swept on simulated hosts: support/sweep.hpp.
//
// A scenario is ended at every point where it could be ended. It runs in simulated time, one
// resumption at a time, and after the k-th resumption, for every k,
//   - the loop is destroyed, or
//   - the scenario is cancelled and runs to its end, or
//   - it is cancelled, and the loop is destroyed m resumptions later, for every m.
// Each time everything must be gone in the end: frames, records of the pool, `tracked` objects.
//
//     sweep_on_system([]() -> weft::task<> { ... });
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <string_view>
#include <thread>

#include <weft/core/frame_pool.hpp>
#include <weft/core/intrusive_list.hpp>
#include <weft/core/scheduler.hpp>
#include <weft/coro/join_handle.hpp>
#include <weft/coro/task.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/timer_queue.hpp>
#include <weft/testing/tracked.hpp>

#include "support/catch.hpp"

/// An event loop in simulated time that makes one resumption at a time, in the order in which
/// `run` would make them.
class stepping_loop : public weft::event_loop {
public:
    stepping_loop() : event_loop(time::simulated), last_(*this) {}
    ~stepping_loop() {
        ready().append(turn_); // whose end is the loop's business
        ready().append(later_);
    }

    /// Returns false if nothing is ready nor ever will be.
    bool step() {
        // A turn may queue nothing: a time-out asks somebody who ends later.
        while (turn_.empty())
            if (!begin_turn()) return false;
        later_.append(ready());
        ready().push_back(turn_.pop_front());
        {
            const on_this_thread scope(*this);
            run_ready();
        }
        later_.append(ready());
        return true;
    }

private:
    struct first_of_turn final : weft::runnable {
        void run() noexcept override {}
    };
    struct last_of_turn final : weft::runnable, weft::timer {
        explicit last_of_turn(stepping_loop& owner) : timer(&fired), loop(owner) {}
        void run() noexcept override {}
        static void fired(weft::timer& self) noexcept {
            auto& last = static_cast<last_of_turn&>(self);
            last.loop.enqueue(last);
        }
        stepping_loop& loop;
    };
    struct taker final : weft::runnable {
        explicit taker(stepping_loop& owner) : loop(owner) {}
        void run() noexcept override { loop.take_turn(); }
        stepping_loop& loop;
    };

    bool begin_turn() {
        ready().append(later_);
        if (!has_ready() && !system().idle()) make_turn();
        if (!turn_.empty()) return true;
        ready().append(later_);
        if (!has_ready()) {
            const auto next = next_deadline();
            if (!next) return wait_for_system();
            if (*next > now()) advance(*next - now());
        }
        make_turn();
        return true;
    }
    // What was sent to this machine itself may be on its way: another core delivers it.
    bool wait_for_system() {
        for (int i = 0; i != 10'000 && !system().idle() && turn_.empty(); ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            make_turn();
        }
        return !turn_.empty();
    }
    // What the turn is made of stands between `first_`, which is queued before the system is asked,
    // and the timer `last_`, the youngest of those that are due; the first one takes it all.
    void make_turn() {
        ready().push_front(first_);
        ready().push_front(taker_);
        arm(last_, now());
        poll();
    }
    void take_turn() {
        while (auto* each = turn_.after(first_)) {
            if (each == &last_) break;
            each->leave_queue();
            turn_.push_back(*each);
        }
    }

    weft::intrusive_list<weft::runnable> turn_;
    weft::intrusive_list<weft::runnable> later_;
    first_of_turn first_;
    last_of_turn last_;
    taker taker_{*this};
};

namespace sweeping {

inline constexpr std::size_t never = static_cast<std::size_t>(-1);

/// Runs `scenario` once. Returns how many resumptions it made.
template <class F>
std::size_t run(const F& scenario, std::size_t cancel_after, std::size_t destroy_after) {
    const auto frames = weft::frame_pool::now().live;
    const auto objects = weft::testing::tracked::alive;
    std::size_t steps = 0;
    {
        stepping_loop loop;
        loop.on_unhandled([](const std::exception_ptr&, std::string_view) noexcept {});
        auto main = loop.spawn(scenario);
        for (;; ++steps) {
            if (steps == cancel_after) main.cancel();
            if (steps == destroy_after || main.done()) break;
            if (steps == 100'000) FAIL("the scenario does not end");
            if (!loop.step()) FAIL("the scenario waits for ever");
        }
    }
    if (weft::frame_pool::now().live != frames) FAIL("frames or records are left");
    if (weft::testing::tracked::alive != objects) FAIL("objects are left");
    return steps;
}

} // namespace sweeping

/// Ends `scenario()`, which returns a task, at every point and in every way; see above.
template <class F> void sweep_on_system(const F& scenario) {
    using sweeping::never;
    const auto steps = sweeping::run(scenario, never, never);
    for (std::size_t k = 0; k <= steps; ++k) {
        INFO("ended after resumption " << k << " of " << steps);
        sweeping::run(scenario, never, k);
        const auto until_end = sweeping::run(scenario, k, never);
        for (auto m = k; m <= until_end; ++m) {
            INFO("cancelled there, destroyed after resumption " << m);
            sweeping::run(scenario, k, m);
        }
    }
    SUCCEED();
}
