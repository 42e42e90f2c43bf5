// SPDX-License-Identifier: MIT
//
// What every side of a question does equally often, and how it is counted.
//
// A side's answer is a loop over benchmark::State that says how many operations an iteration was.
// It is registered as QUESTION/SIDE, which is how benchmarks/run knows what to compare:
//
//     BENCHMARK(on_floor<await>)->Name("await/floor");
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <new>
#include <random>
#include <string>
#include <utility>

namespace workload {

/// Calls of `operator new` since it was last asked.
inline std::size_t heap_allocations = 0;

inline constexpr int batch = 1000; // so that the loop itself does not count
inline constexpr int depth = 1000; // of the chain of awaits
inline constexpr int fibonacci_of = 25;
inline constexpr int fibonacci_calls = 242'785; // by the naive recursion
inline constexpr int children = 100'000;        // spawned and joined
inline constexpr int live_children = 1'000'000; // all waiting at once
inline constexpr int rounds = 100;              // yields of a task
inline constexpr int items = 10'000;            // through the channel
inline constexpr std::size_t capacity = 64;     // of the channel
inline constexpr int sleepers = 1'000'000;

/// Random durations below a second, the same ones for every side.
class durations {
public:
    std::chrono::nanoseconds next() { return std::chrono::nanoseconds(random_() % 1'000'000'000); }

private:
    std::minstd_rand random_;
};

/// Says what an iteration was. With it goes how often an operation has allocated from the heap;
/// what a loop or a pool allocates once vanishes in that average.
inline void per_operation(benchmark::State& state, std::int64_t operations_per_iteration) {
    const auto operations = state.iterations() * operations_per_iteration;
    state.SetItemsProcessed(operations);
    state.counters["allocations"] =
        static_cast<double>(std::exchange(heap_allocations, 0)) / static_cast<double>(operations);
}

/// By how much the peak of the process's resident memory has grown since it was made: it only sees
/// what is larger than anything before, so a side needs a process of its own.
class memory_growth {
public:
    double bytes() const { return peak() - before_; }

private:
    static double peak() {
        std::ifstream status("/proc/self/status");
        double kibibytes = 0;
        for (std::string word; status >> word;)
            if (word == "VmHWM:" && status >> kibibytes) break;
        return kibibytes * 1024;
    }
    double before_ = peak();
};

} // namespace workload

// Every benchmark is one source file, so that this header may replace the program's operator new.
[[gnu::noinline]] void* operator new(std::size_t size) {
    ++workload::heap_allocations;
    if (void* const memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
