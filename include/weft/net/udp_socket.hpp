// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>

#include <sys/socket.h>
#include <sys/uio.h>

#include <weft/loop/event_loop.hpp>
#include <weft/loop/readiness.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/endpoint.hpp>
#include <weft/net/socket.hpp>
#include <weft/net/socket_operation.hpp>

namespace weft {

/// Sends and receives UDP datagrams: each arrives whole, or not at all, or twice, in any order.
///
///     weft::udp_socket socket(weft::endpoint::any(5353));
///     auto got = co_await socket.receive_from(buffer);
///     co_await socket.send_to(std::span(buffer).first(got.size), got.from);
///
/// One branch may receive while another one sends; a second one in the same direction is refused
/// with errc::busy.
/// Ownership  Closes the socket; who waits gets EBADF. Move-only.
class udp_socket {
    struct receive_call;
    struct send_call;

public:
    struct datagram {
        std::size_t size = 0; ///< bytes that are in the buffer
        endpoint from;
        bool truncated = false; ///< it was larger than the buffer, and the rest of it is lost
    };

    /// On the loop that runs on this thread. Port 0: any that is free, see `local_endpoint`.
    /// Errors  Throws `std::system_error` that names the address.
    explicit udp_socket(const endpoint& at) : udp_socket(this_loop(), at) {}
    udp_socket(event_loop& loop, const endpoint& at);

    /// Waits for a datagram.
    /// Errors  Throws `std::system_error` that names this socket's address. With `code`, it is
    ///         stored there.
    /// Cancel  No datagram is lost.
    auto receive_from(mutable_buffer to) noexcept {
        return operate<receive_call>(socket_, nullptr, to);
    }
    auto receive_from(mutable_buffer to, std::error_code& code) noexcept {
        return operate<receive_call>(socket_, &code, to);
    }

    /// Sends one datagram; waits only if the system has no room for it. Returns its size.
    /// Errors  Throws `std::system_error` that names the receiver; EMSGSIZE if it is too large.
    ///         With `code`, it is stored there.
    /// Cancel  Nothing was sent.
    auto send_to(const_buffer from, const endpoint& receiver) noexcept {
        return operate<send_call>(socket_, nullptr, from, receiver);
    }
    auto send_to(const_buffer from, const endpoint& receiver, std::error_code& code) noexcept {
        return operate<send_call>(socket_, &code, from, receiver);
    }

    /// From now on datagrams come from `peer` only, but for those that are in the queue already,
    /// and `send` sends to it; that it does not listen is reported as ECONNREFUSED, by a later
    /// call.
    /// Errors  Throws `std::system_error` that names `peer`.
    void connect(const endpoint& peer);
    /// As `send_to`; EDESTADDRREQ if it is not connected.
    auto send(const_buffer from) noexcept { return send_to(from, endpoint()); }
    auto send(const_buffer from, std::error_code& code) noexcept {
        return send_to(from, endpoint(), code);
    }

    /// Lets it send to broadcast addresses. Errors  Throws `std::system_error`.
    void set_broadcast(bool on) {
        socket_.set_option(SOL_SOCKET, SO_BROADCAST, on, "setting SO_BROADCAST");
    }

    /// Errors  Throws `std::system_error` with EBADF if it is closed.
    endpoint local_endpoint() const { return socket_.local_endpoint(); }
    /// Nowhere if it is not connected.
    endpoint remote_endpoint() const noexcept { return socket_.peer(); }

    void close() noexcept { socket_.close(); }
    bool is_open() const noexcept { return socket_.is_open(); }
    int native_handle() const noexcept { return socket_.fd(); }
    /// For operations and options of one's own.
    unique_socket& socket() noexcept { return socket_; }

private:
    unique_socket socket_;
};

// Implementation ------------------------------------------------------------

struct udp_socket::receive_call : socket_call {
    mutable_buffer to;
    sockaddr_storage sender{};
    socklen_t sender_size = 0;
    bool truncated = false;

    static constexpr auto direction = readiness::readable;
    static constexpr const char* name = "receive_from";
    datagram result(std::size_t size) const noexcept {
        return {size, endpoint(reinterpret_cast<const sockaddr*>(&sender), sender_size), truncated};
    }
    std::string what(const unique_socket& on) const {
        return detail::with_local("receiving datagrams", " on ", on);
    }
    ssize_t operator()(unique_socket& on) noexcept {
        iovec part{to.data(), to.size()};
        msghdr message{};
        message.msg_name = &sender;
        message.msg_namelen = sizeof sender;
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        const auto result = on.calls().recvmsg(on.fd(), &message, 0);
        if (result >= 0) {
            sender_size = message.msg_namelen;
            truncated = (message.msg_flags & MSG_TRUNC) != 0;
        }
        return result;
    }
};

struct udp_socket::send_call : socket_call {
    const_buffer from;
    endpoint receiver; // nowhere: the peer

    static constexpr auto direction = readiness::writable;
    static constexpr const char* name = "send_to";
    std::size_t result(std::size_t size) const noexcept { return size; }
    std::string what(const unique_socket& on) const {
        const auto to = receiver.size() != 0 ? receiver : on.peer();
        return "sending a datagram to " + to.to_string();
    }
    ssize_t operator()(unique_socket& on) noexcept {
        iovec part{const_cast<std::byte*>(from.data()), from.size()};
        msghdr message{};
        message.msg_name = receiver.size() != 0 ? const_cast<sockaddr*>(receiver.data()) : nullptr;
        message.msg_namelen = receiver.size();
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        return on.calls().sendmsg(on.fd(), &message, 0);
    }
};

inline udp_socket::udp_socket(event_loop& loop, const endpoint& at) {
    const auto check = [&at](int result) {
        if (result < 0) raise_system_error(-result, "binding to " + at.to_string());
    };
    if (!at.is_ip()) check(-EAFNOSUPPORT);
    socket_ = open_socket("binding to ", at, loop, SOCK_DGRAM);
    check(socket_.calls().bind(socket_.fd(), at.data(), at.size()));
}

inline void udp_socket::connect(const endpoint& peer) {
    const int result =
        is_open() ? socket_.calls().connect(socket_.fd(), peer.data(), peer.size()) : -EBADF;
    if (result < 0) raise_system_error(-result, "connecting to " + peer.to_string());
    socket_.set_peer(peer.data(), peer.size());
}

} // namespace weft
