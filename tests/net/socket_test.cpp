// SPDX-License-Identifier: MIT
#include <weft/net/socket.hpp>

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>

#include "support/catch.hpp"
#include "support/sockets.hpp"

using weft::endpoint;
using weft::task;
using weft::this_loop;
using weft::unique_socket;

TEST_CASE("a socket does not block and is closed by exec", "[net][socket]") {
    run_on([]() -> task<> {
        const unique_socket socket(this_loop(), AF_INET, SOCK_STREAM);

        CHECK(socket.is_open());
        CHECK((::fcntl(socket.fd(), F_GETFL) & O_NONBLOCK) != 0);
        CHECK((::fcntl(socket.fd(), F_GETFD) & FD_CLOEXEC) != 0);
        co_return;
    });
}

TEST_CASE("a socket is closed once", "[net][socket]") {
    run_on([]() -> task<> {
        unique_socket socket(this_loop(), AF_INET, SOCK_STREAM);
        const int number = socket.fd();

        socket.close();
        CHECK_FALSE(socket.is_open());
        CHECK(socket.fd() == -1);
        CHECK(::fcntl(number, F_GETFD) == -1);

        const unique_socket next(this_loop(), AF_INET, SOCK_STREAM);
        CHECK(next.fd() == number);
        socket.close();
        CHECK(::fcntl(number, F_GETFD) != -1);
        co_return;
    });
}

TEST_CASE("a moved socket takes everything along", "[net][socket]") {
    run_on([]() -> task<> {
        unique_socket first(this_loop(), AF_INET, SOCK_STREAM);
        const int number = first.fd();
        const auto address = endpoint("10.1.2.3:4");
        first.set_peer(address.data(), address.size());

        unique_socket second(std::move(first));
        CHECK(second.fd() == number);
        CHECK(second.peer() == address);
        CHECK_FALSE(first.is_open());

        unique_socket third(this_loop(), AF_INET, SOCK_STREAM);
        const int replaced = third.fd();
        third = std::move(second);
        CHECK(third.fd() == number);
        CHECK(::fcntl(replaced, F_GETFD) == -1);
        auto& self = third;
        third = std::move(self);
        CHECK(third.fd() == number);
        co_return;
    });
}

TEST_CASE("a socket remembers the IP address of its peer", "[net][socket]") {
    unique_socket socket;
    CHECK(socket.peer() == endpoint());
    for (const auto* text : {"10.1.2.3:4", "255.254.0.1:65280", "[fd00:1:2:3:4:5:6:7]:80",
                             "[::ffff:10.0.0.7]:9", "[fe80::1%70000]:65535"}) {
        INFO(text);
        const endpoint address(text);
        socket.set_peer(address.data(), address.size());
        CHECK(socket.peer() == address);
        CHECK(socket.peer().size() == address.size());
        CHECK(socket.peer().to_string() == text);
        socket.set_peer(address.data(), sizeof(sockaddr_storage)); // more than it has
        CHECK(socket.peer() == address);
    }
}

TEST_CASE("a socket remembers no peer that has no whole IP address", "[net][socket]") {
    unique_socket socket;
    const endpoint before("[fe80::1%7]:80");
    for (const auto* text : {"unix:/run/socket", "unix:@abstract"}) {
        const endpoint path(text);
        socket.set_peer(before.data(), before.size());
        socket.set_peer(path.data(), path.size());
        CHECK(socket.peer() == endpoint());
    }
    for (const auto* text : {"10.1.2.3:4", "[fd00::7]:80"}) {
        const endpoint address(text);
        socket.set_peer(before.data(), before.size());
        socket.set_peer(address.data(), address.size() - 1);
        CHECK(socket.peer() == endpoint());
    }
}

TEST_CASE("a socket that the system refuses is an error", "[net][socket]") {
    failing_calls calls;
    calls.on_socket = {EMFILE};
    const auto main = []() -> task<> {
        CHECK_THROWS_WITH(unique_socket(this_loop(), AF_INET, SOCK_STREAM),
                          Catch::Matchers::ContainsSubstring("opening a socket"));
        co_return;
    };
    run_on(main, &calls);
}

TEST_CASE("a descriptor that cannot be registered is closed", "[net][socket]") {
    run_on([]() -> task<> {
        auto& calls = this_loop().system().calls();
        // A regular file: epoll accepts none, the loop does; a closed number is refused by all.
        unique_socket wrong(calls, 9999);
        CHECK_THROWS_AS(wrong.attach(this_loop()), std::system_error);
        CHECK(wrong.is_open());
        co_return;
    });
}

TEST_CASE("options are numbers that the system keeps", "[net][socket]") {
    run_on([]() -> task<> {
        unique_socket socket(this_loop(), AF_INET, SOCK_STREAM);

        socket.set_option(SOL_SOCKET, SO_KEEPALIVE, 1, "setting");
        CHECK(socket.option(SOL_SOCKET, SO_KEEPALIVE, "asking") != 0);
        CHECK_THROWS_WITH(socket.set_option(SOL_SOCKET, 9999, 1, "setting what is not"),
                          Catch::Matchers::ContainsSubstring("setting what is not"));
        CHECK_THROWS_WITH(socket.option(SOL_SOCKET, 9999, "asking what is not"),
                          Catch::Matchers::ContainsSubstring("asking what is not"));
        socket.close();
        CHECK_THROWS_AS(socket.set_option(SOL_SOCKET, SO_KEEPALIVE, 1, "setting"),
                        std::system_error);
        co_return;
    });
}

TEST_CASE("a socket knows where it is until it is closed", "[net][socket]") {
    run_on([]() -> task<> {
        unique_socket socket(this_loop(), AF_INET, SOCK_STREAM);
        const auto at = endpoint::loopback(0);
        REQUIRE(socket.calls().bind(socket.fd(), at.data(), at.size()) == 0);

        CHECK(socket.local_endpoint().address() == "127.0.0.1");
        CHECK(socket.local_endpoint().port() != 0);
        CHECK(socket.peer() == endpoint());
        socket.close();
        CHECK_THROWS_AS(socket.local_endpoint(), std::system_error);
        co_return;
    });
}
