// SPDX-License-Identifier: MIT
//
// What does it cost to await deep down and in a tree: a chain of 1000 tasks that each await the
// next (per level), and the naive Fibonacci number of 25 (per task)?
#include <benchmark/benchmark.h>

#include "measure.hpp"

namespace {

using workload::depth, workload::fibonacci_calls, workload::fibonacci_of;

namespace bare {

floors::task descend(int levels) {
    if (levels == 0) co_return 0;
    const int below = co_await descend(levels - 1);
    co_return below + 1;
}

floors::task fibonacci(int i) {
    if (i < 2) co_return i;
    const int a = co_await fibonacci(i - 1);
    const int b = co_await fibonacci(i - 2);
    co_return a + b;
}

floors::child chain(benchmark::State& state) {
    for (auto _ : state) {
        const int levels = co_await descend(depth);
        benchmark::DoNotOptimize(levels);
    }
    per_operation(state, depth + 1);
}

floors::child tree(benchmark::State& state) {
    for (auto _ : state) {
        const int value = co_await fibonacci(fibonacci_of);
        benchmark::DoNotOptimize(value);
    }
    per_operation(state, fibonacci_calls);
}

} // namespace bare

namespace woven {

weft::task<int> descend(int levels) {
    if (levels == 0) co_return 0;
    const int below = co_await descend(levels - 1);
    co_return below + 1;
}

weft::task<int> fibonacci(int i) {
    if (i < 2) co_return i;
    const int a = co_await fibonacci(i - 1);
    const int b = co_await fibonacci(i - 2);
    co_return a + b;
}

weft::task<> chain(benchmark::State& state) {
    for (auto _ : state) {
        const int levels = co_await descend(depth);
        benchmark::DoNotOptimize(levels);
    }
    per_operation(state, depth + 1);
}

weft::task<> tree(benchmark::State& state) {
    for (auto _ : state) {
        const int value = co_await fibonacci(fibonacci_of);
        benchmark::DoNotOptimize(value);
    }
    per_operation(state, fibonacci_calls);
}

} // namespace woven

BENCHMARK(on_floor<bare::chain>)->Name("chain/floor");
BENCHMARK(on_weft<woven::chain>)->Name("chain/weft");
BENCHMARK(on_floor<bare::tree>)->Name("fibonacci/floor");
BENCHMARK(on_weft<woven::tree>)->Name("fibonacci/weft");

} // namespace
