// SPDX-License-Identifier: MIT
//
// Everything in net/ that can be awaited, under all sweeps: see support/library_sweeps.hpp. Left
// out are Unix sockets, whose operations are those of TCP (accept.hpp, stream_operations.hpp), and
// TLS, whose library allocates as it likes.
#include <weft/net/buffered_reader.hpp>
#include <weft/net/buffered_writer.hpp>
#include <weft/net/connect.hpp>
#include <weft/net/duplex.hpp>
#include <weft/net/resolve.hpp>
#include <weft/net/send_file.hpp>
#include <weft/net/serve.hpp>
#include <weft/net/tcp_listener.hpp>
#include <weft/net/tcp_stream.hpp>
#include <weft/net/udp_socket.hpp>
#include <weft/net/write_all.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <weft/compose/with_task_group.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/core/error.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/endpoint.hpp>
#include <weft/sync/event.hpp>
#include <weft/testing/replace_operator_new.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>

#include "support/library_sweeps.hpp"
#include "support/streams.hpp"
#include "support/temporary.hpp"

using namespace library_sweeps;
using namespace std::chrono_literals;
using weft::bytes;
using weft::endpoint;
using weft::task_group;
using weft::tcp_listener;
using weft::tcp_stream;
using weft::text;
using weft::testing::tracked;

namespace {

/// Two tasks at the two ends of one connection.
struct connection : scenario {
    task<> run(simulation&) override {
        tcp_listener listener(endpoint::loopback(7));
        const auto body = [&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                auto stream = co_await listener.accept();
                listener.close();
                co_await serve(stream);
            });
            auto stream = co_await weft::connect(endpoint::loopback(7));
            co_await use(stream);
        };
        co_await weft::with_task_group(body);
    }
    // The port is free again.
    task<> check(ended) override {
        const tcp_listener listener(endpoint::loopback(7));
        require(listener.is_open(), "free afterwards");
        co_return;
    }

    virtual task<> serve(tcp_stream& stream) = 0;
    virtual task<> use(tcp_stream& stream) = 0;
};

/// The forms that throw at one end, those with codes and several buffers at the other.
struct streams : connection {
    task<> serve(tcp_stream& stream) override {
        std::array<std::byte, 1> first, second;
        const std::array<weft::mutable_buffer, 2> both{first, second};
        std::error_code error;
        while (!error) {
            const auto size = co_await stream.read_some(std::span(both), error);
            if (size == 0) break;
            const std::array<weft::const_buffer, 2> back{
                first, std::span(second).first(size - 1)};
            const auto sent = co_await stream.write_some(std::span(back), error);
            if (sent != size) stream.abort(); // not what was asked for: away with it
        }
        co_await stream.shutdown_write(error);
    }
    task<> use(tcp_stream& stream) override {
        const auto sent = co_await stream.write_some(bytes("abc"));
        co_await stream.shutdown_write();
        const auto got = co_await read_rest(stream, 8);
        require(std::string_view("abc").substr(0, sent).starts_with(got), "it comes back");
    }
};

int ten_bytes() {
    static const auto file = temporary_file("0123456789");
    return file.get();
}

struct all_and_exactly : connection {
    task<> serve(tcp_stream& stream) override {
        std::array<std::byte, 4> buffer;
        co_await weft::read_exactly(stream, buffer);
        require(text(buffer) == "ping", "what was sent");
        co_await weft::write_all(stream, "po", "n", "g");
        const auto sent = co_await weft::send_file(stream, ten_bytes(), 2, 100);
        require(sent == 8, "to the end of the file");
    }
    task<> use(tcp_stream& stream) override {
        co_await weft::write_all(stream, "ping");
        std::array<std::byte, 12> buffer;
        co_await weft::read_exactly(stream, buffer);
        require(text(buffer) == "pong23456789", "the answer");
        std::error_code error;
        const auto more = co_await weft::read_exactly(stream, buffer, error);
        require(error && more == 0, "there is no more");
    }
};

struct buffered_ends : connection {
    task<> serve(tcp_stream& stream) override {
        weft::buffered_writer writer(stream, 8);
        const auto lines = [&](const char* line) -> task<> {
            for (int i = 0; i < 2; ++i) co_await writer.write(line);
        };
        const auto body = [&](task_group& group) -> task<> {
            group.spawn(lines, "ab\n");
            group.spawn(lines, "cd\n");
            co_return;
        };
        co_await weft::with_task_group(body);
        co_await writer.flush();
        co_await writer.write("1,2,rest and nothing more");
        co_await writer.shutdown_write();
    }
    task<> use(tcp_stream& stream) override {
        weft::buffered_reader reader(stream);
        for (int i = 0; i < 4; ++i) {
            auto line = co_await reader.read_line();
            if (!line) co_return;
            require(*line == "ab" || *line == "cd", "whole lines");
        }
        for (const std::string_view expected : {"1", "2"}) {
            auto number = co_await reader.read_until(",");
            require(number == expected, "up to a comma");
        }
        std::array<std::byte, 4> four;
        co_await reader.read_exactly(four);
        require(text(four) == "rest", "four bytes");
        std::size_t size = 0;
        for (;;) {
            const auto more = co_await reader.read_some(four);
            if (more == 0) break;
            size += more;
        }
        require(size == std::string_view(" and nothing more").size(), "and what is left");
    }
};

/// The writer's forms with codes, two of them at once. What a fault leaves in the writer goes out
/// with the next flush, or never.
struct writer_with_codes : connection {
    static constexpr std::string_view last = "and more than it holds";
    bool has_failed = false;
    std::string got;

    task<> run(simulation& in) override {
        co_await connection::run(in);
        require(has_failed || got.size() == 2 * 2 * 3 + last.size(), "all has arrived");
    }
    task<> serve(tcp_stream& stream) override {
        weft::buffered_writer writer(stream, 8);
        const auto lines = [&](const char* line) -> task<> {
            std::error_code error = weft::errc::busy;
            for (int i = 0; i < 2; ++i) {
                co_await writer.write(line, error);
                note(error);
            }
        };
        const auto body = [&](task_group& group) -> task<> {
            group.spawn(lines, "ab\n");
            group.spawn(lines, "cd\n");
            co_return;
        };
        co_await weft::with_task_group(body);
        std::error_code error = weft::errc::busy;
        co_await writer.flush(error);
        note(error);
        require(error || writer.buffered() == 0, "out");
        co_await writer.write(last, error);
        note(error);
        co_await writer.shutdown_write(error);
        note(error);
        require(error || writer.buffered() == 0, "out");
    }
    task<> use(tcp_stream& stream) override {
        got = co_await read_rest(stream, 8);
        const auto lines = std::string_view(got).substr(0, 12);
        for (std::size_t i = 0; i + 3 <= lines.size(); i += 3) {
            const auto line = lines.substr(i, 3);
            require(has_failed || line == "ab\n" || line == "cd\n", "whole lines");
        }
        require(has_failed || got.ends_with(last), "and the rest");
    }
    void note(std::error_code error) {
        require(error != weft::errc::busy, "a new code");
        if (error) has_failed = true;
    }
};

/// By name, between two hosts, one of whose ports is closed.
struct connect_by_name : scenario {
    task<> run(simulation& in) override {
        auto& server = in.add_host("server");
        in.set_default_link({.latency = 1ms, .jitter = 1ms});
        server.spawn([]() -> task<> {
            tcp_listener listener(endpoint::any(7));
            for (;;) {
                std::error_code error;
                const auto stream = co_await listener.accept(error);
                if (error) co_await weft::sleep_for(1s);
            }
        });
        co_await weft::sleep_for(1s);
        auto addresses = co_await weft::resolve("server", "7");
        require(!addresses.empty() && addresses.front().port() == 7, "its address");
        auto stream = co_await weft::connect("server", 7);
        std::array<std::byte, 1> buffer;
        auto end = co_await weft::try_for(1min, stream.read_some(buffer));
        require(end == std::size_t(0), "it hangs up");
        std::error_code error;
        stream = co_await weft::connect("server", 8, error);
        require(error && !stream.is_open(), "refused");
        auto none = co_await weft::resolve("nobody", "7", error);
        require(error && none.empty(), "unknown");
    }
};

struct datagrams : scenario {
    bool answered = false;

    task<> run(simulation&) override {
        weft::udp_socket server(endpoint::loopback(7));
        const auto echo = [&]() -> task<> {
            std::array<std::byte, 8> buffer;
            for (;;) {
                std::error_code error;
                const auto got = co_await server.receive_from(buffer, error);
                if (error) continue;
                co_await server.send_to(std::span(buffer).first(got.size), got.from, error);
            }
        };
        const auto body = [&](task_group& group) -> task<> {
            auto serving = group.spawn(echo);
            weft::udp_socket client(endpoint::loopback(0));
            client.connect(endpoint::loopback(7));
            std::array<std::byte, 8> buffer;
            for (int tries = 0; tries < 3 && !answered; ++tries) {
                co_await client.send(bytes("hello"));
                auto got = co_await weft::try_for(1s, client.receive_from(buffer));
                if (!got) continue;
                require(text(std::span(buffer).first(got->size)) == "hello", "the same");
                answered = true;
            }
            serving.cancel();
        };
        co_await weft::with_task_group(body);
        require(answered, "an answer");
    }
};

struct served_clients : scenario {
    int handlers = 0, answers = 0;

    task<> run(simulation&) override {
        tcp_listener listener(endpoint::loopback(7));
        weft::event stop;
        const auto handler = [this](tcp_stream stream) -> task<> {
            const at_place here(handlers);
            require(handlers == 1, "one at a time");
            tracked local;
            std::array<std::byte, 1> buffer;
            co_await weft::read_exactly(stream, buffer);
            co_await weft::write_all(stream, "!");
        };
        const auto client = [this]() -> task<> {
            auto stream = co_await weft::connect(endpoint::loopback(7));
            co_await weft::write_all(stream, "?");
            std::array<std::byte, 1> buffer;
            std::error_code error;
            co_await weft::read_exactly(stream, buffer, error);
            if (!error) ++answers;
        };
        const auto body = [&](task_group& group) -> task<> {
            weft::serve_options options;
            options.max_connections = 1;
            options.drain = 1s;
            options.stop = &stop;
            group.spawn([&, options] { return weft::serve(listener, handler, options); });
            const auto clients = [&](task_group& all) -> task<> {
                for (int i = 0; i < 2; ++i) all.spawn(client);
                co_return;
            };
            co_await weft::with_task_group(clients);
            stop.set();
        };
        co_await weft::with_task_group(body);
        require(handlers == 0 && answers <= 2, "all have gone");
    }
    task<> check(ended how) override {
        require(handlers == 0, "no handler is left");
        require(how != ended::completely || answers >= 1, "both, but one that a fault has hit");
        const tcp_listener listener(endpoint::loopback(7));
        co_return;
    }
};

struct connection_in_memory : scenario {
    task<> run(simulation&) override {
        auto ends = weft::make_duplex(2);
        const auto writer = [](weft::duplex stream) -> task<> {
            co_await weft::write_all(stream, "abcde");
            co_await stream.shutdown_write();
            std::array<std::byte, 1> buffer;
            std::error_code error;
            const auto size = co_await stream.read_some(buffer, error);
            require(size == 0, "the end, or a reset");
        };
        const auto reader = [](weft::duplex stream) -> task<> {
            const auto got = co_await read_rest(stream, 8);
            require(std::string_view("abcde").starts_with(got), "in order");
        };
        const auto body = [&](task_group& group) -> task<> {
            group.spawn(writer, std::move(ends.first));
            group.spawn(reader, std::move(ends.second));
            co_return;
        };
        co_await weft::with_task_group(body);
    }
};

SWEEP_LIBRARY(streams, "tcp_stream, accept and connect")
SWEEP_LIBRARY(all_and_exactly, "write_all, read_exactly and send_file")
SWEEP_LIBRARY(buffered_ends, "buffered_reader and buffered_writer")
SWEEP_LIBRARY(writer_with_codes, "buffered_writer with codes")
SWEEP_LIBRARY(connect_by_name, "resolve and connect by name")
SWEEP_LIBRARY(datagrams, "udp_socket")
SWEEP_LIBRARY(served_clients, "serve")
SWEEP_LIBRARY(connection_in_memory, "duplex")

} // namespace
