// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <cerrno>
#include <cstring>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include <weft/core/raise.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/io_source.hpp>
#include <weft/loop/reactor.hpp>
#include <weft/loop/system_calls.hpp>
#include <weft/net/endpoint.hpp>

namespace weft {

class socket_user;

/// Throws `std::system_error` for the `errno` `error`; `what` names what failed.
[[noreturn]] inline void raise_system_error(int error, const std::string& what) {
    raise<std::system_error>(error, std::system_category(), what);
}

/// The code of what was thrown; where that has none, there was not enough memory.
inline std::error_code code_of(const std::exception_ptr& error) noexcept {
    auto code = std::make_error_code(std::errc::not_enough_memory);
    visit_error<std::system_error>(error, [&](const auto& found) { code = found.code(); });
    return code;
}

/// Owns the descriptor of a socket and its registration with a loop; or owns none.
///
/// What streams, listeners and datagram sockets have in common, and the base of one's own.
/// Ownership  Closes the descriptor, through the `system_calls` that it came from.
/// Lifetime   Not longer than its loop. It may be moved, closed and destroyed while an operation
///            waits on it: that one gets EBADF when it is closed or destroyed.
class unique_socket {
public:
    unique_socket() noexcept = default;
    /// Opens a socket: `type` is SOCK_STREAM or SOCK_DGRAM.
    /// Errors  Throws `std::system_error`.
    unique_socket(event_loop& loop, int family, int type);
    /// Takes over `fd`, which must come from `calls`. It is of use after `attach`.
    unique_socket(system_calls& calls, int fd) noexcept : calls_(&calls), fd_(fd) {}
    unique_socket(unique_socket&& other) noexcept;
    unique_socket& operator=(unique_socket&& other) noexcept;
    ~unique_socket() { close(); }

    /// Registers the descriptor with `loop`.
    /// Errors  Throws `std::system_error`; it still owns the descriptor.
    void attach(event_loop& loop) { source_ = io_source(loop.system(), fd_); }
    /// The same, with the loop that `other` is registered with. Returns an errno, or 0.
    int attach_beside(const unique_socket& other) noexcept;

    /// Returns -1 if there is none.
    int fd() const noexcept { return fd_; }
    bool is_open() const noexcept { return fd_ >= 0; }
    system_calls& calls() const noexcept {
        assert(calls_);
        return *calls_;
    }
    io_source& source() noexcept { return source_; }

    /// Closes it; again: nothing. Operations that wait get EBADF.
    void close() noexcept;

    /// Errors  Throws `std::system_error` with EBADF if it is closed.
    endpoint local_endpoint() const;
    /// The address that `set_peer` was told, which outlives the connection; else nowhere.
    endpoint peer() const noexcept;
    /// Remembers an IP address, and no other.
    void set_peer(const sockaddr* address, socklen_t size) noexcept;

    /// Options that are a number, by the names that setsockopt(2) has for them; `what` is for the
    /// error.
    void set_option(int level, int name, int value, const char* what);
    int option(int level, int name, const char* what) const;

private:
    friend socket_user;

    void take_users(unique_socket& other) noexcept;

    // Of sockets there may be very many: the order leaves no gaps, an address has what matters.
    struct ip_address {
        sa_family_t family = AF_UNSPEC;
        in_port_t port = 0;
        std::uint32_t scope = 0;
        union {
            in6_addr six{};
            in_addr four;
        };
    };

    system_calls* calls_ = nullptr;
    [[no_unique_address]] io_source source_;
    int fd_ = -1;
    ip_address peer_;
    socket_user* reader_ = nullptr;
    socket_user* writer_ = nullptr;
};

/// An operation that uses a socket: one reads and one writes at a time.
class socket_user : protected readiness_waiter {
public:
    socket_user(const socket_user&) = delete;

protected:
    explicit socket_user(unique_socket* socket) noexcept : socket_(socket) {}
    ~socket_user() { leave(); }

    /// Precondition: it has not left.
    unique_socket& socket() const noexcept { return *socket_; }

    /// Begins to use it. Returns false if another one does so in this direction.
    bool enter(readiness direction) noexcept {
        auto& place = direction == readiness::readable ? socket_->reader_ : socket_->writer_;
        if (place) return false;
        place = this;
        entered_ = true;
        return true;
    }
    /// Ends using it.
    void leave() noexcept {
        if (!std::exchange(entered_, false)) return;
        (socket_->reader_ == this ? socket_->reader_ : socket_->writer_) = nullptr;
    }

private:
    friend unique_socket;

    bool entered_ = false; // where the base leaves room: there is one of this for each wait

protected:
    /// What the system call returned. No call moves more bytes than this can say: read(2).
    std::int32_t result_ = 0;

private:
    unique_socket* socket_;
};

/// Opens a socket of the family of `at`, for what `doing` says: "binding to ".
/// Errors  Throws `std::system_error` that names both.
unique_socket open_socket(const char* doing, const endpoint& at, event_loop& loop, int type);

// Implementation ------------------------------------------------------------

inline unique_socket open_socket(const char* doing, const endpoint& at, event_loop& loop,
                                 int type) {
    unique_socket result;
    guarded([&] { result = unique_socket(loop, at.family(), type); },
            [&](const std::exception_ptr& error) {
                visit_error<std::system_error>(error, [&](const auto& found) {
                    raise<std::system_error>(found.code(), doing + at.to_string());
                });
                std::rethrow_exception(error);
            });
    return result;
}

inline unique_socket::unique_socket(event_loop& loop, int family, int type)
    : unique_socket(loop.system().calls(), loop.system().calls().socket(family, type, 0)) {
    if (fd_ < 0) raise_system_error(-fd_, "opening a socket");
    attach(loop);
}

inline unique_socket::unique_socket(unique_socket&& other) noexcept
    : calls_(other.calls_), source_(std::move(other.source_)),
      fd_(std::exchange(other.fd_, -1)), peer_(other.peer_) {
    take_users(other);
}

inline unique_socket& unique_socket::operator=(unique_socket&& other) noexcept {
    if (this == &other) return *this;
    close();
    calls_ = other.calls_;
    source_ = std::move(other.source_);
    fd_ = std::exchange(other.fd_, -1);
    peer_ = other.peer_;
    take_users(other);
    return *this;
}

inline int unique_socket::attach_beside(const unique_socket& other) noexcept {
    int result = 0;
    guarded([&] { source_ = io_source(other.source_, fd_); },
            [&](const std::exception_ptr& error) { result = code_of(error).value(); });
    return result;
}

inline void unique_socket::take_users(unique_socket& other) noexcept {
    reader_ = std::exchange(other.reader_, nullptr);
    writer_ = std::exchange(other.writer_, nullptr);
    if (reader_) reader_->socket_ = this;
    if (writer_) writer_->socket_ = this;
}

inline void unique_socket::close() noexcept {
    source_.closing(); // before the number can mean another file; those who wait leave
    assert(!reader_ && !writer_);
    if (fd_ >= 0) calls_->close(std::exchange(fd_, -1));
}

inline endpoint unique_socket::local_endpoint() const {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const auto generic = reinterpret_cast<sockaddr*>(&address);
    const int result = is_open() ? calls_->getsockname(fd_, generic, &size) : -EBADF;
    if (result < 0) raise_system_error(-result, "asking for the address of a socket");
    return endpoint(generic, size);
}

inline endpoint unique_socket::peer() const noexcept {
    const auto port = ntohs(peer_.port);
    switch (peer_.family) {
    case AF_INET: return endpoint::v4(ntohl(peer_.four.s_addr), port);
    case AF_INET6: return endpoint::v6(peer_.six, port, peer_.scope);
    default: return {};
    }
}

inline void unique_socket::set_peer(const sockaddr* address, socklen_t size) noexcept {
    peer_ = {};
    if (sockaddr_in v4; address->sa_family == AF_INET && size >= sizeof v4) {
        std::memcpy(&v4, address, sizeof v4);
        peer_ = {AF_INET, v4.sin_port, 0, {}};
        peer_.four = v4.sin_addr;
    } else if (sockaddr_in6 v6; address->sa_family == AF_INET6 && size >= sizeof v6) {
        std::memcpy(&v6, address, sizeof v6);
        peer_ = {AF_INET6, v6.sin6_port, v6.sin6_scope_id, {v6.sin6_addr}};
    }
}

inline void unique_socket::set_option(int level, int name, int value, const char* what) {
    const int result = is_open() ? calls_->setsockopt(fd_, level, name, &value, sizeof value)
                                 : -EBADF;
    if (result < 0) raise_system_error(-result, what);
}

inline int unique_socket::option(int level, int name, const char* what) const {
    int value = 0;
    socklen_t size = sizeof value;
    const int result = is_open() ? calls_->getsockopt(fd_, level, name, &value, &size) : -EBADF;
    if (result < 0) raise_system_error(-result, what);
    return value;
}

} // namespace weft
