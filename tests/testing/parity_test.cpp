// SPDX-License-Identifier: MIT
//
// The simulated network does what the system does: the same scenario, on both, says the same.
#include <weft/testing/simulation.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <weft/compose/when_all.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/run.hpp>
#include <weft/net/connect.hpp>
#include <weft/net/tcp_listener.hpp>
#include <weft/net/udp_socket.hpp>
#include <weft/net/write_all.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using weft::endpoint;
using weft::task;
using weft::tcp_listener;
using weft::tcp_stream;
using weft::testing::simulation;

namespace {

using transcript = std::vector<std::string>;

void say(transcript& log, std::string_view what, std::error_code code) {
    log.push_back(std::string(what) + ": " + (code ? code.message() : "well"));
}

task<> read(transcript& log, tcp_stream& from) {
    std::array<std::byte, 64> buffer;
    std::error_code code;
    const auto size = co_await from.read_some(buffer, code);
    if (code)
        say(log, "read", code);
    else
        log.push_back("read: " + std::string(weft::text(std::span(buffer).first(size))));
}

task<> write(transcript& log, tcp_stream& to, std::string_view what) {
    std::error_code code;
    co_await to.write_some(weft::bytes(what), code);
    say(log, "write", code);
}

struct connection {
    tcp_stream ours, theirs;
};
task<connection> make_connection() {
    tcp_listener listener(endpoint::loopback(0));
    auto ours = co_await weft::connect(listener.local_endpoint());
    auto theirs = co_await listener.accept();
    co_return connection{std::move(ours), std::move(theirs)};
}

// Until what was sent has arrived, on either network.
task<> settle() {
    co_await weft::sleep_for(20ms);
}

template <class F> void check_parity(F scenario) {
    const auto run = [&](auto& loop) {
        transcript log;
        loop.run([&] { return scenario(log); });
        return log;
    };
    simulation sim;
    const auto simulated = run(sim);
    weft::event_loop loop;
    const auto real = run(loop);
    CHECK(simulated == real);
    CHECK_FALSE(real.empty());
    CHECK(sim.system_of_hosts().open_descriptors() == 0);
}

} // namespace

TEST_CASE("parity: bytes go both ways, and each direction ends by itself", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        auto both = co_await make_connection();
        co_await write(log, both.ours, "ping");
        co_await read(log, both.theirs);
        co_await both.ours.shutdown_write();
        co_await read(log, both.theirs);
        co_await read(log, both.theirs);
        co_await write(log, both.theirs, "pong");
        co_await read(log, both.ours);
        co_await write(log, both.ours, "too late");
        both.theirs.close();
        co_await read(log, both.ours);
        co_await read(log, both.ours);
    });
}

TEST_CASE("parity: nobody listens", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        std::optional<tcp_listener> listener(std::in_place, endpoint::loopback(0));
        const auto at = listener->local_endpoint();
        listener.reset();
        std::error_code code;
        auto stream = co_await weft::connect(at, code);
        say(log, "connect", code);
    });
}

TEST_CASE("parity: a port is taken", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        const auto listen = [&](endpoint at) {
            std::error_code code;
            try {
                tcp_listener second(at);
            } catch (const std::system_error& error) {
                code = error.code();
            }
            say(log, "listen", code);
        };
        listen(listener.local_endpoint());
        listen(endpoint::any(listener.local_endpoint().port()));
        listen(endpoint("192.0.2.1:0"));
        co_return;
    });
}

TEST_CASE("parity: closed with something unread, the peer is reset", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        auto both = co_await make_connection();
        co_await write(log, both.ours, "never read");
        co_await settle();
        both.theirs.close();
        co_await settle();
        co_await read(log, both.ours);
        co_await read(log, both.ours);
        co_await write(log, both.ours, "more");
    });
}

TEST_CASE("parity: aborted, what was sent is read, then the reset", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        auto both = co_await make_connection();
        co_await write(log, both.theirs, "last words");
        co_await settle();
        both.theirs.abort();
        co_await settle();
        co_await read(log, both.ours);
        co_await read(log, both.ours);
        co_await read(log, both.ours);
        co_await write(log, both.ours, "more");
    });
}

TEST_CASE("parity: the peer has closed, and one goes on writing", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        auto both = co_await make_connection();
        both.theirs.close();
        co_await settle();
        co_await read(log, both.ours);
        co_await write(log, both.ours, "one");
        co_await settle();
        co_await write(log, both.ours, "two");
        co_await read(log, both.ours);
    });
}

TEST_CASE("parity: a reader that waits hears of data, of the end, and of a reset",
          "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        auto both = co_await make_connection();
        weft::task_group group;
        group.spawn([&]() -> task<> {
            for (int i = 0; i < 2; ++i) co_await read(log, both.ours);
        });
        co_await settle();
        co_await write(log, both.theirs, "hello");
        co_await settle();
        co_await both.theirs.shutdown_write();
        co_await group.join();

        auto others = co_await make_connection();
        group.spawn([&]() -> task<> { co_await read(log, others.ours); });
        co_await settle();
        others.theirs.abort();
        co_await group.join();
    });
}

TEST_CASE("parity: a writer waits for its reader, and all arrives", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        auto both = co_await make_connection();
        constexpr std::size_t size = 8 << 20;
        std::vector<std::byte> data(size);
        for (std::size_t i = 0; i != size; ++i) data[i] = static_cast<std::byte>(i * 7 / 3);
        bool written = false;
        weft::task_group group;
        group.spawn([&]() -> task<> {
            co_await weft::write_all(both.ours, std::span<const std::byte>(data));
            written = true;
            co_await both.ours.shutdown_write();
        });
        co_await settle();
        log.push_back(written ? "written" : "waits");
        std::vector<std::byte> got;
        std::vector<std::byte> buffer(100'000);
        while (auto count = co_await both.theirs.read_some(buffer))
            got.insert(got.end(), buffer.begin(),
                       buffer.begin() + static_cast<std::ptrdiff_t>(count));
        log.push_back(written ? "written" : "waits");
        log.push_back(got == data ? "equal" : "different");
        co_await group.join();
    });
}

TEST_CASE("parity: connections that nobody has accepted are reset when the listener closes",
          "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        std::optional<tcp_listener> listener(std::in_place, endpoint::loopback(0));
        auto stream = co_await weft::connect(listener->local_endpoint());
        co_await settle();
        listener.reset();
        co_await settle();
        co_await read(log, stream);
    });
}

TEST_CASE("parity: addresses of both ends", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        tcp_listener listener(endpoint::any(0));
        log.push_back(listener.local_endpoint().address());
        const auto port = listener.local_endpoint().port();
        auto ours = co_await weft::connect(endpoint::loopback(port));
        auto theirs = co_await listener.accept();
        log.push_back(ours.local_endpoint().address());
        log.push_back(theirs.local_endpoint().address());
        log.push_back(ours.local_endpoint() == theirs.remote_endpoint() ? "same" : "other");
        log.push_back(ours.remote_endpoint() == theirs.local_endpoint() ? "same" : "other");

        tcp_listener both(endpoint::any_v6(0));
        auto four = co_await weft::connect(endpoint::loopback(both.local_endpoint().port()));
        auto peer = co_await both.accept();
        log.push_back(peer.remote_endpoint().address());
    });
}

TEST_CASE("parity: datagrams", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        weft::udp_socket server(endpoint::loopback(0));
        std::optional<weft::udp_socket> client(std::in_place, endpoint::loopback(0));
        const auto to = server.local_endpoint();
        for (const std::string_view text : {"first", "a longer one", ""})
            co_await client->send_to(weft::bytes(text), to);
        std::array<std::byte, 8> buffer;
        for (int i = 0; i < 3; ++i) {
            const auto got = co_await server.receive_from(buffer);
            log.push_back(std::string(weft::text(std::span(buffer).first(got.size))) +
                          (got.truncated ? " cut" : ""));
            log.push_back(got.from == client->local_endpoint() ? "from it" : "from elsewhere");
        }
        const std::vector<std::byte> large(70'000);
        std::error_code code;
        co_await client->send_to(large, to, code);
        say(log, "large", code);

        weft::udp_socket connected(endpoint::loopback(0));
        connected.connect(client->local_endpoint());
        client.reset();
        co_await connected.send(weft::bytes("anybody?"));
        co_await settle();
        co_await connected.receive_from(buffer, code);
        say(log, "nobody", code);
    });
}
