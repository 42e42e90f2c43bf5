// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <deque>
#include <string>
#include <utility>

#include <sys/socket.h>

#include <weft/loop/readiness.hpp>
#include <weft/testing/byte_queue.hpp>
#include <weft/testing/virtual_place.hpp>
#include <weft/testing/virtual_socket.hpp>
#include <weft/testing/virtual_world.hpp>

namespace weft::testing {

/// A unix stream socket of a simulated host: a listener, or one end of a connection within that
/// host. Nothing takes time: what is written is in the peer's queue at once, also before the
/// connection is accepted. What fails does so as on Linux.
class virtual_unix final : public virtual_socket {
public:
    using virtual_socket::virtual_socket;
    ~virtual_unix() override {
        if (!own_path_.empty()) world_.paths.leave(node_, own_path_, *this);
        if (peer_) peer_->peer_ = nullptr;
    }

    bool is_connected() const noexcept override { return state_ == state::connected; }
    bool is_listening() const noexcept override { return state_ == state::listening; }
    inline readiness ready() const noexcept override;
    inline int bind(const place& at) override;
    inline int connect(const place& to) override;
    inline int listen(int backlog) override;
    inline int accept(virtual_socket*& accepted) override;
    inline int shutdown(int how) override;
    inline ssize_t receive(const gathered_buffers& to, int flags, place* from,
                           int* got_flags) override;
    inline ssize_t send(const gathered_buffers& from, const place* to) override;
    inline void close() override;

private:
    enum class state { fresh, listening, connected };

    /// What it has written, and the peer has not read.
    std::size_t unread() const noexcept { return peer_ ? peer_->received_.size() : 0; }
    bool is_writable() const noexcept { return unread() * 4 <= send_capacity; }
    /// Tells the peer, if there is one, that this end is closed.
    void leave_peer(bool resets);
    void shut(bool reading, bool writing);

    state state_ = state::fresh;
    virtual_unix* peer_ = nullptr; // null: there is none, or no more
    bool read_shut_ = false;       // by this end or by the peer
    bool write_shut_ = false;
    bool wants_room_ = false; // somebody was told EAGAIN
    byte_queue received_;

    std::string own_path_;              // under which `world_.paths` knows it
    std::deque<virtual_unix*> backlog_; // of a listener: connections that can be accepted
    std::size_t most_waiting_ = 0;
};

// Implementation ------------------------------------------------------------

inline readiness virtual_unix::ready() const noexcept {
    constexpr auto all = readiness::readable | readiness::writable | readiness::hangup;
    if (state_ == state::fresh || error_ != 0 || (read_shut_ && write_shut_)) return all;
    if (state_ == state::listening)
        return backlog_.empty() ? readiness::none : readiness::readable;
    readiness what{};
    if (!received_.empty()) what = what | readiness::readable;
    if (read_shut_) what = what | readiness::readable | readiness::hangup;
    if (is_writable()) what = what | readiness::writable;
    return what;
}

inline int virtual_unix::bind(const place& at) {
    if (at.family != AF_UNIX || !own_path_.empty()) return -EINVAL;
    if (const int error = world_.paths.add(node_, at.path, *this); error < 0) return error;
    local_ = at;
    own_path_ = at.path;
    return 0;
}

inline int virtual_unix::connect(const place& to) {
    if (to.family != AF_UNIX) return -EINVAL;
    const auto* const found = world_.paths.find(node_, to.path);
    const bool abstract = to.path[0] == '\0';
    if (!found) return abstract ? -ECONNREFUSED : -ENOENT;
    if (!found->socket || !found->socket->is_listening()) return -ECONNREFUSED;
    auto& listener = *found->socket;
    if (listener.backlog_.size() > listener.most_waiting_) return -EAGAIN;
    if (state_ != state::fresh) return state_ == state::connected ? -EISCONN : -EINVAL;

    auto& accepted = world_.make<virtual_unix>(node_, family_, type_, protocol_);
    accepted.state_ = state_ = state::connected;
    accepted.peer_ = this;
    peer_ = &accepted;
    accepted.local_ = remote_ = listener.local_;
    local_.family = AF_UNIX;
    accepted.remote_ = local_;
    listener.backlog_.push_back(&accepted);
    listener.report_later();
    world_.loop.trace(listener.backlog_.size());
    return 0;
}

inline int virtual_unix::listen(int backlog) {
    if (state_ == state::connected || own_path_.empty()) return -EINVAL;
    state_ = state::listening;
    most_waiting_ = static_cast<std::size_t>(std::clamp(backlog, 0, 4096));
    return 0;
}

inline int virtual_unix::accept(virtual_socket*& accepted) {
    if (state_ != state::listening) return -EINVAL;
    if (backlog_.empty()) return -EAGAIN;
    accepted = backlog_.front();
    backlog_.pop_front();
    return 0;
}

inline void virtual_unix::shut(bool reading, bool writing) {
    read_shut_ = read_shut_ || reading;
    write_shut_ = write_shut_ || writing;
    report_later();
}

inline int virtual_unix::shutdown(int how) {
    const bool reading = how != SHUT_WR, writing = how != SHUT_RD;
    shut(reading, writing);
    if (peer_) peer_->shut(writing, reading);
    return 0;
}

inline ssize_t virtual_unix::receive(const gathered_buffers& to, int flags, place*,
                                     int* got_flags) {
    if (got_flags) *got_flags = 0;
    if (state_ != state::connected) return -EINVAL;
    if (!received_.empty()) {
        const bool peeks = flags & MSG_PEEK;
        const auto size = received_.pop(to, peeks);
        if (!peeks && peer_ && peer_->wants_room_ && peer_->is_writable()) {
            peer_->wants_room_ = false;
            peer_->report_later();
        }
        return static_cast<ssize_t>(size);
    }
    if (error_ != 0) return -take_error();
    return read_shut_ ? 0 : -EAGAIN;
}

inline ssize_t virtual_unix::send(const gathered_buffers& from, const place* to) {
    if (to) return state_ == state::connected ? -EISCONN : -EOPNOTSUPP;
    if (state_ != state::connected) return -ENOTCONN;
    if (write_shut_) return -EPIPE;
    const auto wanted = from.size();
    const auto size = std::min(wanted, send_capacity - std::min(send_capacity, unread()));
    wants_room_ = wants_room_ || size < wanted;
    if (size == 0 && wanted != 0) return -EAGAIN;
    peer_->received_.push(from, size);
    peer_->report_later();
    world_.loop.trace(size);
    return static_cast<ssize_t>(size);
}

inline void virtual_unix::leave_peer(bool resets) {
    if (!peer_) return;
    if (resets) peer_->error_ = ECONNRESET;
    peer_->peer_ = nullptr;
    std::exchange(peer_, nullptr)->shut(true, true);
}

inline void virtual_unix::close() {
    for (auto* each : backlog_) {
        each->leave_peer(true);
        world_.destroy(*each);
    }
    leave_peer(!received_.empty());
    world_.destroy(*this);
}

} // namespace weft::testing
