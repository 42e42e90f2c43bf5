// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <weft/loop/loop_clock.hpp>
#include <weft/testing/decisions.hpp>

namespace weft::testing {

/// How it is to send something from one host to another.
struct link {
    duration latency{};
    duration jitter{};                ///< added to the latency: anything from none to all of it
    double loss = 0;                  ///< of packets: a datagram is gone, TCP sends again, later
    std::size_t bytes_per_second = 0; ///< 0: no limit
};

/// A host's number. Host n has the addresses 10.x.y.z and fd00::n, where x.y.z is n.
using node_id = std::uint32_t;
inline constexpr node_id no_node = 0;
inline constexpr node_id nowhere = std::numeric_limits<node_id>::max();

/// Where a socket is, or wants to go.
struct place {
    int family = AF_UNSPEC;
    node_id node = no_node; ///< `no_node`: any address of the host; `nowhere`: none of ours
    bool loopback = false;  ///< 127.0.0.1 or ::1 of that host
    std::uint16_t port = 0;

    /// As seen from host `self`. Nothing if it is no IP address.
    static std::optional<place> read(const sockaddr* from, socklen_t size, node_id self) noexcept;
    /// Writes what fits in `*size` bytes, as sockets of `as_family` see it, and sets `*size`.
    void write(sockaddr* to, socklen_t* size, int as_family) const noexcept;
};

/// The wires between hosts: how long things take, and whether they arrive.
class virtual_network {
public:
    void set_default(link how) noexcept { default_ = how; }
    void set_link(node_id a, node_id b, link how) {
        wire(a, b).how = wire(b, a).how = how;
        wire(a, b).is_set = wire(b, a).is_set = true;
    }
    void set_partitioned(node_id a, node_id b, bool apart) {
        wire(a, b).cut = wire(b, a).cut = apart;
    }
    bool is_cut(node_id from, node_id to) { return from != to && wire(from, to).cut; }

    /// When something that is sent now arrives; `extra` is for what is lost and sent again.
    std::int64_t arrival(std::int64_t now, node_id from, node_id to, std::size_t bytes,
                         decisions& choices);
    /// Whether a packet is lost on the way.
    bool loses(node_id from, node_id to, decisions& choices) {
        return from != to && choices.happens(how(wire(from, to)).loss);
    }

private:
    struct direction {
        link how;
        bool is_set = false;
        bool cut = false;
        std::int64_t free_at = 0; // what was sent until now is through
    };
    direction& wire(node_id from, node_id to) { return wires_[{from, to}]; }
    const link& how(const direction& wire) const noexcept {
        return wire.is_set ? wire.how : default_;
    }

    link default_;
    std::map<std::pair<node_id, node_id>, direction> wires_;
};

// Implementation ------------------------------------------------------------

inline std::int64_t virtual_network::arrival(std::int64_t now, node_id from, node_id to,
                                             std::size_t bytes, decisions& choices) {
    if (from == to) return now;
    auto& way = wire(from, to);
    const auto& is = how(way);
    std::int64_t sent = now;
    if (is.bytes_per_second != 0) {
        const auto length = static_cast<double>(bytes) / static_cast<double>(is.bytes_per_second);
        sent = std::max(now, way.free_at) + static_cast<std::int64_t>(length * 1e9);
        way.free_at = sent;
    }
    return sent + is.latency.count() + choices.up_to(is.jitter.count());
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
    } else {
        return std::nullopt;
    }
    return result;
}

inline void place::write(sockaddr* to, socklen_t* size, int as_family) const noexcept {
    sockaddr_in four{};
    sockaddr_in6 six{};
    std::uint32_t address = node == no_node ? INADDR_ANY
                            : loopback      ? INADDR_LOOPBACK
                                            : 0x0a000000u | node;
    if (as_family == AF_INET6) {
        six.sin6_family = AF_INET6;
        six.sin6_port = htons(port);
        auto* bytes = six.sin6_addr.s6_addr;
        if (family == AF_INET)
            bytes[10] = bytes[11] = 0xff;
        else if (loopback)
            address = 1;
        else if (node != no_node)
            bytes[0] = 0xfd, address = node;
        address = htonl(address);
        std::memcpy(bytes + 12, &address, sizeof address);
    } else {
        four.sin_family = AF_INET;
        four.sin_port = htons(port);
        four.sin_addr.s_addr = htonl(address);
    }
    const auto whole = static_cast<socklen_t>(as_family == AF_INET6 ? sizeof six : sizeof four);
    if (to && size && *size != 0)
        std::memcpy(to, as_family == AF_INET6 ? static_cast<void*>(&six) : &four,
                    std::min(*size, whole));
    if (size) *size = whole;
}

} // namespace weft::testing
