// SPDX-License-Identifier: MIT
//
// What does a lock cost: taken and given back by one task alone, and handed to and fro by two tasks
// that both want it all the time (per hand-over)?
#include <benchmark/benchmark.h>
#include <weft/compose/with_task_group.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/time/yield.hpp>

#include "measure.hpp"

namespace {

namespace bare {

floors::child uncontended(benchmark::State& state) {
    floors::mutex mutex;
    for (auto _ : state) {
        for (int i = 0; i != batch; ++i) {
            co_await mutex.lock();
            benchmark::ClobberMemory();
            mutex.unlock();
        }
    }
    per_operation(state, batch);
}

floors::child compete(floors::mutex& mutex) {
    co_await mutex.lock();
    co_await floors::yield{}; // the other one comes to wait; from here on one of them always does
    mutex.unlock();
    for (int i = 0; i != batch; ++i) {
        co_await mutex.lock();
        mutex.unlock();
    }
}

floors::child hand_off(benchmark::State& state) {
    floors::mutex mutex;
    for (auto _ : state) {
        floors::group group;
        floors::spawn(group, compete(mutex));
        floors::spawn(group, compete(mutex));
        co_await floors::join{group};
    }
    per_operation(state, 2 * batch);
}

} // namespace bare

namespace woven {

weft::task<> uncontended(benchmark::State& state) {
    weft::mutex mutex;
    for (auto _ : state) {
        for (int i = 0; i != batch; ++i) {
            auto guard = co_await mutex.lock();
            benchmark::ClobberMemory();
        }
    }
    per_operation(state, batch);
}

weft::task<> compete(weft::mutex& mutex) {
    auto first = co_await mutex.lock();
    co_await weft::yield();
    first.unlock();
    for (int i = 0; i != batch; ++i) auto guard = co_await mutex.lock();
}

weft::task<> hand_off(benchmark::State& state) {
    weft::mutex mutex;
    auto two_tasks = [&mutex](weft::task_group& group) -> weft::task<> {
        group.spawn(compete(mutex));
        group.spawn(compete(mutex));
        co_return;
    };
    for (auto _ : state) co_await weft::with_task_group(two_tasks);
    per_operation(state, 2 * batch);
}

} // namespace woven

BENCHMARK(on_floor<bare::uncontended>)->Name("mutex_uncontended/floor");
BENCHMARK(on_weft<woven::uncontended>)->Name("mutex_uncontended/weft");
BENCHMARK(on_floor<bare::hand_off>)->Name("mutex_hand_off/floor");
BENCHMARK(on_weft<woven::hand_off>)->Name("mutex_hand_off/weft");

} // namespace
