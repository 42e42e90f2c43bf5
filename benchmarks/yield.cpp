// SPDX-License-Identifier: MIT
//
// What does it cost to let the others go first, with 2 tasks and with 1000 that alternate strictly?
#include <benchmark/benchmark.h>
#include <weft/compose/with_task_group.hpp>
#include <weft/time/yield.hpp>

#include "measure.hpp"

namespace {

using workload::rounds;

namespace bare {

floors::child take_turns() {
    for (int i = 0; i != rounds; ++i) co_await floors::yield{};
}

floors::child yield(benchmark::State& state) {
    const auto tasks = state.range(0);
    for (auto _ : state) {
        floors::group group;
        for (auto i = tasks; i != 0; --i) floors::spawn(group, take_turns());
        co_await floors::join{group};
    }
    per_operation(state, tasks * rounds);
}

} // namespace bare

namespace woven {

weft::task<> take_turns() {
    for (int i = 0; i != rounds; ++i) co_await weft::yield();
}

weft::task<> yield(benchmark::State& state) {
    const auto tasks = state.range(0);
    auto spawn_all = [tasks](weft::task_group& group) -> weft::task<> {
        for (auto i = tasks; i != 0; --i) group.spawn(take_turns());
        co_return;
    };
    for (auto _ : state) co_await weft::with_task_group(spawn_all);
    per_operation(state, tasks * rounds);
}

} // namespace woven

BENCHMARK(on_floor<bare::yield>)->Name("yield/floor")->Arg(2)->Arg(1000);
BENCHMARK(on_weft<woven::yield>)->Name("yield/weft")->Arg(2)->Arg(1000);

} // namespace
