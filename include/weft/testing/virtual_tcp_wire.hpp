// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <sys/socket.h>

#include <weft/loop/readiness.hpp>
#include <weft/testing/virtual_ip_socket.hpp>
#include <weft/testing/virtual_tcp_base.hpp>

// How the segments of simulated TCP travel: what is on its way from one end to the other is in the
// first one's outbox. The times and limits are Linux's.
namespace weft::testing {

namespace detail {

inline constexpr std::int64_t first_retry = 200'000'000;
inline constexpr std::int64_t first_syn_retry = 1'000'000'000;
inline constexpr std::int64_t longest_retry = 120'000'000'000;
inline constexpr int most_retries = 15;
inline constexpr int most_syn_retries = 6;

inline std::int64_t retry_delay(bool syn, int tries) noexcept {
    return std::min((syn ? first_syn_retry : first_retry) << std::min(tries, 10), longest_retry);
}

} // namespace detail

inline void virtual_tcp::post(segment&& next) {
    auto& choices = world_.loop.choices();
    auto sent = world_.now();
    const bool syn = next.flags & segment::syn;
    for (int lost = 0; lost < 5 && world_.network.loses(node_, remote_.node, choices); ++lost)
        sent += detail::retry_delay(syn, lost);
    const auto arrival =
        world_.network.arrival(sent, node_, remote_.node, 40 + next.data.size(), choices);
    next.window = advertised_;
    next.arrival = last_arrival_ = std::max(last_arrival_, arrival);
    outbox_.push_back(std::move(next));
    if (outbox_.size() == 1) arm_head();
}

inline void virtual_tcp::head_arrives() {
    if (!world_.reaches(node_, remote_.node)) return try_again();
    auto arrived = std::move(outbox_.front());
    outbox_.pop_front();
    if (!outbox_.empty()) arm_head();
    deliver(arrived); // may destroy this
}

// The way is blocked. What was sent cannot be lost for good, except by who has aborted.
inline void virtual_tcp::try_again() {
    auto& head = outbox_.front();
    const bool syn = head.flags & segment::syn;
    const int tries = head.tries++;
    if (is_aborting()) {
        outbox_.clear();
        return destroy_if_over();
    }
    if (tries >= (syn ? detail::most_syn_retries : detail::most_retries)) {
        if (head.is_answered()) return fail(ETIMEDOUT);
        outbox_.pop_front();
        if (!outbox_.empty()) arm_head();
        return destroy_if_over();
    }
    head.arrival = world_.now() + detail::retry_delay(syn, tries);
    arm_head();
}

inline void virtual_tcp::deliver(segment& arrived) {
    world_.loop.trace(arrived.flags + 32 * arrived.data.size());
    if (!arrived.data.empty())
        world_.loop.trace(static_cast<std::uint64_t>(arrived.data.front()) << 8 |
                          static_cast<std::uint64_t>(arrived.data.back()));
    if (arrived.flags & segment::syn) return deliver_syn(arrived);
    if (peer_) {
        auto& peer = *peer_;
        if (peer.is_orphan_ && !arrived.data.empty()) { // nobody will ever read it
            answer_with_reset();
            if (!peer.is_aborting()) world_.destroy(peer);
            return;
        }
        peer.take(arrived); // it may reset and destroy itself
    } else if (!arrived.data.empty() || (arrived.is_answered() && !fin_received_)) {
        return answer_with_reset();
    }
    destroy_if_over();
}

inline void virtual_tcp::answer_with_reset() {
    outbox_.clear();
    head_.disarm();
    world_.arm(reset_, world_.network.arrival(world_.now(), remote_.node, node_, 40,
                                              world_.loop.choices()));
}

inline void virtual_tcp::deliver_syn(segment& syn) {
    auto* const found = find(world_, remote_.node, SOCK_STREAM, remote_, [](auto& each) {
        return each.is_listening();
    });
    if (!found) return answer_with_reset();
    auto& listener = static_cast<virtual_tcp&>(*found);
    if (listener.handshakes_.size() + listener.backlog_.size() > listener.most_waiting_) {
        // Full: the kernel drops it, and the client tries again.
        outbox_.push_front(std::move(syn));
        return try_again();
    }
    auto& fresh = world_.make<virtual_tcp>(remote_.node, listener.family_, type_, protocol_);
    fresh.state_ = state::accepting;
    fresh.local_ = remote_;
    fresh.remote_ = local_;
    fresh.options = listener.options;
    fresh.send_capacity = listener.send_capacity;
    fresh.receive_capacity = listener.receive_capacity;
    fresh.advertised_ = fresh.receive_capacity;
    fresh.peer_window_ = receive_capacity;
    fresh.listener_ = &listener;
    fresh.peer_ = this;
    peer_ = &fresh;
    listener.handshakes_.push_back(&fresh);
    fresh.post({.flags = segment::syn_ack});
}

/// Something arrives from the peer, in order.
inline void virtual_tcp::take(segment& arrived) {
    if (arrived.flags & segment::reset) return fail(ECONNRESET);
    if (arrived.flags & segment::syn_ack) {
        state_ = state::connected;
        advertised_ = receive_capacity;
        peer_window_ = peer_->receive_capacity;
        post({.flags = segment::established});
        report(readiness::writable);
    }
    if (arrived.flags & segment::established && listener_) {
        state_ = state::connected;
        std::erase(listener_->handshakes_, this);
        listener_->backlog_.push_back(this);
        listener_->report(readiness::readable);
    }
    if (!arrived.data.empty()) {
        received_.push(arrived.data.data(), arrived.data.size());
        advertised_ = window();
        post({.acked = arrived.data.size()});
        report(readiness::readable);
    }
    if (arrived.flags & segment::fin) {
        fin_received_ = true;
        auto what = readiness::readable | readiness::hangup;
        if (fin_wanted_) what = what | readiness::writable;
        report(what);
    }
    if (arrived.flags == 0 && arrived.data.empty()) { // an acknowledgement, or a new window
        unacked_ -= arrived.acked;
        peer_window_ = arrived.window;
        pump();
        if (wants_room_ && has_room()) {
            wants_room_ = false;
            report(readiness::writable);
        }
    }
    destroy_if_over();
}

/// Sends what the peer has room for.
inline void virtual_tcp::pump() {
    constexpr std::size_t largest = 65536;
    while (!unsent_.empty() && unacked_ < peer_window_) {
        segment next{.data = unsent_.pop(std::min(largest, peer_window_ - unacked_))};
        unacked_ += next.data.size();
        post(std::move(next));
    }
    if (unsent_.empty() && fin_wanted_ && !std::exchange(fin_posted_, fin_wanted_))
        post({.flags = segment::fin});
}

/// There is room again: tells the peer, if that may be waiting for it.
inline void virtual_tcp::advertise() {
    const auto half = receive_capacity / 2;
    if (!peer_ || advertised_ >= half || (window() < half && advertised_ != 0)) return;
    advertised_ = window();
    post({});
}

/// The connection is no more.
inline void virtual_tcp::fail(int error) {
    if (error == ECONNRESET && state_ == state::connecting) error = ECONNREFUSED;
    if (error == ECONNRESET && fin_received_) error = EPIPE;
    if (peer_) std::exchange(peer_, nullptr)->peer_ = nullptr;
    outbox_.clear();
    unsent_.clear();
    head_.disarm();
    reset_.disarm();
    if (state_ == state::accepting && listener_) std::erase(listener_->handshakes_, this);
    if (is_orphan_ || state_ == state::accepting) return world_.destroy(*this);
    state_ = state::failed;
    error_ = error;
    wants_room_ = false;
    report(readiness::readable | readiness::writable | readiness::hangup);
}

inline void virtual_tcp::destroy_if_over() {
    const bool all_sent = unsent_.empty() && outbox_.empty() && !reset_.armed();
    if (is_orphan_ && all_sent && (fin_posted_ || !peer_)) world_.destroy(*this);
}

} // namespace weft::testing
