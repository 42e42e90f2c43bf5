// SPDX-License-Identifier: MIT
//
// What does it cost to pass an item through a bounded channel from one task to another?
#include <benchmark/benchmark.h>
#include <weft/compose/with_task_group.hpp>
#include <weft/sync/channel.hpp>

#include "measure.hpp"

namespace {

using workload::capacity, workload::items;

namespace bare {

using channel = floors::channel<capacity>;

floors::child produce(channel& out) {
    for (int i = 0; i != items; ++i) co_await out.send(i);
    out.close();
}

floors::child consume(channel& in) {
    while (const auto item = co_await in.receive()) benchmark::DoNotOptimize(*item);
}

floors::child pass(benchmark::State& state) {
    for (auto _ : state) {
        channel numbers;
        floors::group group;
        floors::spawn(group, produce(numbers));
        floors::spawn(group, consume(numbers));
        co_await floors::join{group};
    }
    per_operation(state, items);
}

} // namespace bare

namespace woven {

using channel = weft::channel<int>;

weft::task<> produce(channel& out) {
    for (int i = 0; i != items; ++i) co_await out.send(i);
    out.close();
}

weft::task<> consume(channel& in) {
    while (const auto item = co_await in.receive()) benchmark::DoNotOptimize(*item);
}

weft::task<> pass(benchmark::State& state) {
    for (auto _ : state) {
        channel numbers{capacity};
        auto both_ends = [&numbers](weft::task_group& group) -> weft::task<> {
            group.spawn(produce(numbers));
            group.spawn(consume(numbers));
            co_return;
        };
        co_await weft::with_task_group(both_ends);
    }
    per_operation(state, items);
}

} // namespace woven

BENCHMARK(on_floor<bare::pass>)->Name("channel/floor");
BENCHMARK(on_weft<woven::pass>)->Name("channel/weft");

} // namespace
