// SPDX-License-Identifier: MIT
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include <weft/testing/virtual_place.hpp>

namespace weft::testing {

class virtual_ip_socket;

/// Who is bound to which port of which simulated host. TCP and UDP have ports of their own: `type`
/// is SOCK_STREAM or SOCK_DGRAM.
class virtual_ports {
public:
    using list = std::vector<virtual_ip_socket*>;

    /// Those that are bound to a port, the oldest first.
    const list& bound(node_id node, int type, std::uint16_t port) const noexcept {
        static const list nobody;
        const auto found = bound_.find({node, type, port});
        return found == bound_.end() ? nobody : found->second;
    }
    void add(node_id node, int type, std::uint16_t port, virtual_ip_socket& one) {
        bound_[{node, type, port}].push_back(&one);
    }
    void remove(node_id node, int type, std::uint16_t port, virtual_ip_socket& one) noexcept {
        const auto found = bound_.find({node, type, port});
        if (found == bound_.end()) return;
        std::erase(found->second, &one);
        if (found->second.empty()) bound_.erase(found);
    }
    /// Returns 0 if all are taken.
    std::uint16_t free_port(node_id node, int type);

private:
    struct key {
        node_id node;
        int type;
        std::uint16_t port;
        auto operator<=>(const key&) const = default;
    };

    std::map<key, list> bound_;
    std::map<std::pair<node_id, int>, std::uint16_t> last_;
};

// Implementation ------------------------------------------------------------

inline std::uint16_t virtual_ports::free_port(node_id node, int type) {
    constexpr std::uint16_t first = 32768, last = 60999;
    auto& port = last_[{node, type}];
    for (int tries = 0; tries <= last - first; ++tries) {
        port = port < first || port == last ? first : static_cast<std::uint16_t>(port + 1);
        if (!bound_.contains({node, type, port})) return port;
    }
    return 0;
}

} // namespace weft::testing
