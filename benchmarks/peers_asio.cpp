// SPDX-License-Identifier: MIT
//
// The questions of this folder asked of Asio: awaitable<> and co_spawn, on an io_context that is
// told it has one thread and needs no locks. The code of each side is in the file named after the
// question.
#include <benchmark/benchmark.h>

#define ASIO_HAS_CO_AWAIT // Asio 1.22 does not believe that clang has coroutines with libstdc++
#define ASIO_HAS_STD_COROUTINE

#include <asio.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/channel.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>

#include "workload.hpp"

namespace {

using asio::awaitable;
using asio::use_awaitable;
using workload::batch, workload::per_operation;
constexpr auto no_throw = asio::experimental::as_tuple(use_awaitable);

template <awaitable<void> (*Loop)(benchmark::State&)> void on_asio(benchmark::State& state) {
    asio::io_context context{ASIO_CONCURRENCY_HINT_UNSAFE};
    asio::co_spawn(context, Loop(state), asio::detached);
    context.run();
}

/// Spawns and joins: Asio itself has no group.
class group {
public:
    explicit group(asio::any_io_executor executor)
        : done_(executor, asio::steady_timer::time_point::max()) {}

    void spawn(awaitable<void> child) {
        ++live_;
        asio::co_spawn(done_.get_executor(), std::move(child),
                       [this](std::exception_ptr) { finished(); });
    }
    void spawn(awaitable<void> child, asio::cancellation_slot slot) {
        ++live_;
        asio::co_spawn(
            done_.get_executor(), std::move(child),
            asio::bind_cancellation_slot(slot, [this](std::exception_ptr) { finished(); }));
    }
    awaitable<void> join() {
        if (live_ != 0) co_await done_.async_wait(no_throw);
    }

private:
    void finished() {
        if (--live_ == 0) done_.cancel();
    }
    std::size_t live_ = 0;
    asio::steady_timer done_;
};

// await, chain, fibonacci -----------------------------------------------------------------------

[[gnu::noinline]] awaitable<int> answer(int i) { co_return i; }
awaitable<int> visible_answer(int i) { co_return i; }

awaitable<void> await(benchmark::State& state) {
    for (auto _ : state) {
        for (int i = 0; i != batch; ++i) {
            const int value = co_await answer(i);
            benchmark::DoNotOptimize(value);
        }
    }
    per_operation(state, batch);
}

awaitable<void> await_inline(benchmark::State& state) {
    for (auto _ : state) {
        for (int i = 0; i != batch; ++i) {
            const int value = co_await visible_answer(i);
            benchmark::DoNotOptimize(value);
        }
    }
    per_operation(state, batch);
}

awaitable<int> descend(int levels) {
    if (levels == 0) co_return 0;
    const int below = co_await descend(levels - 1);
    co_return below + 1;
}

awaitable<int> fibonacci(int i) {
    if (i < 2) co_return i;
    const int a = co_await fibonacci(i - 1);
    const int b = co_await fibonacci(i - 2);
    co_return a + b;
}

awaitable<void> chain(benchmark::State& state) {
    for (auto _ : state) {
        const int levels = co_await descend(workload::depth);
        benchmark::DoNotOptimize(levels);
    }
    per_operation(state, workload::depth + 1);
}

awaitable<void> tree(benchmark::State& state) {
    for (auto _ : state) {
        const int value = co_await fibonacci(workload::fibonacci_of);
        benchmark::DoNotOptimize(value);
    }
    per_operation(state, workload::fibonacci_calls);
}

BENCHMARK(on_asio<await>)->Name("await/asio");
BENCHMARK(on_asio<await_inline>)->Name("await_inline/asio");
BENCHMARK(on_asio<chain>)->Name("chain/asio");
BENCHMARK(on_asio<tree>)->Name("fibonacci/asio");

// spawn, yield, bytes_per_child ------------------------------------------------------------------

awaitable<void> take_turns(int rounds) {
    for (int i = 0; i != rounds; ++i) co_await asio::post(use_awaitable);
}

awaitable<void> spawn(benchmark::State& state) {
    group children{co_await asio::this_coro::executor};
    for (auto _ : state) {
        for (int i = 0; i != workload::children; ++i) children.spawn(take_turns(1));
        co_await children.join();
    }
    per_operation(state, workload::children);
}

awaitable<void> yield(benchmark::State& state) {
    group children{co_await asio::this_coro::executor};
    for (auto _ : state) {
        for (auto i = state.range(0); i != 0; --i) children.spawn(take_turns(workload::rounds));
        co_await children.join();
    }
    per_operation(state, state.range(0) * workload::rounds);
}

awaitable<void> wait_for(asio::steady_timer& gate) { co_await gate.async_wait(no_throw); }

awaitable<void> bytes_per_child(benchmark::State& state) {
    const auto executor = co_await asio::this_coro::executor;
    for (auto _ : state) {
        const workload::memory_growth growth;
        asio::steady_timer gate{executor, asio::steady_timer::time_point::max()};
        group children{executor};
        for (int i = 0; i != workload::live_children; ++i) children.spawn(wait_for(gate));
        co_await asio::post(use_awaitable);
        state.counters["bytes"] = growth.bytes() / workload::live_children;
        gate.cancel();
        co_await children.join();
    }
    per_operation(state, workload::live_children);
}

BENCHMARK(on_asio<spawn>)->Name("spawn/asio");
BENCHMARK(on_asio<yield>)->Name("yield/asio")->Arg(2)->Arg(1000);
BENCHMARK(on_asio<bytes_per_child>)->Name("bytes_per_child/asio")->Iterations(1);

// channel ----------------------------------------------------------------------------------------

using channel = asio::experimental::channel<void(asio::error_code, int)>;

awaitable<void> produce(channel& out) {
    for (int i = 0; i != workload::items; ++i) co_await out.async_send({}, i, use_awaitable);
    out.close();
}

awaitable<void> consume(channel& in) {
    for (;;) {
        const auto [closed, item] = co_await in.async_receive(no_throw);
        if (closed) co_return;
        benchmark::DoNotOptimize(item);
    }
}

awaitable<void> pass(benchmark::State& state) {
    const auto executor = co_await asio::this_coro::executor;
    for (auto _ : state) {
        channel numbers{executor, workload::capacity};
        group both{executor};
        both.spawn(produce(numbers));
        both.spawn(consume(numbers));
        co_await both.join();
    }
    per_operation(state, workload::items);
}

BENCHMARK(on_asio<pass>)->Name("channel/asio");

// sleep ------------------------------------------------------------------------------------------

awaitable<void> sleep_once(std::chrono::nanoseconds duration) {
    asio::steady_timer timer{co_await asio::this_coro::executor, duration};
    co_await timer.async_wait(no_throw);
}

awaitable<void> sleep(benchmark::State& state) {
    group children{co_await asio::this_coro::executor};
    for (auto _ : state) {
        workload::durations random;
        for (int i = 0; i != workload::sleepers; ++i) children.spawn(sleep_once(random.next()));
        co_await children.join();
    }
    per_operation(state, workload::sleepers);
}

void sleep_callbacks(benchmark::State& state) {
    for (auto _ : state) {
        asio::io_context context{ASIO_CONCURRENCY_HINT_UNSAFE};
        workload::durations random;
        std::deque<asio::steady_timer> timers;
        for (int i = 0; i != workload::sleepers; ++i)
            timers.emplace_back(context, random.next()).async_wait([](asio::error_code) {});
        context.run();
    }
    per_operation(state, workload::sleepers);
}

awaitable<void> sleep_cancelled(benchmark::State& state) {
    group children{co_await asio::this_coro::executor};
    for (auto _ : state) {
        workload::durations random;
        std::deque<asio::cancellation_signal> signals;
        for (int i = 0; i != workload::sleepers; ++i)
            children.spawn(sleep_once(random.next()), signals.emplace_back().slot());
        co_await asio::post(use_awaitable);
        for (auto& signal : signals) signal.emit(asio::cancellation_type::terminal);
        co_await children.join();
    }
    per_operation(state, workload::sleepers);
}

void timer_reset(benchmark::State& state) {
    asio::io_context context{ASIO_CONCURRENCY_HINT_UNSAFE};
    workload::durations random;
    std::deque<asio::steady_timer> outstanding;
    for (auto i = state.range(0); i != 0; --i)
        outstanding.emplace_back(context, random.next() + std::chrono::hours(1))
            .async_wait([](asio::error_code) {});
    context.poll();
    for (auto _ : state) {
        for (auto& timer : outstanding) {
            timer.expires_after(random.next() + std::chrono::hours(1));
            timer.async_wait([](asio::error_code) {});
        }
        context.poll();
    }
    per_operation(state, state.range(0));
}

BENCHMARK(on_asio<sleep>)->Name("sleep/asio")->Iterations(1);
BENCHMARK(sleep_callbacks)->Name("sleep/asio_callbacks")->Iterations(1);
BENCHMARK(on_asio<sleep_cancelled>)->Name("sleep_cancelled/asio")->Iterations(1);
BENCHMARK(timer_reset)->Name("timer_reset/asio")->Arg(10'000)->Arg(1'000'000);

} // namespace

BENCHMARK_MAIN();
