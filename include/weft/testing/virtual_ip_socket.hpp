// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstdint>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include <weft/testing/virtual_place.hpp>
#include <weft/testing/virtual_socket.hpp>
#include <weft/testing/virtual_world.hpp>

namespace weft::testing {

/// What the simulated sockets of TCP and UDP have in common: ports.
class virtual_ip_socket : public virtual_socket {
public:
    using virtual_socket::virtual_socket;
    ~virtual_ip_socket() override {
        if (is_bound_) world_.ports.remove(node_, type_, local_.port, *this);
    }

    inline int bind(const place& at) final;

    /// The one of a host that gets what comes for `at`, or null.
    template <class Accepts>
    static virtual_ip_socket* find(virtual_world& world, node_id node, int type, const place& at,
                                   Accepts accepts);

protected:
    /// Gives it a port if it has none.
    int bind_if_needed() { return local_.port != 0 ? 0 : bind({family_, no_node, false, 0}); }
    /// Whether a socket of this family can go there.
    bool can_reach(const place& to) const noexcept {
        return to.family == family_ || (family_ == AF_INET6 && to.family == AF_INET);
    }

private:
    bool shares_port() const noexcept { return option(SOL_SOCKET, SO_REUSEPORT) != 0; }
    bool is_only_v6() const noexcept { return option(IPPROTO_IPV6, IPV6_V6ONLY) != 0; }
    /// Whether both would get what comes for one of them.
    bool conflicts(const virtual_ip_socket& other) const noexcept;

    bool is_bound_ = false;
};

// Implementation ------------------------------------------------------------

inline bool virtual_ip_socket::conflicts(const virtual_ip_socket& other) const noexcept {
    if (shares_port() && other.shares_port()) return false;
    if (family_ != other.family_) { // IPv6 takes what comes for IPv4 if it takes anything
        const auto& six = family_ == AF_INET6 ? *this : other;
        if (six.is_only_v6() || six.local_.node != no_node) return false;
    }
    return local_.node == no_node || other.local_.node == no_node ||
           local_.loopback == other.local_.loopback;
}

inline int virtual_ip_socket::bind(const place& at) {
    if (is_bound_) return -EINVAL;
    if (!can_reach(at)) return -EAFNOSUPPORT;
    if (at.node != no_node && at.node != node_) return -EADDRNOTAVAIL;
    local_ = at;
    if (at.port == 0) local_.port = world_.ports.free_port(node_, type_);
    bool taken = local_.port == 0;
    for (const auto* each : world_.ports.bound(node_, type_, local_.port))
        taken = taken || each->conflicts(*this);
    if (taken) {
        local_ = {};
        return -EADDRINUSE;
    }
    world_.ports.add(node_, type_, local_.port, *this);
    is_bound_ = true;
    return 0;
}

template <class Accepts>
virtual_ip_socket* virtual_ip_socket::find(virtual_world& world, node_id node, int type,
                                           const place& at, Accepts accepts) {
    std::vector<virtual_ip_socket*> fit; // several only if they share the port
    for (auto* each : world.ports.bound(node, type, at.port)) {
        const auto& local = each->local();
        const bool family = each->family() == at.family ||
                            (each->family() == AF_INET6 && !each->is_only_v6());
        const bool address = local.node == no_node || local.loopback == at.loopback;
        if (family && address && accepts(*each)) fit.push_back(each);
    }
    if (fit.empty()) return nullptr;
    return fit[world.loop.choices().choose(static_cast<std::uint32_t>(fit.size()))];
}

} // namespace weft::testing
