// SPDX-License-Identifier: MIT
#include <weft/net/tls_engine.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>

#include <weft/net/buffer.hpp>
#include <weft/net/tls_context.hpp>

#include "support/catch.hpp"
#include "support/certificates.hpp"

using weft::tls_context;
using weft::tls_engine;

namespace {

/// Carries what `from` has to say to `to`, `piece` bytes at a time. Returns how many.
std::size_t carry(tls_engine& from, tls_engine& to, std::size_t piece = 1000) {
    std::array<std::byte, 1000> bytes;
    std::size_t all = 0;
    while (const auto size = from.take_output(std::span(bytes).first(piece))) {
        to.feed(std::span(bytes).first(size));
        all += size;
    }
    return all;
}

struct both {
    tls_context client_context = tls_context::client(certificates::instance().path("ca.pem"));
    tls_context server_context = tls_context::server(certificates::instance().path("server.pem"),
                                                     certificates::instance().path("server.key"));
    tls_engine client{client_context, "localhost"};
    tls_engine server{server_context};

    void shake_hands(std::size_t piece = 1000) {
        for (int round = 0; round < 10 && !(client.is_up() && server.is_up()); ++round) {
            if (!client.is_up()) client.handshake();
            carry(client, server, piece);
            if (!server.is_up()) server.handshake();
            carry(server, client, piece);
        }
        REQUIRE(client.is_up());
        REQUIRE(server.is_up());
    }
};

std::optional<std::string> read_text(tls_engine& from) {
    std::string into(64, '?');
    const auto size = from.read(std::as_writable_bytes(std::span(into)));
    if (!size) return std::nullopt;
    return into.substr(0, *size);
}

} // namespace

TEST_CASE("two engines agree and pass text, whatever the pieces", "[net][tls_engine]") {
    const auto piece = GENERATE(std::size_t{1}, std::size_t{13}, std::size_t{1000});
    both ends;
    ends.shake_hands(piece);

    CHECK_FALSE(read_text(ends.server));
    CHECK(ends.client.write(weft::bytes("hello")) == 5);
    CHECK(ends.client.has_output());
    carry(ends.client, ends.server, piece);
    CHECK_FALSE(ends.client.has_output());
    CHECK(read_text(ends.server) == "hello");
    CHECK_FALSE(read_text(ends.server));
}

TEST_CASE("a write takes one record at most", "[net][tls_engine]") {
    both ends;
    ends.shake_hands();
    CHECK(ends.client.write(weft::bytes(std::string(100'000, 'x'))) == 16384);
    CHECK(ends.client.write({}) == 0);
}

TEST_CASE("the end is said once and heard behind what was written", "[net][tls_engine]") {
    both ends;
    ends.shake_hands();
    ends.client.write(weft::bytes("last"));
    ends.client.finish();
    ends.client.finish();
    carry(ends.client, ends.server);

    CHECK(read_text(ends.server) == "last");
    CHECK(read_text(ends.server) == "");
    CHECK(read_text(ends.server) == "");
    ends.server.write(weft::bytes("still open"));
    carry(ends.server, ends.client);
    CHECK(read_text(ends.client) == "still open");
}

TEST_CASE("a handshake that fails says why, to the peer as well", "[net][tls_engine]") {
    both ends;
    tls_engine client(ends.client_context, "elsewhere.test");
    client.handshake();
    carry(client, ends.server);
    ends.server.handshake();
    carry(ends.server, client);
    const auto ended = client.handshake();

    REQUIRE(ended);
    CHECK_FALSE(client.is_up());
    CHECK_THROWS_WITH(client.raise_handshake_error(*ended),
                      "TLS: handshake with elsewhere.test (hostname mismatch): certificate verify "
                      "failed");
    CHECK(carry(client, ends.server) > 0); // an alert
    const auto refused = ends.server.handshake();
    REQUIRE(refused);
    CHECK(*refused);
}

TEST_CASE("a client that verifies is told the name", "[net][tls_engine]") {
    const auto context = tls_context::client();
    CHECK_THROWS_AS(tls_engine(context), std::invalid_argument);
}
