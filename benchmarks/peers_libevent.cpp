// SPDX-License-Identifier: MIT
//
// The questions about timers asked of libevent: callbacks.
#include <benchmark/benchmark.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include <cstddef>
#include <vector>

#include "workload.hpp"

namespace {

void do_nothing(evutil_socket_t, short, void*) {}

/// As many timers as asked for, on a loop of their own.
class timers {
public:
    explicit timers(std::size_t count) : loop_(event_base_new()), timers_(count) {
        for (auto& timer : timers_) event_assign(&timer, loop_, -1, 0, do_nothing, nullptr);
    }
    timers(const timers&) = delete;
    ~timers() {
        for (auto& timer : timers_) event_del(&timer);
        event_base_free(loop_);
    }

    void set_all(time_t further_seconds = 0) {
        for (auto& timer : timers_) {
            const timeval duration{further_seconds, random_.next().count() / 1000};
            event_del(&timer);
            event_add(&timer, &duration);
        }
    }
    void run() { event_base_dispatch(loop_); }

private:
    event_base* loop_;
    std::vector<event> timers_;
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
    constexpr time_t hour = 3600;
    timers outstanding{static_cast<std::size_t>(state.range(0))};
    outstanding.set_all(hour);
    for (auto _ : state) outstanding.set_all(hour);
    workload::per_operation(state, state.range(0));
}

BENCHMARK(sleep)->Name("sleep/libevent")->Iterations(1);
BENCHMARK(timer_reset)->Name("timer_reset/libevent")->Arg(10'000)->Arg(1'000'000);

} // namespace
