// SPDX-License-Identifier: MIT
#include <weft/testing/fail_every_syscall.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/net/connect.hpp>
#include <weft/net/tcp_listener.hpp>
#include <weft/net/udp_socket.hpp>
#include <weft/net/write_all.hpp>
#include <weft/time/sleep.hpp>

#include "support/catch.hpp"
#include "support/failure_of.hpp"

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using weft::task;
using weft::testing::fail_every_syscall;
using weft::testing::simulation;

namespace {

task<> serve_echo() {
    for (;;) {
        try {
            weft::tcp_listener listener(weft::endpoint::any(7));
            for (;;) {
                auto stream = co_await listener.accept();
                std::array<std::byte, 64> buffer;
                std::error_code code;
                while (auto size = co_await stream.read_some(buffer, code)) {
                    co_await weft::write_all(stream, std::span(buffer).first(size));
                }
            }
        } catch (const std::system_error&) {}
        co_await weft::sleep_for(1s);
    }
}

} // namespace

TEST_CASE("a client and a server survive every fault of every call",
          "[testing][fail_every_syscall]") {
    int runs = 0, echoed = 0;
    fail_every_syscall([&](simulation& sim) -> task<> {
        ++runs;
        auto& server = sim.add_host("server");
        sim.set_default_link({.latency = 1ms});
        server.spawn(serve_echo);
        auto stream = co_await weft::connect("server", 7);
        co_await weft::write_all(stream, std::string_view("hello, world"));
        co_await stream.shutdown_write();
        std::string text;
        std::array<std::byte, 64> buffer;
        while (auto size = co_await stream.read_some(buffer))
            text += weft::text(std::span(buffer).first(size));
        if (text == "hello, world") ++echoed;
    });
    CHECK(runs > 30);
    CHECK(echoed > 10);
}

TEST_CASE("datagrams survive every fault of every call", "[testing][fail_every_syscall]") {
    fail_every_syscall([](simulation& sim) -> task<> {
        auto& other = sim.add_host("other");
        other.spawn([]() -> task<> {
            weft::udp_socket socket(weft::endpoint::any(53));
            std::array<std::byte, 64> buffer;
            for (;;) {
                std::error_code code;
                auto got = co_await socket.receive_from(buffer, code);
                const auto received = std::span(buffer).first(got.size);
                if (!code) co_await socket.send_to(received, got.from, code);
            }
        });
        weft::udp_socket socket(weft::endpoint::any(0));
        co_await socket.send_to(weft::bytes("who?"), other.at(53));
        std::array<std::byte, 64> buffer;
        co_await weft::try_for(1s, socket.receive_from(buffer));
    });
}

TEST_CASE("a mutant: a descriptor that a fault leaks is found", "[testing][fail_every_syscall]") {
    const auto text = failure_of([] {
        fail_every_syscall([](simulation& sim) -> task<> {
            auto& calls = sim.system().calls();
            const int fd = calls.socket(AF_INET, SOCK_STREAM, 0);
            if (fd < 0) co_return;
            const int on = 1;
            if (calls.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) < 0)
                co_return; // the bug: it stays open
            calls.close(fd);
        });
    });
    CHECK_THAT(text,
               ContainsSubstring("call 2 of 3, setsockopt: ENOBUFS: left over: 1 descriptors"));
}

TEST_CASE("a mutant: who takes a part for the whole is found", "[testing][fail_every_syscall]") {
    int wrong = 0;
    fail_every_syscall([&](simulation& sim) -> task<> {
        auto& server = sim.add_host("server");
        server.spawn([&]() -> task<> {
            weft::tcp_listener listener(weft::endpoint::any(7));
            auto stream = co_await listener.accept();
            std::array<std::byte, 64> buffer;
            std::error_code code;
            const auto size = co_await stream.read_some(buffer, code); // the bug: some is not all
            if (!code && size != 0 && size != 5) ++wrong;
        });
        auto stream = co_await weft::connect("server", 7);
        co_await weft::write_all(stream, std::string_view("hello"));
        co_await weft::sleep_for(1s);
    });
    CHECK(wrong == 2); // a byte was read, and a byte was written first
}
