// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <weft/loop/event_loop.hpp>
#include <weft/net/accept.hpp>
#include <weft/net/endpoint.hpp>
#include <weft/net/socket.hpp>
#include <weft/net/socket_operation.hpp>
#include <weft/net/tcp_stream.hpp>

namespace weft {

/// How a listener listens.
struct listen_options {
    int backlog = 4096;      ///< connections that wait to be accepted; the system has a limit, too
    bool reuse_port = false; ///< several listeners share the port, one a thread: SO_REUSEPORT
    bool only_v6 = false;    ///< an IPv6 listener does not serve IPv4: IPV6_V6ONLY
};
static_assert(std::is_trivially_destructible_v<listen_options>);

/// Waits at an address for TCP connections.
///
///     weft::tcp_listener listener(weft::endpoint::any(8080));
///     for (;;) {
///         auto client = co_await listener.accept();
///         clients.spawn(serve_one, std::move(client));
///     }
///
/// A port whose last connections have just ended can be listened on again (SO_REUSEADDR).
/// Ownership  Closes the socket: connections that nobody has accepted are reset.
class tcp_listener {
public:
    /// On the loop that runs on this thread. Port 0: any that is free, see `local_endpoint`.
    /// Errors  Throws `std::system_error` that names the address, with EADDRINUSE for instance.
    explicit tcp_listener(const endpoint& at, listen_options options = {})
        : tcp_listener(this_loop(), at, options) {}
    tcp_listener(const endpoint& at, int backlog) : tcp_listener(at, listen_options{backlog}) {}
    tcp_listener(event_loop& loop, const endpoint& at, listen_options options = {});

    /// Waits for the next connection. One that has failed before it was accepted is passed over.
    /// Errors  Throws `std::system_error` that names the address: EMFILE, ENFILE, ENOBUFS, ENOMEM
    ///         (the connection stays in the queue; accept again when there is room), ENOSPC (epoll
    ///         has no room for one more, which is closed; ENOMEM may mean that, too), EBADF (it was
    ///         closed, also meanwhile), errc::busy (another branch waits in `accept`).
    /// Cancel  No connection is lost.
    auto accept() noexcept { return operate<accept_call<tcp_stream>>(socket_, nullptr); }
    /// Puts the error into `code`, and returns a stream that is closed.
    auto accept(std::error_code& code) noexcept {
        return operate<accept_call<tcp_stream>>(socket_, &code);
    }

    /// Accepts a connection that is there already, for who empties the queue and must not wait.
    /// Returns nothing if there is none, and while another branch waits in `accept`: that is first.
    /// Errors  As `accept`. With `code`, it is stored there, and nothing returned.
    std::optional<tcp_stream> try_accept() {
        return operate_at_once<accept_call<tcp_stream>>(socket_, nullptr);
    }
    std::optional<tcp_stream> try_accept(std::error_code& code) {
        return operate_at_once<accept_call<tcp_stream>>(socket_, &code);
    }

    /// Errors  Throws `std::system_error` with EBADF if it is closed.
    endpoint local_endpoint() const { return socket_.local_endpoint(); }

    /// Listens no more. Who waits in `accept` gets EBADF.
    void close() noexcept { socket_.close(); }
    bool is_open() const noexcept { return socket_.is_open(); }
    int native_handle() const noexcept { return socket_.fd(); }

private:
    unique_socket socket_;
};

// Implementation ------------------------------------------------------------

inline tcp_listener::tcp_listener(event_loop& loop, const endpoint& at, listen_options options) {
    const auto check = [&at](int result) {
        if (result < 0) raise_system_error(-result, "listening on " + at.to_string());
    };
    if (!at.is_ip()) check(-EAFNOSUPPORT);
    socket_ = open_socket("listening on ", at, loop, SOCK_STREAM);
    socket_.set_option(SOL_SOCKET, SO_REUSEADDR, 1, "setting SO_REUSEADDR");
    if (options.reuse_port) socket_.set_option(SOL_SOCKET, SO_REUSEPORT, 1, "setting SO_REUSEPORT");
    if (at.family() == AF_INET6)
        socket_.set_option(IPPROTO_IPV6, IPV6_V6ONLY, options.only_v6, "setting IPV6_V6ONLY");
    // Connections inherit it, at no cost.
    socket_.set_option(IPPROTO_TCP, TCP_NODELAY, 1, "setting TCP_NODELAY");
    check(socket_.calls().bind(socket_.fd(), at.data(), at.size()));
    check(socket_.calls().listen(socket_.fd(), options.backlog));
}

} // namespace weft
