// SPDX-License-Identifier: MIT
//
// What does sleeping cost, in CPU time per sleeper, where a million of them sleep at once?
//   sleep           each wakes within a second, at a random time
//   sleep_virtual   the same on a clock that jumps to the next deadline
//   sleep_cancelled each is cancelled in its sleep, and joined
//   timer_reset     one timer of N is withdrawn and set again
#include <benchmark/benchmark.h>
#include <weft/compose/with_task_group.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/timer_queue.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <vector>

#include "floor_timers.hpp"
#include "measure.hpp"

namespace {

using std::chrono::nanoseconds;
using workload::durations, workload::sleepers;

namespace bare {

using floors::timer_buckets;
using floors::timer_runs;

floors::child sleep_once(timer_runs& timers, nanoseconds duration) {
    co_await floors::sleep_for{timers, duration};
}

floors::child sleep_until_cancelled(timer_buckets& timers, nanoseconds duration) {
    co_await floors::cancellable_sleep_for{timers, duration};
}

template <timer_runs::time Clock> void sleep(benchmark::State& state) {
    for (auto _ : state) {
        timer_runs timers{Clock};
        durations random;
        floors::group group;
        for (int i = 0; i != sleepers; ++i) floors::spawn(group, sleep_once(timers, random.next()));
        floors::run_ready();
        timers.run();
    }
    per_operation(state, sleepers);
}

void sleep_cancelled(benchmark::State& state) {
    for (auto _ : state) {
        timer_buckets timers;
        durations random;
        floors::group group;
        std::vector<std::coroutine_handle<>> children;
        for (int i = 0; i != sleepers; ++i) {
            const auto child = sleep_until_cancelled(timers, random.next());
            children.push_back(child.handle());
            floors::spawn(group, child);
        }
        floors::run_ready();
        for (; !children.empty(); children.pop_back()) children.back().destroy();
    }
    per_operation(state, sleepers);
}

void timer_reset(benchmark::State& state) {
    timer_buckets timers;
    durations random;
    std::vector<timer_buckets::timer> outstanding(static_cast<std::size_t>(state.range(0)));
    for (auto& timer : outstanding) timers.set(timer, floors::clock_now() + random.next());
    const auto now = floors::clock_now();
    for (auto _ : state) {
        for (auto& timer : outstanding) {
            timer.cancel();
            timers.set(timer, now + random.next());
        }
    }
    per_operation(state, state.range(0));
}

} // namespace bare

namespace woven {

weft::task<> sleep_once(nanoseconds duration) { co_await weft::sleep_for(duration); }

weft::task<> spawn_sleepers(weft::task_group& group) {
    durations random;
    for (int i = 0; i != sleepers; ++i) group.spawn(sleep_once(random.next()));
    co_return;
}

weft::task<> spawn_and_cancel_sleepers(weft::task_group& group) {
    co_await spawn_sleepers(group);
    co_await weft::yield();
    group.cancel();
}

weft::task<> sleep_all() { co_await weft::with_task_group(spawn_sleepers); }

template <weft::event_loop::time Clock> void sleep(benchmark::State& state) {
    for (auto _ : state) {
        weft::event_loop loop{Clock};
        loop.run(sleep_all());
    }
    per_operation(state, sleepers);
}

weft::task<> sleep_cancelled(benchmark::State& state) {
    for (auto _ : state) co_await weft::with_task_group(spawn_and_cancel_sleepers);
    per_operation(state, sleepers);
}

struct silent_timer : weft::timer {
    silent_timer() noexcept : timer([](weft::timer&) noexcept {}) {}
};

void timer_reset(benchmark::State& state) {
    weft::timer_queue timers;
    durations random;
    std::vector<silent_timer> outstanding(static_cast<std::size_t>(state.range(0)));
    for (auto& timer : outstanding) timers.arm(timer, random.next().count());
    for (auto _ : state) {
        for (auto& timer : outstanding) {
            timer.disarm();
            timers.arm(timer, random.next().count());
        }
    }
    per_operation(state, state.range(0));
}

} // namespace woven

using floor_clock = floors::timer_runs::time;
using weft_clock = weft::event_loop::time;

BENCHMARK(bare::sleep<floor_clock::real>)->Name("sleep/floor")->Iterations(1);
BENCHMARK(woven::sleep<weft_clock::system>)->Name("sleep/weft")->Iterations(1);
BENCHMARK(bare::sleep<floor_clock::simulated>)->Name("sleep_virtual/floor")->Iterations(1);
BENCHMARK(woven::sleep<weft_clock::simulated>)->Name("sleep_virtual/weft")->Iterations(1);
BENCHMARK(bare::sleep_cancelled)->Name("sleep_cancelled/floor")->Iterations(1);
BENCHMARK(on_weft<woven::sleep_cancelled>)->Name("sleep_cancelled/weft")->Iterations(1);
BENCHMARK(bare::timer_reset)->Name("timer_reset/floor")->Arg(10'000)->Arg(1'000'000);
BENCHMARK(woven::timer_reset)->Name("timer_reset/weft")->Arg(10'000)->Arg(1'000'000);

} // namespace
