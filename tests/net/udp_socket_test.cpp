// SPDX-License-Identifier: MIT
#include <weft/net/udp_socket.hpp>

#include <array>
#include <chrono>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>

#include <weft/compose/with_timeout.hpp>

#include "support/catch.hpp"
#include "support/sockets.hpp"
#include "support/stepping_loop.hpp"

using namespace std::chrono_literals;
using weft::endpoint;
using weft::task;
using weft::this_loop;
using weft::udp_socket;

namespace {

task<> receives(udp_socket& from, std::string& log) {
    std::array<std::byte, 64> room;
    auto got = co_await from.receive_from(room);
    log += weft::text(std::span(room).first(got.size));
}
task<> sends(udp_socket& from, std::size_t size, endpoint to) {
    const std::vector<std::byte> data(size);
    co_await from.send_to(data, to);
}

} // namespace

TEMPLATE_TEST_CASE("datagrams arrive one by one, with their sender", "[net][udp_socket]",
                   SYSTEM_REACTORS) {
    run_on<TestType>([]() -> task<> {
        udp_socket ours(endpoint::loopback(0)), theirs(endpoint::loopback(0));
        std::array<std::byte, 64> room;

        const auto sent = co_await ours.send_to(weft::bytes("one"), theirs.local_endpoint());
        CHECK(sent == 3);
        co_await ours.send_to(weft::bytes(""), theirs.local_endpoint());
        co_await ours.send_to(weft::bytes("three"), theirs.local_endpoint());

        const auto one = co_await theirs.receive_from(room);
        CHECK(weft::text(std::span(room).first(one.size)) == "one");
        CHECK(one.from == ours.local_endpoint());
        const auto two = co_await theirs.receive_from(room);
        CHECK(two.size == 0);
        CHECK(two.from == ours.local_endpoint());
        const auto three = co_await theirs.receive_from(room);
        CHECK(weft::text(std::span(room).first(three.size)) == "three");
        CHECK_FALSE(three.truncated);
        CHECK((::fcntl(ours.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
    });
}

TEMPLATE_TEST_CASE("a receiver waits for a datagram", "[net][udp_socket]", SYSTEM_REACTORS) {
    run_on<TestType>([]() -> task<> {
        udp_socket ours(endpoint::loopback(0)), theirs(endpoint::loopback(0));
        std::string log;

        auto waiting = this_loop().spawn(receives(theirs, log));
        co_await settle();
        CHECK(log.empty());
        co_await ours.send_to(weft::bytes("hello"), theirs.local_endpoint());
        co_await waiting;

        CHECK(log == "hello");
    });
}

TEST_CASE("a datagram that is too large for the buffer says so", "[net][udp_socket]") {
    run_on([]() -> task<> {
        udp_socket ours(endpoint::loopback(0)), theirs(endpoint::loopback(0));
        std::array<std::byte, 4> room;
        co_await ours.send_to(weft::bytes("too large"), theirs.local_endpoint());
        co_await ours.send_to(weft::bytes("fits"), theirs.local_endpoint());

        const auto cut = co_await theirs.receive_from(room);
        CHECK(cut.size == 4);
        CHECK(cut.truncated);
        const auto whole = co_await theirs.receive_from(room);
        CHECK(weft::text(room) == "fits");
        CHECK_FALSE(whole.truncated);
    });
}

TEST_CASE("a connected socket talks to one peer", "[net][udp_socket]") {
    run_on([]() -> task<> {
        udp_socket ours(endpoint::loopback(0)), theirs(endpoint::loopback(0)),
            stranger(endpoint::loopback(0));
        CHECK(ours.remote_endpoint() == endpoint());
        ours.connect(theirs.local_endpoint());
        CHECK(ours.remote_endpoint() == theirs.local_endpoint());
        std::array<std::byte, 16> room;

        co_await ours.send(weft::bytes("ping"));
        const auto ping = co_await theirs.receive_from(room);
        CHECK(ping.size == 4);
        co_await stranger.send_to(weft::bytes("spam"), ours.local_endpoint());
        co_await theirs.send_to(weft::bytes("pong!"), ping.from);
        const auto pong = co_await ours.receive_from(room);
        CHECK(pong.size == 5);

        theirs.close();
        std::error_code code;
        co_await ours.send(weft::bytes("?"), code);
        CHECK_FALSE(code);
        co_await ours.receive_from(room, code);
        CHECK(code == std::errc::connection_refused);
    });
}

TEST_CASE("what cannot be sent or bound is an error that names the address", "[net][udp_socket]") {
    run_on([]() -> task<> {
        udp_socket socket(endpoint::loopback(0));
        const auto at = socket.local_endpoint();

        const auto large = co_await error_of(sends(socket, 70'000, at));
        CHECK(large == "sending a datagram to " + at.to_string() + ": Message too long");
        const auto broadcast = co_await error_of(sends(socket, 1, endpoint("255.255.255.255:9")));
        CHECK_THAT(broadcast, Catch::Matchers::StartsWith(
                                  "sending a datagram to 255.255.255.255:9: "));
        socket.set_broadcast(true);
        CHECK_THROWS_WITH(udp_socket(at),
                          "binding to " + at.to_string() + ": Address already in use");
        CHECK_THROWS_AS(udp_socket(endpoint("unix:/tmp/x")), std::system_error);
        CHECK_THROWS_AS(socket.connect(endpoint("[::1]:1")), std::system_error);
        socket.close();
        CHECK_THROWS_AS(socket.connect(at), std::system_error);
    });
}

TEMPLATE_TEST_CASE("a datagram socket that is closed fails who waits, once", "[net][udp_socket]",
                   SYSTEM_REACTORS) {
    run_on<TestType>([]() -> task<> {
        udp_socket socket(endpoint::loopback(0));
        const auto name = socket.local_endpoint().to_string();
        std::string log;
        auto waiting = this_loop().spawn(error_of(receives(socket, log)));
        co_await settle();
        const auto busy = co_await error_of(receives(socket, log));
        CHECK(busy == "receiving datagrams on " + name + ": somebody waits for this already");

        socket.close();
        const auto what = co_await waiting;
        CHECK(what == "receiving datagrams on " + name + ": Bad file descriptor");
        const auto later = co_await error_of(receives(socket, log));
        CHECK(later == "receiving datagrams: Bad file descriptor");
    });
}

TEST_CASE("a cancelled receive loses no datagram", "[net][udp_socket]") {
    run_on([]() -> task<> {
        udp_socket ours(endpoint::loopback(0)), theirs(endpoint::loopback(0));
        std::array<std::byte, 16> room;
        const auto none = co_await weft::try_for(1ms, theirs.receive_from(room));
        CHECK_FALSE(none);
        co_await ours.send_to(weft::bytes("kept"), theirs.local_endpoint());

        const auto got = co_await theirs.receive_from(room);
        CHECK(got.size == 4);
    });
}

TEST_CASE("datagrams end at every point, in every way", "[net][udp_socket]") {
    sweep_on_system([]() -> task<> {
        udp_socket ours(endpoint::loopback(0)), theirs(endpoint::loopback(0));
        std::string log;
        auto waiting = this_loop().spawn(receives(theirs, log));
        co_await settle();
        co_await ours.send_to(weft::bytes("hello"), theirs.local_endpoint());
        co_await waiting;
    });
}
