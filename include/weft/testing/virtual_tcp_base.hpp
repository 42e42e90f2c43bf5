// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <weft/loop/readiness.hpp>
#include <weft/loop/timer_queue.hpp>
#include <weft/testing/byte_queue.hpp>
#include <weft/testing/no_faults.hpp>
#include <weft/testing/virtual_ip_socket.hpp>
#include <weft/testing/virtual_place.hpp>
#include <weft/testing/virtual_socket.hpp>
#include <weft/testing/virtual_world.hpp>

namespace weft::testing {

/// A TCP socket of a simulated host: a listener, or one end of a connection.
///
/// What a program can see of TCP: handshake, flow control by buffers and windows, half-close,
/// resets, and time-outs. Segments arrive in order; one that is lost, or cannot pass, is sent again
/// later and later, and holds up those behind it.
///
/// What its calls do is in testing/virtual_tcp.hpp, how segments travel in
/// testing/virtual_tcp_wire.hpp; include the former.
class virtual_tcp final : public virtual_ip_socket {
public:
    using virtual_ip_socket::virtual_ip_socket;
    ~virtual_tcp() override {
        if (peer_) peer_->peer_ = nullptr;
    }

    /// This end gets ECONNRESET, and nobody tells the other one.
    void cut_off(node_id peer) override {
        if (is_connected() && remote_.node == peer) fail(ECONNRESET);
    }

    bool is_connected() const noexcept override { return state_ == state::connected; }
    bool is_listening() const noexcept override { return state_ == state::listening; }
    readiness ready() const noexcept override;
    int connect(const place& to) override;
    int listen(int backlog) override;
    int accept(virtual_socket*& accepted) override;
    int shutdown(int how) override;
    ssize_t receive(const gathered_buffers& to, int flags, place* from, int* got_flags) override;
    ssize_t send(const gathered_buffers& from, const place* to) override;
    void close() override;

private:
    enum class state { fresh, listening, connecting, accepting, connected, failed };

    struct segment {
        enum : unsigned { syn = 1, syn_ack = 2, established = 4, fin = 8, reset = 16 };
        unsigned flags = 0;
        std::vector<std::byte> data{};
        std::size_t acked = 0;  // bytes that the receiver of this sent before
        std::size_t window = 0; // what the sender has room for
        std::int64_t arrival = 0;
        int tries = 0;

        /// Whether its sender waits for an answer; else it is a mere acknowledgement.
        bool is_answered() const noexcept {
            return (flags & (syn | syn_ack | fin)) || !data.empty();
        }
    };
    struct own_timer : timer {
        own_timer(virtual_tcp& owner, fire_function fire) noexcept : timer(fire), self(owner) {}
        virtual_tcp& self;
    };

    void post(segment&& next);
    void arm_head() noexcept { world_.arm(head_, std::max(world_.now(), outbox_.front().arrival)); }
    void head_arrives();
    void try_again();
    void deliver(segment& arrived);
    void deliver_syn(segment& syn);
    void answer_with_reset();
    void take(segment& arrived);
    void pump();
    void advertise();
    void fail(int error);
    void destroy_if_over();
    bool is_aborting() const noexcept {
        return !outbox_.empty() && (outbox_.back().flags & segment::reset);
    }
    bool has_room() const noexcept {
        return send_capacity - std::min(send_capacity, unsent_.size() + unacked_) >=
               std::max<std::size_t>(send_capacity / 3, 1);
    }
    std::size_t window() const noexcept {
        return receive_capacity - std::min(receive_capacity, received_.size());
    }

    state state_ = state::fresh;
    virtual_tcp* peer_ = nullptr; // null: there is none, or no more
    bool told_connected_ = false; // by `connect`
    bool is_orphan_ = false;      // closed, but not done
    bool read_shut_ = false;
    bool fin_received_ = false;
    bool fin_wanted_ = false;
    bool fin_posted_ = false;
    bool wants_room_ = false; // somebody was told EAGAIN

    byte_queue received_;
    std::size_t advertised_ = 0; // the window that the peer was told last
    byte_queue unsent_;
    std::size_t unacked_ = 0;     // bytes sent and not acknowledged
    std::size_t peer_window_ = 0; // how many of these there may be
    std::deque<segment> outbox_;  // what is on its way, in order
    std::int64_t last_arrival_ = 0;
    own_timer head_{*this, [](timer& one) noexcept {
                        const no_faults scope;
                        static_cast<own_timer&>(one).self.head_arrives();
                    }};
    own_timer reset_{*this, [](timer& one) noexcept {
                         const no_faults scope;
                         auto& self = static_cast<own_timer&>(one).self;
                         if (self.world_.reaches(self.remote_.node, self.node_))
                             self.fail(ECONNRESET);
                         else
                             self.destroy_if_over();
                     }};

    // Of a listener: connections that are being made, and those that can be accepted.
    virtual_tcp* listener_ = nullptr;
    std::vector<virtual_tcp*> handshakes_;
    std::deque<virtual_tcp*> backlog_;
    std::size_t most_waiting_ = 0;
};

} // namespace weft::testing
