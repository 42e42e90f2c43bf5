// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <weft/loop/readiness.hpp>
#include <weft/loop/timer_queue.hpp>
#include <weft/testing/byte_queue.hpp>
#include <weft/testing/no_faults.hpp>
#include <weft/testing/simulated_loop.hpp>
#include <weft/testing/virtual_network.hpp>

namespace weft::testing {

class virtual_world;

/// A socket of a simulated host: what TCP and UDP have in common. What returns an int returns a
/// negative `errno` when it fails.
class virtual_socket {
public:
    virtual_socket(virtual_world& world, node_id node, int family, int type, int protocol) noexcept
        : world_(world), node_(node), family_(family), type_(type), protocol_(protocol) {}
    virtual_socket(virtual_socket&&) = delete;
    virtual ~virtual_socket();

    node_id node() const noexcept { return node_; }
    int family() const noexcept { return family_; }
    int type() const noexcept { return type_; }
    int protocol() const noexcept { return protocol_; }
    const place& local() const noexcept { return local_; }
    const place& remote() const noexcept { return remote_; }

    /// Its descriptor; -1: it has none yet, or no more.
    int fd = -1;
    bool reuse_port = false;
    bool only_v6 = false;
    bool aborts = false; ///< SO_LINGER of no time
    std::size_t send_capacity = 212'992;
    std::size_t receive_capacity = 212'992;
    std::map<std::pair<int, int>, int> options; ///< by level and name: those that do nothing here

    int bind(const place& at);
    /// Returns the error that is pending, and forgets it.
    int take_error() noexcept { return std::exchange(error_, 0); }

    virtual readiness ready() const noexcept = 0;
    virtual bool is_connected() const noexcept = 0;
    virtual bool is_listening() const noexcept { return false; }
    virtual int connect(const place& to) = 0;
    virtual int listen(int) { return -EOPNOTSUPP; }
    virtual int accept(virtual_socket*&) { return -EOPNOTSUPP; }
    virtual int shutdown(int how) = 0;
    virtual ssize_t receive(const gathered_buffers& to, int flags, place* from, int* got_flags) = 0;
    virtual ssize_t send(const gathered_buffers& from, const place* to) = 0;
    /// Its descriptor is gone. It may destroy itself, now or when it has sent all it has.
    virtual void close() = 0;

protected:
    /// Gives it a port if it has none.
    int bind_if_needed() { return local_.port != 0 ? 0 : bind({family_, no_node, false, 0}); }
    void report(readiness what) noexcept;
    /// Whether both would get what comes for one of them.
    bool conflicts(const virtual_socket& other) const noexcept;

    virtual_world& world_;
    node_id node_;
    int family_;
    int type_;
    int protocol_;
    place local_;
    place remote_;
    int error_ = 0;
    bool is_bound_ = false;

private:
    friend virtual_world;
    std::list<std::unique_ptr<virtual_socket>>::iterator self_;
};

/// Something on its way that arrives once, whatever becomes of its sender.
class in_flight : public timer {
public:
    explicit in_flight(virtual_world& world) noexcept : timer(&fired), world_(world) {}
    virtual ~in_flight() = default;

protected:
    virtual void arrive() = 0;

    virtual_world& world_;

private:
    friend virtual_world;
    static void fired(timer& self) noexcept;

    std::list<std::unique_ptr<in_flight>>::iterator self_;
};

/// Everything on the simulated hosts that has to do with sockets.
class virtual_world {
public:
    explicit virtual_world(simulated_loop& runs_in) noexcept : loop(runs_in) {}
    virtual_world(virtual_world&&) = delete;

    simulated_loop& loop;
    virtual_network network;

    std::int64_t now() const noexcept { return loop.now().time_since_epoch().count(); }
    void arm(timer& one, std::int64_t at) noexcept { loop.arm(one, time_point(duration(at))); }

    template <class Socket, class... Args>
    Socket& make(Args&&... args) {
        sockets_.push_back(std::make_unique<Socket>(*this, std::forward<Args>(args)...));
        sockets_.back()->self_ = std::prev(sockets_.end());
        return static_cast<Socket&>(*sockets_.back());
    }
    void destroy(virtual_socket& one) noexcept { sockets_.erase(one.self_); }
    /// The sockets of a host whose power fails: nobody is told.
    void destroy_all(node_id node) noexcept {
        std::erase_if(sockets_, [&](const auto& each) { return each->node() == node; });
    }

    /// The sockets of one host that are connected to another one.
    std::vector<virtual_socket*> connections(node_id from, node_id to) const {
        std::vector<virtual_socket*> result;
        for (auto& each : sockets_)
            if (each->node() == from && each->remote().node == to && each->is_connected())
                result.push_back(each.get());
        return result;
    }

    /// Lets `one` arrive at that time.
    void launch(std::unique_ptr<in_flight> one, std::int64_t at) {
        arm(*one, at);
        flying_.push_back(std::move(one));
        flying_.back()->self_ = std::prev(flying_.end());
    }

    /// Those that are bound to a port of a host, the oldest first.
    std::vector<virtual_socket*>& bound(node_id node, int type, std::uint16_t port) {
        return bound_[{node, type, port}];
    }
    void unbind(virtual_socket& one) noexcept {
        const auto found = bound_.find({one.node(), one.type(), one.local().port});
        if (found == bound_.end()) return;
        std::erase(found->second, &one);
        if (found->second.empty()) bound_.erase(found);
    }
    /// The one that gets what comes for `at`, or null.
    template <class Accepts>
    virtual_socket* find(node_id node, int type, const place& at, Accepts accepts);
    /// Returns 0 if all are taken.
    std::uint16_t free_port(node_id node, int type);

    bool is_up(node_id node) const noexcept { return up_.contains(node); }
    void set_up(node_id node, bool up) {
        if (up)
            up_[node] = true;
        else
            up_.erase(node);
    }
    /// Whether something can get from one to the other now.
    bool reaches(node_id from, node_id to) {
        return is_up(from) && is_up(to) && !network.is_cut(from, to);
    }

private:
    struct port_key {
        node_id node;
        int type;
        std::uint16_t port;
        auto operator<=>(const port_key&) const = default;
    };

    friend in_flight;

    std::map<port_key, std::vector<virtual_socket*>> bound_;
    std::map<std::pair<node_id, int>, std::uint16_t> last_port_;
    std::map<node_id, bool> up_;
    std::list<std::unique_ptr<in_flight>> flying_;
    std::list<std::unique_ptr<virtual_socket>> sockets_; // go first: they give up their ports
};

// Implementation ------------------------------------------------------------

inline virtual_socket::~virtual_socket() {
    if (is_bound_) world_.unbind(*this);
}

inline void virtual_socket::report(readiness what) noexcept {
    if (fd >= 0) world_.loop.system().report(fd, what);
}

inline bool virtual_socket::conflicts(const virtual_socket& other) const noexcept {
    if (reuse_port && other.reuse_port) return false;
    if (family_ != other.family_) { // IPv6 takes what comes for IPv4 if it takes anything
        const auto& six = family_ == AF_INET6 ? *this : other;
        if (six.only_v6 || six.local_.node != no_node) return false;
    }
    return local_.node == no_node || other.local_.node == no_node ||
           local_.loopback == other.local_.loopback;
}

inline int virtual_socket::bind(const place& at) {
    if (is_bound_) return -EINVAL;
    if (at.family != family_ && family_ == AF_INET) return -EAFNOSUPPORT;
    if (at.node != no_node && at.node != node_) return -EADDRNOTAVAIL;
    local_ = at;
    if (at.port == 0) local_.port = world_.free_port(node_, type_);
    bool taken = local_.port == 0;
    for (const auto* each : world_.bound(node_, type_, local_.port))
        taken = taken || each->conflicts(*this);
    if (taken) {
        local_ = {};
        return -EADDRINUSE;
    }
    world_.bound(node_, type_, local_.port).push_back(this);
    is_bound_ = true;
    return 0;
}

inline void in_flight::fired(timer& self) noexcept {
    const no_faults scope;
    auto& one = static_cast<in_flight&>(self);
    const auto own = std::move(*one.self_);
    one.world_.flying_.erase(one.self_);
    one.arrive();
}

template <class Accepts>
virtual_socket* virtual_world::find(node_id node, int type, const place& at, Accepts accepts) {
    const auto found = bound_.find({node, type, at.port});
    if (found == bound_.end()) return nullptr;
    std::vector<virtual_socket*> fit; // several only if they share the port
    for (auto* each : found->second) {
        const auto& local = each->local();
        const bool family =
            each->family() == at.family || (each->family() == AF_INET6 && !each->only_v6);
        const bool address = local.node == no_node || local.loopback == at.loopback;
        if (family && address && accepts(*each)) fit.push_back(each);
    }
    if (fit.empty()) return nullptr;
    return fit[loop.choices().choose(static_cast<std::uint32_t>(fit.size()))];
}

inline std::uint16_t virtual_world::free_port(node_id node, int type) {
    constexpr std::uint16_t first = 32768, last = 60999;
    auto& port = last_port_[{node, type}];
    for (int tries = 0; tries <= last - first; ++tries) {
        port = port < first || port == last ? first : static_cast<std::uint16_t>(port + 1);
        if (!bound_.contains({node, type, port})) return port;
    }
    return 0;
}

} // namespace weft::testing
