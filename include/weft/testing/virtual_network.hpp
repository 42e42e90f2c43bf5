// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include <weft/loop/loop_clock.hpp>
#include <weft/testing/decisions.hpp>
#include <weft/testing/virtual_place.hpp>

namespace weft::testing {

/// How it is to send something from one host to another.
/// Precondition  No time is negative, and `loss` is from 0 to 1.
struct link {
    duration latency{};
    duration jitter{};                ///< added to the latency: anything from none to all of it
    double loss = 0;                  ///< of packets: a datagram is gone, TCP sends again, later
    std::size_t bytes_per_second = 0; ///< 0: no limit
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

} // namespace weft::testing
