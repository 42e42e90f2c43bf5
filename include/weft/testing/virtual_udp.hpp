// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <weft/testing/byte_queue.hpp>
#include <weft/testing/virtual_ip_socket.hpp>
#include <weft/testing/virtual_place.hpp>
#include <weft/testing/virtual_world.hpp>

namespace weft::testing {

/// A UDP socket of a simulated host. Datagrams are lost and overtake each other as the link says,
/// and are dropped when the receiver's buffer is full.
class virtual_udp final : public virtual_ip_socket {
public:
    using virtual_ip_socket::virtual_ip_socket;

    bool is_connected() const noexcept override { return remote_.port != 0; }
    readiness ready() const noexcept override {
        auto what = readiness::writable;
        if (!queue_.empty()) what = what | readiness::readable;
        if (error_ != 0) what = what | readiness::readable | readiness::hangup;
        return what;
    }
    inline int connect(const place& to) override;
    int shutdown(int) override { return is_connected() ? 0 : -ENOTCONN; }
    inline ssize_t receive(const gathered_buffers& to, int flags, place* from,
                           int* got_flags) override;
    inline ssize_t send(const gathered_buffers& from, const place* to) override;
    void close() override { world_.destroy(*this); }

private:
    struct datagram {
        place from;
        std::vector<std::byte> data;
    };
    class flight;

    void receive(datagram&& arrived);
    void refused(int error) {
        error_ = error;
        report(readiness::readable | readiness::writable | readiness::hangup);
    }
    bool takes_from(const place& from) const noexcept {
        return !is_connected() || (remote_.port == from.port && remote_.node == from.node);
    }

    std::deque<datagram> queue_;
    std::size_t queued_ = 0; // bytes
};

// Implementation ------------------------------------------------------------

/// A datagram on its way, or the answer that nobody listens there.
class virtual_udp::flight final : public in_flight {
public:
    flight(virtual_world& world, place from, place to, std::vector<std::byte> data, int refusal)
        : in_flight(world), from_(from), to_(to), data_(std::move(data)), refusal_(refusal) {}

private:
    void arrive() override {
        if (!world_.reaches(from_.node, to_.node)) return;
        auto* const socket = find(world_, to_.node, SOCK_DGRAM, to_, [&](auto& each) {
            return static_cast<virtual_udp&>(each).takes_from(from_);
        });
        auto* const receiver = static_cast<virtual_udp*>(socket);
        if (refusal_ != 0) {
            if (receiver && receiver->is_connected()) receiver->refused(refusal_);
        } else if (receiver) {
            receiver->receive({from_, std::move(data_)});
        } else {
            world_.launch(std::make_unique<flight>(world_, to_, from_, std::vector<std::byte>(),
                                                   ECONNREFUSED),
                          world_.network.arrival(world_.now(), to_.node, from_.node, 64,
                                                 world_.loop.choices()));
        }
    }

    place from_, to_;
    std::vector<std::byte> data_;
    int refusal_;
};

inline int virtual_udp::connect(const place& to) {
    if (to.node == nowhere) return -ENETUNREACH;
    if (!can_reach(to)) return -EAFNOSUPPORT;
    if (const int error = bind_if_needed(); error < 0) return error;
    remote_ = to;
    return 0;
}

inline ssize_t virtual_udp::send(const gathered_buffers& from, const place* to) {
    constexpr std::size_t largest = 65507;
    if (error_ != 0) return -take_error();
    if (!to && !is_connected()) return -EDESTADDRREQ;
    place target = to ? *to : remote_;
    if (target.node == nowhere) return -ENETUNREACH;
    if (target.node == no_node) target.node = node_, target.loopback = true;
    const auto size = from.size();
    if (size > largest) return -EMSGSIZE;
    if (const int error = bind_if_needed(); error < 0) return error;

    auto& choices = world_.loop.choices();
    const auto at = world_.network.arrival(world_.now(), node_, target.node, size, choices);
    if (!world_.network.loses(node_, target.node, choices)) {
        byte_queue data;
        data.push(from, size);
        const place sender{target.family, node_, target.loopback, local_.port};
        world_.launch(std::make_unique<flight>(world_, sender, target, data.pop(size), 0), at);
    }
    return static_cast<ssize_t>(size);
}

inline void virtual_udp::receive(datagram&& arrived) {
    if (queued_ + arrived.data.size() > receive_capacity) return;
    world_.loop.trace(arrived.data.size());
    queued_ += arrived.data.size();
    queue_.push_back(std::move(arrived));
    report(readiness::readable);
}

inline ssize_t virtual_udp::receive(const gathered_buffers& to, int flags, place* from,
                                    int* got_flags) {
    if (error_ != 0) return -take_error();
    if (queue_.empty()) return -EAGAIN;
    const auto& oldest = queue_.front();
    byte_queue data;
    data.push(oldest.data.data(), oldest.data.size());
    const auto size = data.pop(to);
    const bool truncated = size < oldest.data.size();
    if (from) *from = oldest.from;
    if (got_flags) *got_flags = truncated ? MSG_TRUNC : 0;
    const auto whole = oldest.data.size();
    if (!(flags & MSG_PEEK)) {
        queued_ -= whole;
        queue_.pop_front();
    }
    return static_cast<ssize_t>(flags & MSG_TRUNC ? whole : size);
}

} // namespace weft::testing
