// SPDX-License-Identifier: MIT
//
// What does a connection cost that does nothing? A server and, in a process of its own, since each
// end takes a descriptor, a client that opens many connections, holds them for a while, and then
// sends a message a second on each.
//
//     idle_connections [CONNECTIONS [SECONDS]]
//
// Prints the bytes of the server's memory per connection, a buffer of 128 bytes and what the kernel
// keeps aside; the percentage of a core that it took while nothing was sent; then the messages that
// were echoed, and how many should have been.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <span>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weft/compose/when_any.hpp>
#include <weft/compose/with_task_group.hpp>
#include <weft/coro/task.hpp>
#include <weft/loop/run.hpp>
#include <weft/loop/wait_readable.hpp>
#include <weft/net/connect.hpp>
#include <weft/net/serve.hpp>
#include <weft/net/tcp_listener.hpp>
#include <weft/net/tcp_stream.hpp>
#include <weft/net/write_all.hpp>
#include <weft/sync/event.hpp>
#include <weft/time/sleep.hpp>

namespace {

struct experiment {
    int connections = 10'000;
    std::chrono::seconds duration{10};
    std::array<int, 2> to_client{}; // a pipe: the port; then, when it shall begin, anything

    long messages() const { return connections * static_cast<long>(duration.count()); }
};

using message = std::array<std::byte, 64>;

// Each connection once a second, at a time of its own.
weft::task<> send_messages(weft::tcp_stream server, const experiment& plan,
                           weft::time_point begin) {
    for (int second = 0; second != plan.duration.count(); ++second) {
        co_await weft::sleep_until(begin + std::chrono::seconds(second));
        message echoed{};
        co_await weft::write_all(server, echoed);
        co_await weft::read_exactly(server, echoed);
    }
}

weft::task<> client(const experiment& plan) {
    std::uint16_t port = 0;
    if (::read(plan.to_client[0], &port, sizeof port) != sizeof port) std::abort();
    std::vector<weft::tcp_stream> connections;
    for (int i = 0; i != plan.connections; ++i)
        connections.push_back(co_await weft::connect(weft::endpoint::loopback(port)));
    co_await weft::wait_readable(plan.to_client[0]);

    co_await weft::with_task_group([&](weft::task_group& group) -> weft::task<> {
        const auto begin = weft::loop_clock::now();
        for (int i = 0; i != plan.connections; ++i) {
            const auto offset = weft::duration(std::chrono::seconds(i)) / plan.connections;
            group.spawn(send_messages(std::move(connections[static_cast<std::size_t>(i)]), plan,
                                      begin + offset));
        }
        co_return;
    });
}

struct tally {
    int connections = 0;
    long messages = 0;
    weft::event complete; // all connections are there
    weft::event over;     // all have ended
};

struct echo {
    static constexpr std::size_t buffer_size = 128;

    const experiment* expected;
    tally* counted;

    // By reference: `serve` keeps the client for as long as this runs, so it need not be moved out.
    weft::task<> operator()(weft::tcp_stream&& client) const {
        if (++counted->connections == expected->connections) counted->complete.set();
        std::array<std::byte, buffer_size> buffer;
        for (;;) {
            const std::size_t size = co_await client.read_some(buffer);
            if (size == 0) break;
            co_await weft::write_all(client, std::span(buffer).first(size));
            ++counted->messages;
        }
        if (--counted->connections == 0) counted->over.set();
    }
};

double resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    double total = 0, resident = 0, shared = 0;
    statm >> total >> resident >> shared;
    return (resident - shared) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

weft::task<> measure(const experiment& plan, tally& counted) {
    const double memory = resident_bytes();
    co_await counted.complete.wait();
    std::printf("%.0f", (resident_bytes() - memory) / plan.connections - echo::buffer_size);

    const double cpu = cpu_seconds();
    co_await weft::sleep_for(plan.duration);
    const double percent =
        (cpu_seconds() - cpu) * 100 / static_cast<double>(plan.duration.count());
    std::printf(" %.3f", percent);

    if (::write(plan.to_client[1], "", 1) != 1) std::abort();
    co_await counted.over.wait();
    std::printf(" %ld %ld\n", counted.messages, plan.messages());
}

weft::task<> server(const experiment& plan) {
    weft::tcp_listener listener(weft::endpoint::loopback(0));
    const std::uint16_t port = listener.local_endpoint().port();
    if (::write(plan.to_client[1], &port, sizeof port) != sizeof port) std::abort();
    tally counted;
    const auto clients = static_cast<std::size_t>(plan.connections);
    auto serving = weft::serve(listener, echo{&plan, &counted}, {.max_connections = clients});
    co_await weft::when_any(std::move(serving), measure(plan, counted));
}

void allow_many_descriptors() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

} // namespace

int main(int argc, char** argv) {
    experiment plan;
    if (argc > 1) plan.connections = std::atoi(argv[1]);
    if (argc > 2) plan.duration = std::chrono::seconds(std::atoi(argv[2]));
    allow_many_descriptors();
    if (::pipe(plan.to_client.data()) != 0) return 1;
    const pid_t child = ::fork();
    try {
        if (child == 0) {
            ::close(plan.to_client[1]); // a server that is gone ends the waiting
            weft::run(client(plan));
            return 0;
        }
        weft::run(server(plan));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "idle_connections: %s\n", error.what());
        return 1;
    }
    int status = 0;
    return ::waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}
