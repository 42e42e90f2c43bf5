// SPDX-License-Identifier: MIT
//
// Unix sockets and pipes of simulated hosts, as far as they differ from the system's: there are
// several hosts, and they crash. What they have in common is in parity_test.cpp.
#include <weft/testing/virtual_files.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

#include <weft/compose/when_all.hpp>
#include <weft/coro/task.hpp>
#include <weft/net/connect.hpp>
#include <weft/net/send_file.hpp>
#include <weft/net/unix_listener.hpp>
#include <weft/net/write_all.hpp>
#include <weft/os/pipe.hpp>
#include <weft/os/spawn_process.hpp>
#include <weft/testing/cancel_everywhere.hpp>
#include <weft/testing/explore.hpp>
#include <weft/testing/fail_every_syscall.hpp>
#include <weft/testing/simulation.hpp>
#include <weft/time/sleep.hpp>

#include "support/catch.hpp"
#include "support/streams.hpp"

using namespace std::chrono_literals;
using weft::task;
using weft::unix_listener;
using weft::testing::simulation;

namespace {

task<std::error_code> code_of_connecting(std::string path) {
    std::error_code code;
    auto stream = co_await weft::connect_unix(std::move(path), code);
    co_return code;
}

/// Says hello to everybody who connects, for ever.
task<> greet(std::string path) {
    unix_listener listener(path);
    for (;;) {
        auto stream = co_await listener.accept();
        std::error_code code; // somebody only asks whether it is there
        co_await weft::write_all(stream, "hello", code);
    }
}

task<> serve_although_calls_fail(std::string path) {
    for (;;) {
        try {
            unix_listener listener(path);
            for (;;) {
                auto stream = co_await listener.accept();
                std::array<std::byte, 64> buffer;
                while (auto size = co_await stream.read_some(buffer))
                    co_await weft::write_all(stream, std::span(buffer).first(size));
            }
        } catch (const std::system_error&) {
        }
        co_await weft::sleep_for(1s);
    }
}

} // namespace

TEST_CASE("a unix socket is seen on its own host only", "[testing][virtual_files]") {
    simulation sim;
    auto& one = sim.add_host("one");
    auto& other = sim.add_host("other");
    const auto connects = [](std::string path) -> task<std::string> {
        std::error_code code;
        auto stream = co_await weft::connect_unix(std::move(path), code);
        std::string text = code.message();
        if (!code) text = co_await read_text(stream);
        co_return text;
    };
    sim.run([&]() -> task<> {
        for (const std::string path : {"/run/greeter", "@greeter"}) {
            one.spawn(greet, path);
            co_await weft::testing::all_tasks_blocked();
            auto near = one.spawn(connects, path);
            const auto greeting = co_await near;
            CHECK(greeting == "hello");
            auto far = other.spawn(connects, path);
            const auto error = co_await far;
            CHECK((error == "No such file or directory" || error == "Connection refused"));
            const auto outside = co_await connects(path);
            CHECK(outside == error);
            auto both = other.spawn(greet, path); // no conflict
            co_await weft::testing::all_tasks_blocked();
            CHECK_FALSE(both.done());
        }
    });
}

TEST_CASE("paths of hosts are not those of the machine", "[testing][virtual_files]") {
    simulation sim;
    const std::string path = "/weft/no/such/folder/socket";
    sim.run([&]() -> task<> {
        const unix_listener listener(path);
        struct ::stat found;
        CHECK(sim.system().calls().lstat(path.c_str(), &found) == 0);
        CHECK(::lstat(path.c_str(), &found) != 0);
        CHECK(sim.system().calls().lstat("/dev/null", &found) == -ENOENT);
        co_return;
    });
}

TEST_CASE("a host that crashes leaves its sockets' files, and no abstract name",
          "[testing][virtual_files]") {
    simulation sim;
    auto& server = sim.add_host("server");
    sim.run([&]() -> task<> {
        server.spawn(greet, std::string("/run/greeter"));
        server.spawn(greet, std::string("@greeter"));
        co_await weft::testing::all_tasks_blocked();
        server.crash();
        server.restart();

        for (const std::string path : {"/run/greeter", "@greeter"}) {
            auto attempt = server.spawn(code_of_connecting, path);
            auto code = co_await attempt;
            CHECK(code == std::errc::connection_refused);
            server.spawn(greet, path); // takes the file that is left
            co_await weft::testing::all_tasks_blocked();
            auto again = server.spawn(code_of_connecting, path);
            code = co_await again;
            CHECK_FALSE(code);
        }
    });
}

TEST_CASE("a host that crashes while its connections are used", "[testing][virtual_files]") {
    simulation sim;
    auto& server = sim.add_host("server");
    sim.run([&]() -> task<> {
        for (int round = 0; round != 3; ++round) {
            server.spawn(greet, std::string("@greeter"));
            server.spawn([]() -> task<> {
                auto stream = co_await weft::connect_unix("@greeter");
                auto pipe = weft::make_pipe();
                const auto write = [&]() -> task<> {
                    for (;;) co_await weft::write_all(pipe.second, std::string(1000, 'x'));
                };
                const auto read = [&]() -> task<> {
                    co_await read_text(stream);
                    unix_listener listener("/run/own");
                    co_await listener.accept();
                };
                co_await weft::when_all(write(), read());
            });
            co_await weft::testing::all_tasks_blocked();
            CHECK(sim.system_of_hosts().open_descriptors() > 3);
            server.crash();
            CHECK(sim.system_of_hosts().open_descriptors() == 0);
            server.restart();
        }
    });
}

TEST_CASE("no descriptor is left for a pipe", "[testing][virtual_files]") {
    simulation sim;
    sim.run([&]() -> task<> {
        for (const std::size_t left : {0u, 1u}) {
            sim.system_of_hosts().set_descriptor_limit(left);
            CHECK_THROWS_AS(weft::make_pipe(), std::system_error);
        }
        sim.system_of_hosts().set_descriptor_limit(2);
        auto ends = weft::make_pipe();
        CHECK(sim.system_of_hosts().open_descriptors() == 2);
        co_return;
    });
}

TEST_CASE("a file goes into a simulated unix socket", "[testing][virtual_files]") {
    simulation sim;
    sim.run([&]() -> task<> {
        const weft::unique_fd file(::open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC));
        unix_listener listener("@file");
        auto to = co_await weft::connect_unix("@file");
        auto from = co_await listener.accept();
        const auto sent = co_await weft::send_file(to, file.get(), 0, 4);
        CHECK(sent == 4);
        const auto text = co_await read_text(from);
        CHECK(text.size() == 4);
    });
}

TEST_CASE("whoever is next, unix sockets and pipes carry all there is",
          "[testing][virtual_files]") {
    const auto scenario = [](simulation& sim) -> task<> {
        auto& host = sim.add_host("host");
        host.spawn(serve_although_calls_fail, std::string("/run/echo"));
        auto pass = host.spawn([]() -> task<> {
            co_await weft::sleep_for(1ms);
            auto ends = weft::make_pipe();
            auto stream = co_await weft::connect_unix("/run/echo");
            const std::string much(300'000, 'm');
            const auto feed = [&]() -> task<> {
                co_await weft::write_all(ends.second, much);
                ends.second.close();
            };
            const auto forward = [&]() -> task<> {
                for (;;) {
                    const auto part = co_await read_text(ends.first, 64);
                    if (part.empty()) break;
                    co_await weft::write_all(stream, part);
                }
                co_await stream.shutdown_write();
            };
            auto results = co_await weft::when_all(feed(), forward(), read_rest(stream, 64));
            const auto& got = std::get<2>(results);
            if (got != much) throw std::runtime_error("got " + std::to_string(got.size()));
        });
        co_await pass;
    };
    CHECK_NOTHROW(weft::testing::explore(5, scenario));
}

TEST_CASE("unix sockets and pipes survive every cancel, every drop, and every fault",
          "[testing][virtual_files]") {
    int runs = 0, echoed = 0;
    const auto scenario = [&](simulation& sim) -> task<> {
        ++runs;
        auto& host = sim.add_host("host");
        host.spawn(serve_although_calls_fail, std::string("/run/echo"));
        auto client = host.spawn([&]() -> task<> {
            co_await weft::sleep_for(1ms);
            auto ends = weft::make_pipe();
            auto stream = co_await weft::connect_unix("/run/echo");
            co_await weft::write_all(stream, "hello, world");
            co_await stream.shutdown_write();
            const auto fill = [&]() -> task<> {
                for (;;) {
                    const auto part = co_await read_text(stream);
                    if (part.empty()) break;
                    co_await weft::write_all(ends.second, part);
                }
                ends.second.close();
            };
            auto results = co_await weft::when_all(fill(), read_rest(ends.first, 64));
            if (std::get<1>(results) == "hello, world") ++echoed;
        });
        co_await client;
    };
    weft::testing::cancel_everywhere(scenario);
    weft::testing::destroy_everywhere(scenario);
    const int before = std::exchange(runs, 0);
    CHECK(before > 20);
    echoed = 0;
    weft::testing::fail_every_syscall(scenario);
    CHECK(runs > 60);
    CHECK(echoed > 20);
}

TEST_CASE("the calls that concern paths and pipes can fail, too", "[testing][virtual_files]") {
    using weft::testing::call_kind;
    for (int kind = 0; kind <= static_cast<int>(call_kind::look_up); ++kind) {
        INFO(name_of(static_cast<call_kind>(kind)));
        CHECK_FALSE(faults_of(static_cast<call_kind>(kind)).empty());
    }
    CHECK(std::string_view(name_of(call_kind::unlink)) == "unlink");
    CHECK(std::string_view(name_of(call_kind::look_up)) == "getaddrinfo");
}

TEST_CASE("a simulated host starts no programs", "[testing][virtual_files]") {
    simulation world;
    world.run([]() -> task<> {
        std::error_code code;
        try {
            weft::spawn_process({"true"});
        } catch (const std::system_error& error) {
            code = error.code();
        }
        CHECK(code == std::errc::function_not_supported);
        co_return;
    });
}
