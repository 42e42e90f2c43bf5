// SPDX-License-Identifier: MIT
//
// What does it cost to spawn 100,000 children that suspend once, and to join them all (per child)?
#include <benchmark/benchmark.h>
#include <weft/compose/with_task_group.hpp>
#include <weft/time/yield.hpp>

#include "measure.hpp"

namespace {

using workload::children;

namespace bare {

floors::child suspend_once() { co_await floors::yield{}; }

floors::child spawn(benchmark::State& state) {
    for (auto _ : state) {
        floors::group group;
        for (int i = 0; i != children; ++i) floors::spawn(group, suspend_once());
        co_await floors::join{group};
    }
    per_operation(state, children);
}

} // namespace bare

namespace woven {

weft::task<> suspend_once() { co_await weft::yield(); }

weft::task<> spawn_all(weft::task_group& group) {
    for (int i = 0; i != children; ++i) group.spawn(suspend_once());
    co_return;
}

weft::task<> spawn(benchmark::State& state) {
    for (auto _ : state) co_await weft::with_task_group(spawn_all);
    per_operation(state, children);
}

} // namespace woven

BENCHMARK(on_floor<bare::spawn>)->Name("spawn/floor");
BENCHMARK(on_weft<woven::spawn>)->Name("spawn/weft");

} // namespace
