// SPDX-License-Identifier: MIT
#include <weft/net/tls_stream.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>

#include <weft/compose/when_all.hpp>
#include <weft/compose/when_all_settled.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/core/error.hpp>
#include <weft/coro/task.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/buffered_reader.hpp>
#include <weft/net/duplex.hpp>
#include <weft/net/tls_context.hpp>
#include <weft/net/write_all.hpp>
#include <weft/testing/tracked.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/run.hpp"
#include "support/streams.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using weft::duplex;
using weft::task;
using weft::tls_context;

namespace {

using secure = weft::tls_stream<duplex>;
static_assert(weft::reporting_stream<secure>);

tls_context server_context(const std::string& name = "server") {
    const auto& files = certificates::instance();
    return tls_context::server(files.path(name + ".pem"), files.path(name + ".key"));
}
tls_context client_context() {
    return tls_context::client(certificates::instance().path("ca.pem"));
}

/// Two ends that have shaken hands. There has to be room for a server's tickets, which its client
/// does not wait for.
struct ends {
    secure client, server;
};
task<ends> connect(std::size_t capacity = 65536) {
    auto below = weft::make_duplex(capacity);
    secure client(std::move(below.first), client_context(), "localhost");
    secure server(std::move(below.second), server_context());
    co_await weft::when_all(client.handshake(), server.handshake());
    co_return ends{std::move(client), std::move(server)};
}

/// What the handshakes of both ends fail with; "" if they do not.
struct failures {
    std::string client, server;
};
failures shake_hands(const tls_context& client, const tls_context& server, std::string host) {
    failures result;
    run([&]() -> task<> {
        auto below = weft::make_duplex();
        auto connecting = weft::tls_connect(std::move(below.first), client, host);
        auto accepting = weft::tls_accept(std::move(below.second), server);
        const auto serve = [&]() -> task<> {
            auto ours = co_await std::move(accepting);
            co_await read_rest(ours); // TLS 1.3: the client is done before its certificate is seen
            co_await ours.shutdown_write();
        };
        const auto ask = [&]() -> task<> {
            auto ours = co_await std::move(connecting);
            co_await ours.shutdown_write();
            co_await read_rest(ours);
        };
        auto settled = co_await weft::when_all_settled(ask(), serve());
        if (auto* error = std::get<0>(settled).error_as<std::system_error>())
            result.client = error->what();
        if (auto* error = std::get<1>(settled).error_as<std::system_error>())
            result.server = error->what();
    });
    return result;
}

std::string what_fails(auto body) {
    std::string what;
    run([&]() -> task<> {
        auto settled = co_await weft::when_all_settled(body());
        if (auto* error = std::get<0>(settled).template error_as<std::exception>())
            what = error->what();
    });
    return what;
}

/// Ends a conversation at every point: `client` and `server` get a stream, before its handshake.
void sweep_conversation(auto client, auto server) {
    const auto trusting = client_context();
    const auto certified = server_context();
    sweep([&]() -> task<> {
        const weft::testing::tracked local;
        auto below = weft::make_duplex(1000);
        secure ours(std::move(below.first), trusting, "localhost");
        secure theirs(std::move(below.second), certified);
        co_await weft::when_all(client(ours), server(theirs));
    });
}

} // namespace

TEST_CASE("text goes both ways, encrypted, and ends with close_notify", "[net][tls_stream]") {
    run([]() -> task<> {
        auto both = co_await connect();
        co_await weft::write_all(both.client, "question");
        std::string text = co_await read_text(both.server);
        CHECK(text == "question");
        co_await weft::write_all(both.server, "ans", "wer");
        co_await both.server.shutdown_write();
        text = co_await read_rest(both.client);
        CHECK(text == "answer");

        // Half closed: the other direction goes on.
        co_await weft::write_all(both.client, "thanks");
        co_await both.client.shutdown_write();
        text = co_await read_rest(both.server);
        CHECK(text == "thanks");
    });
}

TEST_CASE("what goes over the stream below is not the text", "[net][tls_stream]") {
    run([]() -> task<> {
        auto both = co_await connect();
        co_await weft::write_all(both.client, "top secret");
        const std::string wire = co_await read_text(both.server.below(), 1000);
        CHECK(wire.size() > 10);
        CHECK(wire.find("secret") == std::string::npos);
    });
}

TEST_CASE("a megabyte each way at once, through little room", "[net][tls_stream]") {
    run([]() -> task<> {
        auto both = co_await connect(2000);
        std::string much;
        for (int i = 0; i < 100'000; ++i) much += "0123456789"[i % 10];
        for (int i = 0; i < 3; ++i) much += much;
        const auto send = [&](secure& to) -> task<> {
            co_await weft::write_all(to, much);
            co_await to.shutdown_write();
        };
        auto results =
            co_await weft::when_all(send(both.client), send(both.server),
                                    read_rest(both.client, 5000), read_rest(both.server, 5000));
        CHECK(std::get<2>(results) == much);
        CHECK(std::get<3>(results) == much);
    });
}

TEST_CASE("several branches may write, and buffered readers work on it", "[net][tls_stream]") {
    run([]() -> task<> {
        auto both = co_await connect(2000);
        std::string lines;
        const std::string one = std::string(3000, '1') + '\n', two = std::string(3000, '2') + '\n';
        const auto read = [&]() -> task<> {
            weft::buffered_reader reader(both.server);
            while (auto line = co_await reader.read_line()) lines.append(*line).append("\n");
        };
        const auto write = [&]() -> task<> {
            co_await weft::when_all(weft::write_all(both.client, one),
                                    weft::write_all(both.client, two));
            co_await both.client.shutdown_write();
        };
        co_await weft::when_all(read(), write());
        CHECK(lines == one + two);
    });
}

TEST_CASE("names, wildcards and addresses are checked", "[net][tls_stream]") {
    const auto client = client_context(), server = server_context();
    for (const char* good : {"localhost", "www.example.test", "127.0.0.1"}) {
        INFO(good);
        const auto result = shake_hands(client, server, good);
        CHECK(result.client == "");
        CHECK(result.server == "");
    }
    for (const char* bad :
         {"example.com", "a.b.example.test", "example.test", "127.0.0.2", "::1"}) {
        const auto result = shake_hands(client, server, bad);
        CHECK_THAT(result.client, ContainsSubstring(std::string("handshake with ") + bad));
        CHECK_THAT(result.client, ContainsSubstring("mismatch"));
        CHECK_THAT(result.client, ContainsSubstring("certificate verify failed"));
        CHECK_THAT(result.server, ContainsSubstring("alert"));
    }
}

TEST_CASE("what a certificate calls its subject is not a name of a server", "[net][tls_stream]") {
    const auto result = shake_hands(client_context(), server_context("client"), "client");
    CHECK_THAT(result.client, ContainsSubstring("hostname mismatch"));
}

TEST_CASE("a certificate that nobody vouches for is refused, with the reason",
          "[net][tls_stream]") {
    auto result = shake_hands(client_context(), server_context("stranger"), "localhost");
    CHECK_THAT(result.client, ContainsSubstring("self-signed certificate"));
    CHECK_THAT(result.server, ContainsSubstring("unknown ca"));

    result = shake_hands(client_context(), server_context("expired"), "localhost");
    CHECK_THAT(result.client, ContainsSubstring("certificate has expired"));

    // By default only those are trusted whom the system trusts.
    result = shake_hands(tls_context::client(), server_context(), "localhost");
    CHECK_THAT(result.client, ContainsSubstring("certificate verify failed"));
}

TEST_CASE("a client that trusts anybody does", "[net][tls_stream]") {
    auto client = client_context();
    client.trust_anybody();
    const auto result = shake_hands(client, server_context("stranger"), "");
    CHECK(result.client == "");
    CHECK(result.server == "");
}

TEST_CASE("a client that verifies has to know whom it talks to", "[net][tls_stream]") {
    auto below = weft::make_duplex();
    CHECK_THROWS_AS(secure(std::move(below.first), client_context()), std::invalid_argument);
}

TEST_CASE("a server may insist on a certificate of its clients", "[net][tls_stream]") {
    const auto& files = certificates::instance();
    auto server = server_context();
    server.trust(files.path("ca.pem"));
    server.require_client_certificate();
    auto client = client_context();

    auto result = shake_hands(client, server, "localhost");
    CHECK_THAT(result.server, ContainsSubstring("peer did not return a certificate"));
    CHECK_THAT(result.client, ContainsSubstring("certificate required"));

    client.use_certificate(files.path("stranger.pem"), files.path("stranger.key"));
    result = shake_hands(client, server, "localhost");
    CHECK_THAT(result.server, ContainsSubstring("self-signed certificate"));

    client.use_certificate(files.path("client.pem"), files.path("client.key"));
    result = shake_hands(client, server, "localhost");
    CHECK(result.server == "");
    CHECK(result.client == "");
}

TEST_CASE("a peer that does not speak TLS is an error", "[net][tls_stream]") {
    const auto context = client_context();
    const auto what = what_fails([&]() -> task<> {
        auto below = weft::make_duplex();
        co_await weft::write_all(below.second, "HTTP/1.1 400 Bad Request\r\n\r\n");
        auto stream = co_await weft::tls_connect(std::move(below.first), context, "localhost");
    });
    CHECK_THAT(what, ContainsSubstring("handshake with localhost"));
    CHECK_THAT(what, ContainsSubstring("wrong version number"));
}

TEST_CASE("a stream that is cut off is an error, not its end", "[net][tls_stream]") {
    auto what = what_fails([]() -> task<> {
        auto both = co_await connect();
        co_await weft::write_all(both.server, "half of i");
        co_await both.server.below().shutdown_write(); // without close_notify
        const std::string text = co_await read_text(both.client);
        CHECK(text == "half of i");
        co_await read_text(both.client);
    });
    CHECK_THAT(what, ContainsSubstring("cut off by localhost"));

    what = what_fails([]() -> task<> {
        auto below = weft::make_duplex();
        const auto context = client_context();
        below.second.close();
        auto stream = co_await weft::tls_connect(std::move(below.first), context, "localhost");
    });
    CHECK(what != "");
}

TEST_CASE("errors are stored where that is wanted, and success clears them", "[net][tls_stream]") {
    run([]() -> task<> {
        auto below = weft::make_duplex();
        secure client(std::move(below.first), client_context(), "localhost");
        secure server(std::move(below.second), server_context());
        std::array<std::byte, 64> into{};
        std::error_code code, other = weft::errc::busy;
        std::size_t size = co_await client.read_some(into, code);
        CHECK(size == 0);
        CHECK(code == std::errc::not_connected);
        code.clear();
        size = co_await weft::write_all(client, "x", code);
        CHECK(size == 0);
        CHECK(code == std::errc::not_connected);
        code.clear();
        co_await client.shutdown_write(code);
        CHECK(code == std::errc::not_connected);

        co_await weft::when_all(client.handshake(code), server.handshake(other));
        CHECK_FALSE(code);
        CHECK_FALSE(other);
        code = other = weft::errc::busy;
        size = co_await weft::write_all(client, "question", code);
        CHECK(size == 8);
        CHECK_FALSE(code);
        size = co_await server.read_some(into, other);
        CHECK(size == 8);
        CHECK_FALSE(other);

        code = weft::errc::busy;
        co_await client.shutdown_write(code);
        CHECK_FALSE(code);
        size = co_await server.read_some(into, other);
        CHECK(size == 0);
        CHECK_FALSE(other); // it has said so

        co_await server.below().shutdown_write(); // that one has not
        size = co_await client.read_some(into, code);
        CHECK(size == 0);
        CHECK(&code.category() == &weft::tls_category());
        client.close();
        size = co_await client.read_some(into, code);
        CHECK(code == std::errc::bad_file_descriptor);
        size = co_await server.write_some(weft::bytes("nobody reads this"), other);
        CHECK(size == 0);
        CHECK(other == std::errc::broken_pipe);
        co_await server.shutdown_write(other);
        CHECK(other == std::errc::broken_pipe);
    });
}

TEST_CASE("a handshake that fails stores why, at both ends", "[net][tls_stream]") {
    const auto shake = [](const char* name, const std::string& certificate) {
        std::pair<std::error_code, std::error_code> result;
        run([&]() -> task<> {
            auto below = weft::make_duplex();
            secure client(std::move(below.first), client_context(), name);
            secure server(std::move(below.second), server_context(certificate));
            const auto accept = [&]() -> task<> {
                co_await server.handshake(result.second);
                std::array<std::byte, 8> into{};
                // TLS 1.3: the server is done before it learns what the client thinks of it.
                if (!result.second) co_await server.read_some(into, result.second);
            };
            co_await weft::when_all(client.handshake(result.first), accept());
        });
        return result;
    };
    const auto result = shake("localhost", "stranger");
    CHECK(&result.first.category() == &weft::tls_category());
    CHECK_THAT(result.first.message(), ContainsSubstring("certificate verify failed"));
    CHECK_THAT(result.second.message(), ContainsSubstring("unknown ca"));

    run([]() -> task<> {
        auto below = weft::make_duplex();
        secure client(std::move(below.first), client_context(), "localhost");
        below.second.close();
        std::error_code code;
        co_await client.handshake(code);
        CHECK(code == std::errc::broken_pipe);

        below = weft::make_duplex();
        secure other(std::move(below.first), client_context(), "localhost");
        co_await below.second.shutdown_write();
        co_await other.handshake(code);
        CHECK(&code.category() == &weft::tls_category());
    });
}

TEST_CASE("what was changed on the way is an error", "[net][tls_stream]") {
    run([]() -> task<> {
        auto both = co_await connect();
        co_await weft::write_all(both.server.below(), std::string("\x17\x03\x03\0\x20", 5),
                                 std::string(32, 'x'));
        std::array<std::byte, 64> into{};
        std::error_code code;
        co_await both.client.read_some(into, code);
        CHECK_THAT(code.message(), ContainsSubstring("bad record mac"));
    });
    const auto what = what_fails([]() -> task<> {
        auto both = co_await connect();
        // A record of the right type and length, but not of ours.
        co_await weft::write_all(both.server.below(), std::string("\x17\x03\x03\0\x20", 5),
                                 std::string(32, 'x'));
        std::string text = co_await read_text(both.client);
        text = co_await read_text(both.client);
    });
    CHECK_THAT(what, ContainsSubstring("reading from localhost"));
    CHECK_THAT(what, ContainsSubstring("bad record mac"));
}

TEST_CASE("nothing can be read or written before the handshake", "[net][tls_stream]") {
    run([]() -> task<> {
        auto below = weft::make_duplex();
        secure client(std::move(below.first), client_context(), "localhost");
        auto settled = co_await weft::when_all_settled(
            read_text(client), weft::write_all(client, "x"), client.shutdown_write());
        CHECK(std::get<0>(settled).error_as<std::system_error>()->code() ==
              std::errc::not_connected);
        CHECK(std::get<1>(settled).error());
        CHECK(std::get<2>(settled).error());
    });
}

TEST_CASE("a cancelled read loses nothing, and a cancelled handshake goes on when called again",
          "[net][tls_stream]") {
    run([]() -> task<> {
        auto below = weft::make_duplex();
        secure client(std::move(below.first), client_context(), "localhost");
        secure server(std::move(below.second), server_context());
        auto done = co_await weft::try_for(1s, client.handshake());
        CHECK_FALSE(done);
        co_await weft::when_all(client.handshake(), server.handshake());

        auto nothing = co_await weft::try_for(1s, read_text(client));
        CHECK_FALSE(nothing);
        co_await weft::write_all(server, "all of it");
        const std::string text = co_await read_text(client);
        CHECK(text == "all of it");
    });
}

TEST_CASE("what a cancelled write has begun is sent whole", "[net][tls_stream]") {
    run([]() -> task<> {
        auto both = co_await connect(2000);
        const std::string many(5000, 'a');
        auto done = co_await weft::try_for(1s, weft::write_all(both.client, many));
        CHECK_FALSE(done);
        const auto send = [&]() -> task<> {
            co_await weft::write_all(both.client, "b");
            co_await both.client.shutdown_write();
        };
        auto results = co_await weft::when_all(send(), read_rest(both.server));
        CHECK(std::get<1>(results) == many + "b"); // no record was torn
    });
}

TEST_CASE("new keys in mid-stream are agreed on while both sides read and write",
          "[net][tls_stream]") {
    run([]() -> task<> {
        auto both = co_await connect();
        for (int round = 0; round < 3; ++round) {
            REQUIRE(SSL_key_update(both.client.engine().native_handle(),
                                   SSL_KEY_UPDATE_REQUESTED) == 1);
            co_await weft::write_all(both.client, "ping");
            std::string text = co_await read_text(both.server);
            CHECK(text == "ping");
            co_await weft::write_all(both.server, "pong");
            text = co_await read_text(both.client);
            CHECK(text == "pong");
        }
    });
}

TEST_CASE("closing and aborting are the stream's below", "[net][tls_stream]") {
    run([]() -> task<> {
        auto both = co_await connect();
        both.client.abort();
        CHECK_FALSE(both.client.below().is_open());
        auto settled = co_await weft::when_all_settled(read_text(both.server));
        CHECK(std::get<0>(settled).error_as<std::system_error>()->code() ==
              std::errc::connection_reset);
        both.server.close();
        CHECK_FALSE(both.server.below().is_open());
    });
}

TEST_CASE("a TLS conversation can end at any point", "[net][tls_stream]") {
    const auto ask = [](secure& stream) -> task<> {
        co_await stream.handshake();
        co_await weft::write_all(stream, "question");
        co_await stream.shutdown_write();
        co_await read_rest(stream);
    };
    const auto answer = [](secure& stream) -> task<> {
        co_await stream.handshake();
        const std::string question = co_await read_rest(stream);
        co_await weft::write_all(stream, question);
        co_await stream.shutdown_write();
    };
    sweep_conversation(ask, answer);
}

TEST_CASE("a TLS conversation that stores its errors can end at any point", "[net][tls_stream]") {
    const auto talk = [](secure& stream) -> task<> {
        std::error_code code;
        std::array<std::byte, 8> into{};
        co_await stream.handshake(code);
        co_await weft::write_all(stream, "question", code);
        co_await stream.shutdown_write(code);
        co_await weft::read_exactly(stream, into, code);
    };
    sweep_conversation(talk, talk);
}
