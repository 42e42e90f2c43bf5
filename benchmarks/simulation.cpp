// SPDX-License-Identifier: MIT
//
// How fast does time pass in a simulation? A thousand hosts; each sends a datagram to the next one
// every ten seconds, which is answered, through links that are slow, uneven and lossy:
//   simulated_hours         hours of them all per second, which is the counter hours_per_second
//   simulated_hours_asleep  the same of hosts that only sleep, ten seconds at a time
//   simulated_step          the first again, per resumption
#include <benchmark/benchmark.h>
#include <weft/compose/with_timeout.hpp>
#include <weft/net/udp_socket.hpp>
#include <weft/testing/simulation.hpp>
#include <weft/time/sleep.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ratio>
#include <span>
#include <string>

#include "workload.hpp"

namespace {

using namespace std::chrono_literals;

namespace woven {

using weft::testing::simulation;

constexpr int hosts = 1000;
constexpr std::uint16_t port = 7;
constexpr auto period = 10s;
constexpr weft::duration minute = 1min;

weft::task<> answer() {
    weft::udp_socket socket(weft::endpoint::any(port));
    std::array<std::byte, 64> buffer;
    for (;;) {
        const auto got = co_await socket.receive_from(buffer);
        co_await socket.send_to(std::span(buffer).first(got.size), got.from);
    }
}

weft::task<> ask(weft::endpoint next, std::uint64_t& answers) {
    weft::udp_socket socket(weft::endpoint::any(0));
    std::array<std::byte, 64> buffer{};
    for (;;) {
        co_await weft::sleep_for(period);
        co_await socket.send_to(std::span(buffer).first(16), next);
        const auto got = co_await weft::try_for(1s, socket.receive_from(buffer));
        if (got) ++answers;
    }
}

weft::task<> idle(std::uint64_t& wakes) {
    for (;; ++wakes) co_await weft::sleep_for(period);
}

enum class unit { hour, resumption };

template <unit Unit, bool Talks> void simulate(benchmark::State& state) {
    simulation sim(1);
    sim.set_default_link({.latency = 20ms, .jitter = 5ms, .loss = 0.001});
    std::uint64_t done = 0;
    for (int i = 0; i != hosts; ++i) sim.add_host("host" + std::to_string(i));
    for (int i = 0; i != hosts; ++i) {
        auto& host = *sim.find_host("host" + std::to_string(i));
        auto& next = *sim.find_host("host" + std::to_string((i + 1) % hosts));
        if (Talks) {
            host.spawn(answer);
            host.spawn(ask, next.at(port), std::ref(done));
        } else {
            host.spawn(idle, std::ref(done));
        }
    }
    sim.advance(minute);
    workload::heap_allocations = 0;

    const auto steps_before = sim.steps();
    for (auto _ : state) sim.advance(minute);
    using hours_of = std::chrono::duration<double, std::ratio<3600>>;
    const double hours = hours_of(minute).count() * static_cast<double>(state.iterations());
    const auto steps = static_cast<double>(sim.steps() - steps_before);
    if (done == 0) state.SkipWithError("nothing happened");

    const auto rate = [](double count) {
        return benchmark::Counter(count, benchmark::Counter::kIsRate);
    };
    const double items = Unit == unit::hour ? hours : steps;
    state.counters["items_per_second"] = rate(items);
    if (Unit == unit::hour) state.counters["hours_per_second"] = rate(hours);
    state.counters["steps_per_second"] = rate(steps);
    state.counters["allocations"] = static_cast<double>(workload::heap_allocations) / steps;
}

} // namespace woven

BENCHMARK(woven::simulate<woven::unit::hour, true>)->Name("simulated_hours/weft");
BENCHMARK(woven::simulate<woven::unit::hour, false>)->Name("simulated_hours_asleep/weft");
BENCHMARK(woven::simulate<woven::unit::resumption, true>)->Name("simulated_step/weft");

} // namespace
