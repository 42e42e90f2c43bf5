// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace weft::testing {

/// A host's number. Host n has the addresses 10.x.y.z and fd00::n, where x.y.z is n.
using node_id = std::uint32_t;
inline constexpr node_id no_node = 0;
inline constexpr node_id nowhere = std::numeric_limits<node_id>::max();

/// Where a socket is, or wants to go: an IP address and a port, or the path of a unix socket.
struct place {
    int family = AF_UNSPEC;
    node_id node = no_node; ///< `no_node`: any address of the host; `nowhere`: none of ours
    bool loopback = false;  ///< 127.0.0.1 or ::1 of that host
    std::uint16_t port = 0;
    std::string path{}; ///< as in sun_path: it begins with a null byte if it is an abstract name

    /// As seen from host `self`. Nothing if it is neither, or a unix socket's that says nothing.
    static std::optional<place> read(const sockaddr* from, socklen_t size, node_id self) noexcept;
    /// Writes what fits in `*size` bytes, as sockets of `as_family` see it, and sets `*size`.
    void write(sockaddr* to, socklen_t* size, int as_family) const noexcept;
};

// Implementation ------------------------------------------------------------

namespace detail {
inline constexpr std::size_t before_path = offsetof(sockaddr_un, sun_path);
}

inline std::optional<place> place::read(const sockaddr* from, socklen_t size,
                                        node_id self) noexcept {
    place result;
    const auto four = [&](std::uint32_t address) {
        if (address >> 24 == 127) {
            result.node = self;
            result.loopback = true;
        } else if (address != INADDR_ANY) {
            result.node = address >> 24 == 10 ? address & 0xffffff : nowhere;
        }
    };
    if (size >= sizeof(sockaddr_in) && from->sa_family == AF_INET) {
        sockaddr_in in;
        std::memcpy(&in, from, sizeof in);
        result.family = AF_INET;
        result.port = ntohs(in.sin_port);
        four(ntohl(in.sin_addr.s_addr));
    } else if (size >= sizeof(sockaddr_in6) && from->sa_family == AF_INET6) {
        sockaddr_in6 in;
        std::memcpy(&in, from, sizeof in);
        result.family = AF_INET6;
        result.port = ntohs(in.sin6_port);
        const auto* bytes = in.sin6_addr.s6_addr;
        const auto tail = std::uint32_t{bytes[12]} << 24 | std::uint32_t{bytes[13]} << 16 |
                          std::uint32_t{bytes[14]} << 8 | bytes[15];
        if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr)) {
            result.family = AF_INET;
            four(tail);
        } else if (IN6_IS_ADDR_LOOPBACK(&in.sin6_addr)) {
            result.node = self;
            result.loopback = true;
        } else if (!IN6_IS_ADDR_UNSPECIFIED(&in.sin6_addr)) {
            const bool ours = bytes[0] == 0xfd && std::all_of(bytes + 1, bytes + 12, [](auto byte) {
                                  return byte == 0;
                              });
            result.node = ours ? tail : nowhere;
        }
    } else if (size > detail::before_path && from->sa_family == AF_UNIX) {
        result.family = AF_UNIX;
        const auto* const text = reinterpret_cast<const char*>(from) + detail::before_path;
        result.path.assign(text, size - detail::before_path);
        if (result.path[0] != '\0') result.path.resize(std::strlen(result.path.c_str()));
    } else {
        return std::nullopt;
    }
    return result;
}

inline void place::write(sockaddr* to, socklen_t* size, int as_family) const noexcept {
    union {
        sockaddr_un local{};
        sockaddr_in four;
        sockaddr_in6 six;
    } as;
    std::size_t whole = 0;
    std::uint32_t address = node == no_node ? INADDR_ANY
                            : loopback      ? INADDR_LOOPBACK
                                            : 0x0a000000u | node;
    if (as_family == AF_UNIX) {
        as.local.sun_family = AF_UNIX;
        const bool is_file = !path.empty() && path[0] != '\0'; // a null byte ends it
        path.copy(as.local.sun_path, sizeof as.local.sun_path);
        whole = std::min(detail::before_path + path.size() + is_file, sizeof as.local);
    } else if (as_family == AF_INET6) {
        as.six.sin6_family = AF_INET6;
        as.six.sin6_port = htons(port);
        auto* bytes = as.six.sin6_addr.s6_addr;
        if (family == AF_INET)
            bytes[10] = bytes[11] = 0xff;
        else if (loopback)
            address = 1;
        else if (node != no_node)
            bytes[0] = 0xfd, address = node;
        address = htonl(address);
        std::memcpy(bytes + 12, &address, sizeof address);
        whole = sizeof as.six;
    } else {
        as.four.sin_family = AF_INET;
        as.four.sin_port = htons(port);
        as.four.sin_addr.s_addr = htonl(address);
        whole = sizeof as.four;
    }
    if (to && size && *size != 0) std::memcpy(to, &as, std::min<std::size_t>(*size, whole));
    if (size) *size = static_cast<socklen_t>(whole);
}

} // namespace weft::testing
