// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weft/loop/event_loop.hpp>
#include <weft/net/accept.hpp>
#include <weft/net/endpoint.hpp>
#include <weft/net/socket.hpp>
#include <weft/net/socket_operation.hpp>
#include <weft/net/unix_stream.hpp>

namespace weft {

/// Waits at a path, or with a leading '@' at a name in the abstract namespace of Linux, for
/// connections from this machine.
///
///     weft::unix_listener listener("/run/user/1000/player");
///
/// A socket that a dead process has left at the path is replaced; one that somebody listens on is
/// not, nor is any other file. Of two processes that begin to listen at one path in the same
/// moment, one may replace the other's: where that can happen, let them take a lock before.
/// Ownership  Closes the socket and removes it from the file system, if it is still there. A
///            child of `fork` removes nothing. Move-only.
class unix_listener {
public:
    /// On the loop that runs on this thread.
    /// Errors  Throws `std::system_error` that names the path: EADDRINUSE, EACCES, ENOENT.
    explicit unix_listener(std::string_view path, int backlog = 4096)
        : unix_listener(this_loop(), path, backlog) {}
    unix_listener(event_loop& loop, std::string_view path, int backlog = 4096);
    unix_listener(unix_listener&&) noexcept = default;
    unix_listener& operator=(unix_listener&& other) noexcept;
    ~unix_listener() { close(); }

    /// As `tcp_listener::accept`.
    auto accept() noexcept { return operate<accept_call<unix_stream>>(socket_, nullptr); }
    auto accept(std::error_code& code) noexcept {
        return operate<accept_call<unix_stream>>(socket_, &code);
    }
    /// As `tcp_listener::try_accept`.
    std::optional<unix_stream> try_accept() {
        return operate_at_once<accept_call<unix_stream>>(socket_, nullptr);
    }
    std::optional<unix_stream> try_accept(std::error_code& code) {
        return operate_at_once<accept_call<unix_stream>>(socket_, &code);
    }

    /// Errors  Throws `std::system_error` with EBADF if it is closed.
    endpoint local_endpoint() const { return socket_.local_endpoint(); }

    /// Listens no more. Who waits in `accept` gets EBADF.
    void close() noexcept;
    bool is_open() const noexcept { return socket_.is_open(); }
    int native_handle() const noexcept { return socket_.fd(); }

private:
    bool is_stale(const endpoint& at) const noexcept;
    bool owns_file() const noexcept;

    unique_socket socket_;
    std::string path_; // empty: an abstract name, which goes with the socket
    ::dev_t device_{};
    ::ino_t inode_{};
    ::pid_t owner_ = ::getpid();
};

// Implementation ------------------------------------------------------------

inline unix_listener::unix_listener(event_loop& loop, std::string_view path, int backlog) {
    const auto at = endpoint::unix_path(path);
    const auto check = [&at](int result) {
        if (result < 0) raise_system_error(-result, "listening on " + at.to_string());
    };
    socket_ = open_socket("listening on ", at, loop, SOCK_STREAM);
    auto& calls = socket_.calls();
    std::string file(path.starts_with('@') ? std::string_view() : path);

    int bound = calls.bind(socket_.fd(), at.data(), at.size());
    if (bound == -EADDRINUSE && !file.empty() && is_stale(at)) {
        calls.unlink(file.c_str());
        bound = calls.bind(socket_.fd(), at.data(), at.size());
    }
    check(bound);
    if (struct ::stat made; !file.empty() && calls.lstat(file.c_str(), &made) == 0) {
        path_ = std::move(file);
        device_ = made.st_dev;
        inode_ = made.st_ino;
    }
    const int listening = calls.listen(socket_.fd(), backlog);
    if (listening < 0) close();
    check(listening);
}

inline unix_listener& unix_listener::operator=(unix_listener&& other) noexcept {
    if (this == &other) return *this;
    close();
    socket_ = std::move(other.socket_);
    path_ = std::move(other.path_);
    device_ = other.device_;
    inode_ = other.inode_;
    owner_ = other.owner_;
    return *this;
}

// Only one who listens lets others connect. What is no socket would refuse a connection, too.
inline bool unix_listener::is_stale(const endpoint& at) const noexcept {
    auto& calls = socket_.calls();
    struct ::stat found;
    if (calls.lstat(at.address().c_str(), &found) < 0 || !S_ISSOCK(found.st_mode)) return false;
    const unique_socket probe(calls, calls.socket(AF_UNIX, SOCK_STREAM, 0));
    return probe.is_open() &&
           calls.connect(probe.fd(), at.data(), at.size()) == -ECONNREFUSED;
}

// Somebody may have removed it and put another one there.
inline bool unix_listener::owns_file() const noexcept {
    struct ::stat found;
    return !path_.empty() && owner_ == ::getpid() &&
           socket_.calls().lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ &&
           found.st_ino == inode_;
}

inline void unix_listener::close() noexcept {
    if (!is_open()) return;
    // First: were it closed by then, the next process could have replaced it already.
    if (owns_file()) socket_.calls().unlink(path_.c_str());
    socket_.close();
}

} // namespace weft
