// SPDX-License-Identifier: MIT
//
// How many bytes does a live child take that waits for an event? A million of them at once, divided
// into the growth of the process's peak resident memory.
#include <benchmark/benchmark.h>
#include <weft/compose/with_task_group.hpp>
#include <weft/sync/event.hpp>
#include <weft/time/yield.hpp>

#include "measure.hpp"

namespace {

using workload::live_children;

namespace bare {

floors::child wait_for(floors::fifo& gate) { co_await floors::wait_in{gate}; }

floors::child wait(benchmark::State& state) {
    for (auto _ : state) {
        const workload::memory_growth growth;
        floors::fifo gate;
        floors::group group;
        for (int i = 0; i != live_children; ++i) floors::spawn(group, wait_for(gate));
        co_await floors::yield{};
        state.counters["bytes"] = growth.bytes() / live_children;
        while (!gate.empty()) floors::ready.push(gate.pop());
        co_await floors::join{group};
    }
    per_operation(state, live_children);
}

} // namespace bare

namespace woven {

weft::task<> wait_for(weft::event& gate) { co_await gate.wait(); }

weft::task<> wait(benchmark::State& state) {
    for (auto _ : state) {
        const workload::memory_growth growth;
        weft::event gate;
        auto spawn_all = [&](weft::task_group& group) -> weft::task<> {
            for (int i = 0; i != live_children; ++i) group.spawn(wait_for(gate));
            co_await weft::yield();
            state.counters["bytes"] = growth.bytes() / live_children;
            gate.set();
        };
        co_await weft::with_task_group(spawn_all);
    }
    per_operation(state, live_children);
}

} // namespace woven

BENCHMARK(on_floor<bare::wait>)->Name("bytes_per_child/floor")->Iterations(1);
BENCHMARK(on_weft<woven::wait>)->Name("bytes_per_child/weft")->Iterations(1);

} // namespace
