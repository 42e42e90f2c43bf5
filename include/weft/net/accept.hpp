// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>

#include <sys/socket.h>

#include <weft/loop/readiness.hpp>
#include <weft/net/socket.hpp>
#include <weft/net/socket_operation.hpp>

namespace weft {

/// Takes the next connection from a listening socket, as a `Stream`: what listeners are made of.
template <class Stream>
struct accept_call : socket_call {
    unique_socket accepted{}; // closed with this, if nobody receives it

    static constexpr auto direction = readiness::readable;
    static constexpr const char* name = "accept";
    ssize_t operator()(unique_socket& on) noexcept;
    Stream result(std::size_t) noexcept;
    std::string what(const unique_socket& on) const {
        return detail::with_local("accepting a connection", " on ", on);
    }
};

// Implementation ------------------------------------------------------------

namespace detail {

/// What went wrong with one connection before it was accepted: the next one is none the worse.
/// Linux reports here what the network said about the connection.
inline bool is_of_one_connection(ssize_t result) noexcept {
    switch (-result) {
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH: return true;
    default: return false;
    }
}

} // namespace detail

template <class Stream>
ssize_t accept_call<Stream>::operator()(unique_socket& on) noexcept {
    sockaddr_storage address;
    const auto generic = reinterpret_cast<sockaddr*>(&address);
    for (;;) {
        address.ss_family = AF_UNSPEC;
        socklen_t size = sizeof address;
        const int fd = on.calls().accept(on.fd(), generic, &size);
        if (detail::is_of_one_connection(fd)) continue;
        if (fd < 0) return fd;
        accepted = unique_socket(on.calls(), fd);
        accepted.set_peer(generic, size);
        const int error = accepted.attach_beside(on);
        if (error == 0) return fd;
        accepted.close();
        return -error;
    }
}

template <class Stream>
Stream accept_call<Stream>::result(std::size_t) noexcept {
    return Stream(std::move(accepted));
}

} // namespace weft
