// SPDX-License-Identifier: MIT
//
// The questions about timers asked of libuv: callbacks, in whole milliseconds.
#include <benchmark/benchmark.h>
#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "workload.hpp"

namespace {

void do_nothing(uv_timer_t*) {}

/// As many timers as asked for, on a loop of their own.
class timers {
public:
    explicit timers(std::size_t count) : timers_(count) {
        uv_loop_init(&loop_);
        for (auto& timer : timers_) uv_timer_init(&loop_, &timer);
    }
    timers(const timers&) = delete;
    ~timers() {
        for (auto& timer : timers_) uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
        run();
        uv_loop_close(&loop_);
    }

    void set_all(std::uint64_t further = 0) {
        for (auto& timer : timers_) {
            const auto milliseconds =
                static_cast<std::uint64_t>(random_.next().count() / 1'000'000);
            uv_timer_start(&timer, do_nothing, milliseconds + further, 0); // stops it first
        }
    }
    void run() { uv_run(&loop_, UV_RUN_DEFAULT); }

private:
    uv_loop_t loop_{};
    std::vector<uv_timer_t> timers_;
    workload::durations random_;
};

void sleep(benchmark::State& state) {
    for (auto _ : state) {
        timers sleeping{workload::sleepers};
        sleeping.set_all();
        sleeping.run();
    }
    workload::per_operation(state, workload::sleepers);
}

void timer_reset(benchmark::State& state) {
    constexpr std::uint64_t hour = 3'600'000;
    timers outstanding{static_cast<std::size_t>(state.range(0))};
    outstanding.set_all(hour);
    for (auto _ : state) outstanding.set_all(hour);
    workload::per_operation(state, state.range(0));
}

BENCHMARK(sleep)->Name("sleep/libuv")->Iterations(1);
BENCHMARK(timer_reset)->Name("timer_reset/libuv")->Arg(10'000)->Arg(1'000'000);

} // namespace
