// SPDX-License-Identifier: MIT
#include <weft/net/tcp_listener.hpp>

#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weft/compose/with_timeout.hpp>
#include <weft/core/error.hpp>
#include <weft/loop/unique_fd.hpp>
#include <weft/net/udp_socket.hpp>
#include <weft/net/unix_listener.hpp>

#include "support/catch.hpp"
#include "support/fork.hpp"
#include "support/sockets.hpp"

using namespace std::chrono_literals;
using weft::endpoint;
using weft::listen_options;
using weft::task;
using weft::tcp_listener;
using weft::tcp_stream;
using weft::this_loop;

namespace {

task<> accepts(tcp_listener& listener) { co_await listener.accept(); }

std::string error_of_listening(const endpoint& at, listen_options options = {}) {
    try {
        const tcp_listener listener(at, options);
        return "no error";
    } catch (const std::system_error& error) {
        return error.what();
    }
}

bool has_v6() {
    try {
        const tcp_listener listener(endpoint::loopback_v6(0));
        return true;
    } catch (const std::system_error&) {
        return false;
    }
}

} // namespace

TEMPLATE_TEST_CASE("a listener accepts connections, in the order in which they came",
                   "[net][tcp_listener]", SYSTEM_REACTORS) {
    run_on<TestType>([]() -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        CHECK(listener.local_endpoint().address() == "127.0.0.1");
        CHECK(listener.local_endpoint().port() != 0);

        auto first = co_await weft::connect(listener.local_endpoint());
        auto second = co_await weft::connect(listener.local_endpoint());
        auto a = co_await listener.accept();
        auto b = co_await listener.accept();

        CHECK(a.remote_endpoint() == first.local_endpoint());
        CHECK(b.remote_endpoint() == second.local_endpoint());
        CHECK((::fcntl(a.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
        CHECK((::fcntl(a.native_handle(), F_GETFL) & O_NONBLOCK) != 0);
        CHECK((::fcntl(listener.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
    });
}

TEMPLATE_TEST_CASE("accept waits for a connection", "[net][tcp_listener]", SYSTEM_REACTORS) {
    run_on<TestType>([]() -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        auto waiting = this_loop().spawn(accepts, std::ref(listener));
        co_await settle();
        CHECK_FALSE(waiting.done());

        auto client = co_await weft::connect(listener.local_endpoint());
        co_await waiting;
        CHECK(waiting.done());
    });
}

TEMPLATE_TEST_CASE("a cancelled accept loses no connection", "[net][tcp_listener]",
                   SYSTEM_REACTORS) {
    run_on<TestType>([]() -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        const auto none = co_await weft::try_for(1ms, listener.accept());
        CHECK_FALSE(none);
        auto client = co_await weft::connect(listener.local_endpoint());

        auto stream = co_await listener.accept();
        CHECK(stream.remote_endpoint() == client.local_endpoint());
    });
}

TEMPLATE_TEST_CASE("what is in the queue can be taken at once, and no more", "[net][tcp_listener]",
                   SYSTEM_REACTORS) {
    run_on<TestType>([]() -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        std::error_code code = weft::errc::busy;
        CHECK_FALSE(listener.try_accept());
        CHECK_FALSE(listener.try_accept(code));
        CHECK_FALSE(code);

        // The loop has not heard of them: nothing here lets it ask the system.
        const auto reach = [&] {
            weft::unique_fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            const auto at = listener.local_endpoint();
            REQUIRE(::connect(client.get(), at.data(), at.size()) == 0);
            return client;
        };
        const auto first = reach();
        const auto second = reach();
        auto one = listener.try_accept();
        auto two = listener.try_accept(code);
        CHECK_FALSE(listener.try_accept());
        REQUIRE(one);
        REQUIRE(two);
        CHECK_FALSE(code);
        const auto port_of = [](const weft::unique_fd& client) {
            sockaddr_storage name{};
            socklen_t size = sizeof name;
            ::getsockname(client.get(), reinterpret_cast<sockaddr*>(&name), &size);
            return endpoint(reinterpret_cast<const sockaddr*>(&name), size);
        };
        CHECK(one->remote_endpoint() == port_of(first));
        CHECK(two->remote_endpoint() == port_of(second));

        // It is a stream as any other, and the listener can still be waited for.
        auto waiting = this_loop().spawn(accepts, std::ref(listener));
        co_await settle();
        CHECK_FALSE(waiting.done());
        REQUIRE(::write(first.get(), "abc", 3) == 3);
        const auto text = co_await read_text(*one);
        CHECK(text == "abc");
        const auto third = reach();
        CHECK_FALSE(listener.try_accept()); // that is for who waits
        co_await waiting;
    });
}

TEST_CASE("who must not wait for a connection gets the errors of accept", "[net][tcp_listener]") {
    failing_calls calls;
    const auto main = [&]() -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        auto client = co_await weft::connect(listener.local_endpoint());
        const auto what = [&] {
            try {
                listener.try_accept();
            } catch (const std::system_error& error) {
                return std::string(error.what());
            }
            return std::string("no error");
        };
        const auto doing =
            "accepting a connection on " + listener.local_endpoint().to_string() + ": ";
        calls.on_accept = {EMFILE, ENFILE, EINTR, ECONNABORTED};
        std::error_code code;
        CHECK_FALSE(listener.try_accept(code));
        CHECK(code == std::errc::too_many_files_open);
        CHECK(what() == doing + std::system_category().message(ENFILE));
        const auto stream = listener.try_accept(code);
        CHECK_FALSE(code);
        REQUIRE(stream);
        CHECK(stream->remote_endpoint() == client.local_endpoint());

        listener.close();
        CHECK_FALSE(listener.try_accept(code));
        CHECK(code == std::errc::bad_file_descriptor);
        CHECK(what() == "accepting a connection: Bad file descriptor");
    };
    run_on(main, &calls);
}

TEMPLATE_TEST_CASE("a listener that is closed fails who waits, once", "[net][tcp_listener]",
                   SYSTEM_REACTORS) {
    run_on<TestType>([]() -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        const auto name = listener.local_endpoint().to_string();
        auto waiting = this_loop().spawn(error_of(accepts(listener)));
        auto refused = this_loop().spawn(error_of(accepts(listener)));
        co_await settle();
        CHECK(refused.done());

        listener.close();
        listener.close();
        const auto what = co_await waiting;
        CHECK(what == "accepting a connection on " + name + ": Bad file descriptor");
        const auto busy = co_await refused;
        CHECK(busy == "accepting a connection on " + name + ": somebody waits for this already");
        const auto later = co_await error_of(accepts(listener));
        CHECK(later == "accepting a connection: Bad file descriptor");
        CHECK_FALSE(listener.is_open());
        CHECK_THROWS_AS(listener.local_endpoint(), std::system_error);
    });
}

TEST_CASE("an address that cannot be listened on is an error that names it",
          "[net][tcp_listener]") {
    run_on([]() -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        const auto used = listener.local_endpoint();

        CHECK(error_of_listening(used) ==
              "listening on " + used.to_string() + ": Address already in use");
        CHECK(error_of_listening(endpoint("192.0.2.1:0")) ==
              "listening on 192.0.2.1:0: Cannot assign requested address");
        CHECK(error_of_listening(endpoint("unix:/tmp/x")) ==
              "listening on unix:/tmp/x: Address family not supported by protocol");
        CHECK(error_of_listening(endpoint()) ==
              "listening on nowhere: Address family not supported by protocol");
        co_return;
    });
}

TEST_CASE("a system without a socket left names the address that was to be listened on",
          "[net][tcp_listener]") {
    failing_calls calls;
    calls.on_socket = {EMFILE, EMFILE, EMFILE};
    const auto main = []() -> task<> {
        const auto full = ": " + std::system_category().message(EMFILE);
        CHECK(error_of_listening(endpoint("127.0.0.1:80")) == "listening on 127.0.0.1:80" + full);
        CHECK_THROWS_WITH(weft::unix_listener("@name"), "listening on unix:@name" + full);
        CHECK_THROWS_WITH(weft::udp_socket(endpoint("127.0.0.1:53")),
                          "binding to 127.0.0.1:53" + full);
        co_return;
    };
    run_on(main, &calls);
}

TEST_CASE("a port can be listened on again at once", "[net][tcp_listener]") {
    run_on([]() -> task<> {
        endpoint at;
        {
            tcp_listener listener(endpoint::loopback(0));
            at = listener.local_endpoint();
            auto client = co_await weft::connect(at);
            auto stream = co_await listener.accept();
            stream.close(); // first, so that its port would stay blocked for a minute
            co_await read_text(client);
        }
        CHECK(error_of_listening(at) == "no error");
    });
}

TEST_CASE("several listeners may share a port", "[net][tcp_listener]") {
    run_on([]() -> task<> {
        tcp_listener first(endpoint::loopback(0), {.reuse_port = true});

        tcp_listener second(first.local_endpoint(), {.backlog = 16, .reuse_port = true});
        CHECK(second.local_endpoint() == first.local_endpoint());
        CHECK_THAT(error_of_listening(first.local_endpoint()),
                   Catch::Matchers::EndsWith("Address already in use"));
        co_return;
    });
}

TEST_CASE("a listener of IPv6 serves IPv4 as well, unless told otherwise", "[net][tcp_listener]") {
    run_on([]() -> task<> {
        if (!has_v6()) {
            WARN("no IPv6 here");
            co_return;
        }
        tcp_listener both(endpoint::any_v6(0));
        auto client = co_await weft::connect(endpoint::loopback(both.local_endpoint().port()));
        auto stream = co_await both.accept();
        CHECK(stream.remote_endpoint().address() == "::ffff:127.0.0.1");

        tcp_listener six(endpoint::any_v6(0), {.only_v6 = true});
        const auto port = six.local_endpoint().port();
        std::error_code code;
        co_await weft::connect(endpoint::loopback(port), code);
        CHECK(code == std::errc::connection_refused);
        auto other = co_await weft::connect(endpoint::loopback_v6(port));
        CHECK(other.remote_endpoint().to_string() == "[::1]:" + std::to_string(port));
    });
}

TEST_CASE("a backlog is a number, too", "[net][tcp_listener]") {
    run_on([]() -> task<> {
        tcp_listener listener(endpoint::loopback(0), 1);
        auto client = co_await weft::connect(listener.local_endpoint());
        auto stream = co_await listener.accept();
        CHECK(stream.is_open());
    });
}

TEST_CASE("a listener can be moved", "[net][tcp_listener]") {
    run_on([]() -> task<> {
        tcp_listener first(endpoint::loopback(0));
        const auto at = first.local_endpoint();
        tcp_listener second(std::move(first));
        CHECK_FALSE(first.is_open());
        auto client = co_await weft::connect(at);
        auto stream = co_await second.accept();
        CHECK(stream.is_open());
    });
}

TEST_CASE("a full table of descriptors loses no connection", "[net][tcp_listener]") {
    run_on([]() -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        // Once before: a sanitizer that meets a type for the first time needs a descriptor.
        std::error_code code;
        auto early = co_await weft::connect(listener.local_endpoint());
        auto accepted = co_await listener.accept(code);
        auto client = co_await weft::connect(listener.local_endpoint());
        std::vector<weft::unique_fd> all;
        rlimit limit, before;
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
        limit = before;
        limit.rlim_cur = 64;
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
        for (int fd; (fd = ::dup(listener.native_handle())) >= 0;) all.emplace_back(fd);

        auto none = co_await listener.accept(code);
        all.clear();
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
        CHECK(code == std::errc::too_many_files_open);
        auto stream = co_await listener.accept();

        CHECK(stream.remote_endpoint() == client.local_endpoint());
    });
}

TEST_CASE("a child of fork that ends its copy leaves the parent's alone", "[net][tcp_listener]") {
    auto loop = std::make_unique<weft::event_loop>();
    auto listener = std::make_unique<tcp_listener>(*loop, endpoint::loopback(0));
    const auto at = listener->local_endpoint();

    const int exit_code = exit_code_of([&] {
        listener.reset();
        loop.reset();
        return 0;
    });
    CHECK(exit_code == 0);
    loop->run([&]() -> task<> {
        auto waiting = this_loop().spawn(accepts, std::ref(*listener));
        co_await settle();
        auto client = co_await weft::connect(at);
        co_await weft::with_timeout(10s, waiting.wait());
        CHECK(waiting.done());
    });
    listener.reset();
}
