// SPDX-License-Identifier: MIT
// From a connection that was accepted to its end.
#pragma once

#include <cstdio>
#include <exception>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <weft/coro/task.hpp>
#include <weft/net/async_stream.hpp>
#include <weft/net/tcp_stream.hpp>

#include "connection.hpp"
#include "service.hpp"

namespace httpd {

/// Counts a connection while it lives.
class counted {
public:
    explicit counted(common& shared) noexcept : shared_(shared) {
        ++shared.connections;
        ++shared.open_connections;
    }
    counted(counted&&) = delete;
    ~counted() { --shared_.open_connections; }

private:
    common& shared_;
};

/// Serves a client, over what `make_stream(tcp)` makes of the connection: a failure of this client
/// is nobody else's.
template <class Make>
weft::task<> serve_client(weft::tcp_stream client, service& on, Make make_stream) {
    const counted alive(on.shared);
    std::string peer;
    if (on.wanted().verbose) peer = client.remote_endpoint().to_string();
    try {
        auto stream = co_await make_stream(std::move(client));
        connection talking(stream, peer, on);
        co_await talking.talk();
    } catch (const std::exception& problem) {
        if (!peer.empty()) fmt::print(stderr, "{} {}\n", peer, problem.what());
    }
}

} // namespace httpd
