// SPDX-License-Identifier: MIT
#include <weft/net/tls_stream.hpp>

#include <utility>

#include <weft/compose/when_all.hpp>
#include <weft/coro/task.hpp>
#include <weft/net/duplex.hpp>
#include <weft/net/tls_context.hpp>
#include <weft/testing/simulation.hpp>
#include <weft/testing/stream_conformance.hpp>

#include "support/catch.hpp"
#include "support/certificates.hpp"

using weft::task;

TEST_CASE("tls streams conform, but for what they say of writes that are cancelled",
          "[net][tls_stream]") {
    using secure = weft::tls_stream<weft::duplex>;
    const auto& files = certificates::instance();
    const auto theirs =
        weft::tls_context::server(files.path("server.pem"), files.path("server.key"));
    const auto ours = weft::tls_context::client(files.path("ca.pem"));
    const auto make_pair = [&]() -> task<std::pair<secure, secure>> {
        auto below = weft::make_duplex();
        secure client(std::move(below.first), ours, "localhost");
        secure server(std::move(below.second), theirs);
        co_await weft::when_all(client.handshake(), server.handshake());
        co_return std::pair(std::move(client), std::move(server));
    };

    const weft::testing::stream_terms terms{.cancelled_write_may_send = true};
    weft::testing::simulation sim;
    CHECK_NOTHROW(
        sim.run([&] { return weft::testing::check_stream_conformance(make_pair, terms); }));
}
