// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <weft/net/endpoint.hpp>
#include <weft/net/socket.hpp>
#include <weft/net/stream_operations.hpp>

namespace weft {

/// A TCP connection: `connect` and `tcp_listener::accept` make it.
///
/// Small writes are sent at once (TCP_NODELAY is set), so write what belongs together in one.
/// Ownership  Closes the connection. Move-only; one that was moved from, or made from nothing, is
///            closed.
class tcp_stream : public stream_operations {
public:
    tcp_stream() noexcept = default;
    /// Takes over a connected socket.
    explicit tcp_stream(unique_socket connected) noexcept
        : stream_operations(std::move(connected)) {}

    /// The peer's address; also after the connection has ended.
    endpoint remote_endpoint() const noexcept { return socket().peer(); }

    // Errors of all options: throw `std::system_error`.

    /// False: small writes are held back until what was sent before has been acknowledged.
    void set_no_delay(bool on) {
        stream_operations::socket().set_option(IPPROTO_TCP, TCP_NODELAY, on, "setting TCP_NODELAY");
    }
    bool no_delay() const {
        return socket().option(IPPROTO_TCP, TCP_NODELAY, "asking for TCP_NODELAY") != 0;
    }

    /// Lets the system find out whether a silent peer is still there: reads fail with ETIMEDOUT if
    /// it is not. After how long is the system's setting.
    void set_keep_alive(bool on) {
        stream_operations::socket().set_option(SOL_SOCKET, SO_KEEPALIVE, on,
                                               "setting SO_KEEPALIVE");
    }
    /// The peer is asked after `idle` of silence, then every `interval`, at most `probes` times.
    void set_keep_alive(std::chrono::seconds idle, std::chrono::seconds interval, int probes) {
        auto& self = stream_operations::socket();
        set_keep_alive(true);
        self.set_option(IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(idle.count()),
                        "setting TCP_KEEPIDLE");
        self.set_option(IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(interval.count()),
                        "setting TCP_KEEPINTVL");
        self.set_option(IPPROTO_TCP, TCP_KEEPCNT, probes, "setting TCP_KEEPCNT");
    }
    bool keep_alive() const {
        return socket().option(SOL_SOCKET, SO_KEEPALIVE, "asking for SO_KEEPALIVE") != 0;
    }
};

} // namespace weft
