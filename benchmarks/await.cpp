// SPDX-License-Identifier: MIT
//
// What does it cost to await a child task that needs no waiting: create it, enter it, leave it with
// a value, destroy it? Once where the compiler may not look into the child, once where it may.
#include <benchmark/benchmark.h>

#include "measure.hpp"

namespace {

namespace bare {

[[gnu::noinline]] floors::task answer(int i) { co_return i; }
floors::task visible_answer(int i) { co_return i; }

floors::child await(benchmark::State& state) {
    for (auto _ : state) {
        for (int i = 0; i != batch; ++i) {
            const int value = co_await answer(i);
            benchmark::DoNotOptimize(value);
        }
    }
    per_operation(state, batch);
}

floors::child await_inline(benchmark::State& state) {
    for (auto _ : state) {
        for (int i = 0; i != batch; ++i) {
            const int value = co_await visible_answer(i);
            benchmark::DoNotOptimize(value);
        }
    }
    per_operation(state, batch);
}

} // namespace bare

namespace woven {

[[gnu::noinline]] weft::task<int> answer(int i) { co_return i; }
weft::task<int> visible_answer(int i) { co_return i; }

weft::task<> await(benchmark::State& state) {
    for (auto _ : state) {
        for (int i = 0; i != batch; ++i) {
            const int value = co_await answer(i);
            benchmark::DoNotOptimize(value);
        }
    }
    per_operation(state, batch);
}

weft::task<> await_inline(benchmark::State& state) {
    for (auto _ : state) {
        for (int i = 0; i != batch; ++i) {
            const int value = co_await visible_answer(i);
            benchmark::DoNotOptimize(value);
        }
    }
    per_operation(state, batch);
}

} // namespace woven

BENCHMARK(on_floor<bare::await>)->Name("await/floor");
BENCHMARK(on_weft<woven::await>)->Name("await/weft");
BENCHMARK(on_floor<bare::await_inline>)->Name("await_inline/floor");
BENCHMARK(on_weft<woven::await_inline>)->Name("await_inline/weft");

} // namespace
