// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <sys/socket.h>

#include <weft/testing/virtual_socket.hpp>

// The options of simulated sockets. Those that mean nothing in a simulation are remembered.
namespace weft::testing {

/// Unix sockets have only the options that all sockets have.
inline bool knows_option(const virtual_socket& of, int level) noexcept {
    return of.family() != AF_UNIX || level == SOL_SOCKET;
}

inline int get_option(virtual_socket& of, int level, int name) {
    if (level == SOL_SOCKET) {
        switch (name) {
        case SO_ERROR: return of.take_error();
        case SO_TYPE: return of.type();
        case SO_DOMAIN: return of.family();
        case SO_ACCEPTCONN: return of.is_listening();
        case SO_SNDBUF: return static_cast<int>(of.send_capacity);
        case SO_RCVBUF: return static_cast<int>(of.receive_capacity);
        default: break;
        }
    }
    return of.option(level, name);
}

inline void set_option(virtual_socket& of, int level, int name, const void* value,
                       std::size_t size) {
    if (level == SOL_SOCKET && name == SO_LINGER) {
        linger how{};
        std::memcpy(&how, value, std::min(size, sizeof how));
        of.aborts = how.l_onoff != 0 && how.l_linger == 0;
        return;
    }
    int given = 0;
    std::memcpy(&given, value, std::min(size, sizeof given));
    constexpr std::size_t least = 2304; // as Linux: doubled, and not less than this
    const auto doubled = std::max(static_cast<std::size_t>(std::max(given, 0)) * 2, least);
    if (level == SOL_SOCKET && name == SO_SNDBUF)
        of.send_capacity = doubled;
    else if (level == SOL_SOCKET && name == SO_RCVBUF)
        of.receive_capacity = doubled;
    else
        of.options[{level, name}] = given;
}

} // namespace weft::testing
