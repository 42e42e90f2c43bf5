// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <sys/socket.h>
#include <sys/uio.h>

#include <weft/loop/readiness.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/socket.hpp>
#include <weft/net/socket_operation.hpp>

namespace weft {

/// What can be done with a connected socket: the base of `tcp_stream` and `unix_stream`.
///
/// One branch may read while another one writes; a second reader, or a second writer, is refused
/// with errc::busy.
///
/// Every operation has a form with an `std::error_code&`, which gets the error, or is cleared, and
/// nothing is thrown.
/// Errors  Throws `std::system_error` that names the peer: ECONNRESET or EPIPE if that is gone, and
///         never a SIGPIPE; EBADF if the stream is closed, also while the operation waits.
/// Cancel  Nothing was read or written.
class stream_operations {
    template <class Buffers>
    struct receive_call;
    template <class Buffers>
    struct send_call;
    struct shutdown_call;
    using buffers_to_fill = std::span<const mutable_buffer>;
    using buffers_to_send = std::span<const const_buffer>;

public:
    /// Reads what is there, at most what `to` holds; waits until something is.
    /// Returns how many bytes; 0 at the end of the stream, or if `to` is empty.
    auto read_some(mutable_buffer to) noexcept {
        return operate<receive_call<mutable_buffer>>(socket_, nullptr, to);
    }
    auto read_some(mutable_buffer to, std::error_code& code) noexcept {
        return operate<receive_call<mutable_buffer>>(socket_, &code, to);
    }
    /// Fills several buffers, in order. The list must live as long as they.
    auto read_some(std::span<const mutable_buffer> to) noexcept {
        return operate<receive_call<buffers_to_fill>>(socket_, nullptr, to);
    }
    auto read_some(std::span<const mutable_buffer> to, std::error_code& code) noexcept {
        return operate<receive_call<buffers_to_fill>>(socket_, &code, to);
    }

    /// Writes what there is room for; waits until there is some. Returns how many bytes: not 0
    /// unless `from` is empty. `write_all` writes all.
    auto write_some(const_buffer from) noexcept {
        return operate<send_call<const_buffer>>(socket_, nullptr, from);
    }
    auto write_some(const_buffer from, std::error_code& code) noexcept {
        return operate<send_call<const_buffer>>(socket_, &code, from);
    }
    /// Several buffers, in order, as if they were one.
    auto write_some(std::span<const const_buffer> from) noexcept {
        return operate<send_call<buffers_to_send>>(socket_, nullptr, from);
    }
    auto write_some(std::span<const const_buffer> from, std::error_code& code) noexcept {
        return operate<send_call<buffers_to_send>>(socket_, &code, from);
    }

    /// Ends what is written: the peer reads all of it, then the end of the stream. Reading goes on;
    /// a write that waits gets EPIPE.
    auto shutdown_write() noexcept { return operate<shutdown_call>(socket_, nullptr); }
    auto shutdown_write(std::error_code& code) noexcept {
        return operate<shutdown_call>(socket_, &code);
    }

    /// Closes it. What was written is still sent; if something was left unread, or arrives later,
    /// the peer gets ECONNRESET.
    void close() noexcept { socket_.close(); }
    /// Closes it and throws away what is not yet sent: the peer of a TCP stream gets ECONNRESET.
    void abort() noexcept;
    bool is_open() const noexcept { return socket_.is_open(); }

    /// Errors  Throws `std::system_error` with EBADF if it is closed.
    endpoint local_endpoint() const { return socket_.local_endpoint(); }

    /// Bytes that the system keeps before the peer, or the reader here, has taken them. Linux
    /// doubles what is set.
    void set_send_buffer(std::size_t bytes) { set_buffer(SO_SNDBUF, bytes); }
    void set_receive_buffer(std::size_t bytes) { set_buffer(SO_RCVBUF, bytes); }
    std::size_t send_buffer() const { return buffer(SO_SNDBUF); }
    std::size_t receive_buffer() const { return buffer(SO_RCVBUF); }

    /// Returns -1 if it is closed. The descriptor is the stream's, and does not block.
    int native_handle() const noexcept { return socket_.fd(); }
    /// For operations of one's own.
    unique_socket& socket() noexcept { return socket_; }

protected:
    stream_operations() noexcept = default;
    explicit stream_operations(unique_socket connected) noexcept : socket_(std::move(connected)) {}
    stream_operations(stream_operations&&) noexcept = default;
    stream_operations& operator=(stream_operations&&) noexcept = default;
    ~stream_operations() = default;

    const unique_socket& socket() const noexcept { return socket_; }

private:
    void set_buffer(int name, std::size_t bytes) {
        const auto most = static_cast<int>(std::min<std::size_t>(bytes, 1 << 30));
        socket_.set_option(SOL_SOCKET, name, most, "setting the size of a socket's buffer");
    }
    std::size_t buffer(int name) const {
        return static_cast<std::size_t>(
            socket_.option(SOL_SOCKET, name, "asking for the size of a socket's buffer"));
    }

    unique_socket socket_;
};

// Implementation ------------------------------------------------------------

namespace detail {

/// A list of buffers as the system takes it: the first of them, since it takes not any number.
struct gathered {
    static constexpr std::size_t most = 16; // the least that a system may have as its limit

    std::array<iovec, most> parts;
    std::size_t count = 0;
    std::size_t size = 0;

    template <class Buffer>
    explicit gathered(std::span<const Buffer> list) noexcept {
        for (const auto& each : list) {
            if (count == most) break;
            if (each.empty()) continue;
            parts[count++] = {const_cast<std::byte*>(each.data()), each.size()};
            size += each.size();
        }
    }
    msghdr message() noexcept {
        msghdr result{};
        result.msg_iov = parts.data();
        result.msg_iovlen = count;
        return result;
    }
};

inline std::size_t size_of(const_buffer one) noexcept { return one.size(); }
template <class Buffer>
std::size_t size_of(std::span<const Buffer> list) noexcept {
    return gathered(list).size;
}

} // namespace detail

template <class Buffers>
struct stream_operations::receive_call : socket_call {
    Buffers to;

    static constexpr auto direction = readiness::readable;
    static constexpr const char* name = "read_some";
    std::size_t most() const noexcept { return detail::size_of(to); }
    bool is_empty() const noexcept { return most() == 0; }
    std::size_t result(std::size_t size) const noexcept { return size; }
    std::string what(const unique_socket& on) const {
        return detail::with_peer("reading", " from ", on);
    }
    ssize_t operator()(unique_socket& on) const noexcept {
        if constexpr (std::is_same_v<Buffers, mutable_buffer>) {
            return on.calls().recv(on.fd(), to.data(), to.size(), 0);
        } else {
            detail::gathered list(to);
            msghdr message = list.message();
            return on.calls().recvmsg(on.fd(), &message, 0);
        }
    }
};

template <class Buffers>
struct stream_operations::send_call : socket_call {
    Buffers from;

    static constexpr auto direction = readiness::writable;
    static constexpr const char* name = "write_some";
    std::size_t most() const noexcept { return detail::size_of(from); }
    bool is_empty() const noexcept { return most() == 0; }
    std::size_t result(std::size_t size) const noexcept { return size; }
    std::string what(const unique_socket& on) const {
        return detail::with_peer("writing", " to ", on);
    }
    ssize_t operator()(unique_socket& on) const noexcept {
        if constexpr (std::is_same_v<Buffers, const_buffer>) {
            return on.calls().send(on.fd(), from.data(), from.size(), 0);
        } else {
            detail::gathered list(from);
            const msghdr message = list.message();
            return on.calls().sendmsg(on.fd(), &message, 0);
        }
    }
};

struct stream_operations::shutdown_call : socket_call {
    static constexpr auto direction = readiness::writable;
    static constexpr bool may_wait = false;
    static constexpr const char* name = "shutdown_write";
    void result(std::size_t) const noexcept {}
    std::string what(const unique_socket& on) const {
        return detail::with_peer("ending the stream", " to ", on);
    }
    ssize_t operator()(unique_socket& on) const noexcept {
        return on.calls().shutdown(on.fd(), SHUT_WR);
    }
};

inline void stream_operations::abort() noexcept {
    if (!is_open()) return;
    const linger at_once{1, 0};
    socket_.calls().setsockopt(socket_.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    socket_.close();
}

} // namespace weft
