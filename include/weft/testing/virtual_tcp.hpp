// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>

#include <sys/socket.h>

#include <weft/loop/readiness.hpp>
#include <weft/testing/byte_queue.hpp>
#include <weft/testing/virtual_place.hpp>
#include <weft/testing/virtual_socket.hpp>
#include <weft/testing/virtual_tcp_base.hpp>
#include <weft/testing/virtual_tcp_wire.hpp>

// What the system calls do to the sockets of simulated TCP.
namespace weft::testing {

inline readiness virtual_tcp::ready() const noexcept {
    constexpr auto both = readiness::readable | readiness::writable;
    switch (state_) {
    case state::fresh: return readiness::writable | readiness::hangup;
    case state::listening: return backlog_.empty() ? readiness::none : readiness::readable;
    case state::connecting:
    case state::accepting: return readiness::none;
    case state::failed: return both | readiness::hangup;
    case state::connected: break;
    }
    readiness what{};
    if (!received_.empty() || read_shut_) what = what | readiness::readable;
    if (fin_received_) what = what | readiness::readable | readiness::hangup;
    if (fin_wanted_ || has_room()) what = what | readiness::writable;
    return what;
}

inline int virtual_tcp::connect(const place& to) {
    switch (state_) {
    case state::fresh: break;
    case state::connecting:
    case state::accepting: return -EALREADY;
    case state::connected: return std::exchange(told_connected_, true) ? -EISCONN : 0;
    case state::listening: return -EISCONN;
    case state::failed: {
        const int error = take_error();
        return error != 0 ? -error : -ECONNABORTED;
    }
    }
    if (to.node == nowhere) return -ENETUNREACH;
    if (!can_reach(to)) return -EAFNOSUPPORT;
    if (const int error = bind_if_needed(); error < 0) return error;
    remote_ = to;
    if (remote_.node == no_node) remote_.node = node_, remote_.loopback = true;
    local_.family = to.family;
    local_.node = node_;
    local_.loopback = remote_.loopback;
    state_ = state::connecting;
    post({.flags = segment::syn});
    return -EINPROGRESS;
}

inline int virtual_tcp::listen(int backlog) {
    if (state_ != state::fresh && state_ != state::listening) return -EINVAL;
    if (const int error = bind_if_needed(); error < 0) return error;
    state_ = state::listening;
    most_waiting_ = static_cast<std::size_t>(std::clamp(backlog, 0, 4096));
    return 0;
}

inline int virtual_tcp::accept(virtual_socket*& accepted) {
    if (state_ != state::listening) return -EINVAL;
    if (backlog_.empty()) return -EAGAIN;
    backlog_.front()->listener_ = nullptr;
    backlog_.front()->told_connected_ = true;
    accepted = backlog_.front();
    backlog_.pop_front();
    return 0;
}

inline int virtual_tcp::shutdown(int how) {
    if (state_ != state::connected) return -ENOTCONN;
    if (how != SHUT_WR) {
        read_shut_ = true;
        report(readiness::readable | readiness::hangup);
    }
    if (how != SHUT_RD) {
        fin_wanted_ = true;
        pump();
        report(readiness::writable);
    }
    return 0;
}

inline ssize_t virtual_tcp::receive(const gathered_buffers& to, int flags, place*, int* got_flags) {
    if (got_flags) *got_flags = 0;
    if (state_ == state::fresh || state_ == state::listening) return -ENOTCONN;
    if (!received_.empty()) {
        const auto size = received_.pop(to, flags & MSG_PEEK);
        if (!(flags & MSG_PEEK)) advertise();
        return static_cast<ssize_t>(size);
    }
    if (fin_received_) return 0; // whatever came then, is told to who writes
    if (error_ != 0) return -take_error();
    if (read_shut_ || state_ == state::failed) return 0;
    return -EAGAIN;
}

inline ssize_t virtual_tcp::send(const gathered_buffers& from, const place*) {
    if (error_ != 0) return -take_error();
    if (state_ == state::connecting) return -EAGAIN;
    if (state_ != state::connected || fin_wanted_) return -EPIPE;
    const auto used = unsent_.size() + unacked_;
    const auto size = std::min(from.size(), send_capacity - std::min(send_capacity, used));
    wants_room_ = wants_room_ || size < from.size();
    if (size == 0 && from.size() != 0) return -EAGAIN;
    unsent_.push(from, size);
    pump();
    return static_cast<ssize_t>(size);
}

inline void virtual_tcp::close() {
    const auto reset = [](virtual_tcp& one) {
        one.is_orphan_ = true;
        one.unsent_.clear();
        one.fin_posted_ = one.fin_wanted_ = true; // there will be none
        one.post({.flags = segment::reset}); // behind what is on its way
    };
    if (state_ == state::listening) {
        const auto handshakes = std::move(handshakes_);
        for (auto* each : handshakes) {
            each->listener_ = nullptr;
            reset(*each);
        }
        for (auto* each : backlog_)
            if (each->peer_)
                reset(*each);
            else
                world_.destroy(*each);
        return world_.destroy(*this);
    }
    if (state_ != state::connected) return world_.destroy(*this);
    if (!received_.empty() || aborts) return reset(*this); // as Linux does: data would be lost
    is_orphan_ = true;
    fin_wanted_ = true;
    pump();
    destroy_if_over();
}

} // namespace weft::testing
