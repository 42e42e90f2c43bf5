// SPDX-License-Identifier: MIT
// A member of the cluster: the protocol of "In Search of an Understandable Consensus Algorithm"
// (Ongaro, Ousterhout 2014), without snapshots and changes of membership.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/loop_clock.hpp>
#include <weft/net/endpoint.hpp>
#include <weft/net/tcp_listener.hpp>
#include <weft/net/tcp_stream.hpp>
#include <weft/sync/event.hpp>

#include "messages.hpp"

namespace replicated_log {

/// What survives a crash.
struct disk {
    term_number term = 0;
    std::optional<member_id> vote; ///< in this term
    std::vector<entry> log;
};

struct timing {
    weft::duration heartbeat = std::chrono::milliseconds(80);
    weft::duration least_patience = std::chrono::milliseconds(300); ///< without word of a leader
    weft::duration most_patience = std::chrono::milliseconds(450);
    weft::duration answer = std::chrono::milliseconds(200); ///< a peer that takes longer is away
};

/// Mistakes, so that it can be seen that they are found.
enum class bug {
    none,
    ack_before_majority, ///< the leader's own disk is enough
    forget_votes,        ///< they are not on the disk
    ignore_logs,         ///< whoever asks first gets the vote
    apply_twice,         ///< what a client has sent again is new
};

/// Somebody who wants to know what happens.
class witness {
public:
    virtual void leads(member_id who, term_number term) = 0;
    /// `who` has learnt that `what` is committed; `is_new` unless it was before, at another index.
    virtual void applies(member_id who, log_index index, const entry& what, bool is_new) = 0;

protected:
    ~witness() = default;
};

class node {
public:
    struct setup {
        member_id self = nobody;
        std::vector<weft::endpoint> members;
        timing times;
        std::uint64_t seed = 0;
        bug planted = bug::none;
    };
    node(setup how, disk& kept, witness& told);

    /// Takes part until it is cancelled.
    weft::task<> run(weft::tcp_listener& listener);

private:
    enum class role { follower, candidate, leader };

    // What others ask.
    weft::task<> answer(weft::tcp_stream stream);
    weft::task<reply> obey(ask_propose wish);
    weft::task<reply> obey(ask_vote wish);
    weft::task<reply> obey(ask_append wish);

    // Elections.
    weft::task<> stand_when_silent();
    weft::task<> canvass(member_id peer, term_number term);
    void follow(term_number term);
    void lead();
    bool leads(term_number term) const { return role_ == role::leader && disk_.term == term; }

    // The log.
    weft::task<> replicate(member_id peer, term_number term);
    ask_append news_for(log_index next) const;
    void commit_what_a_majority_has();
    void commit(log_index up_to);
    term_number term_at(log_index index) const {
        return index == 0 ? 0 : disk_.log[static_cast<std::size_t>(index - 1)].term;
    }
    log_index last_index() const { return disk_.log.size(); }

    template <class F>
    void for_each_peer(F f) {
        for (member_id each = 0; each != how_.members.size(); ++each)
            if (each != how_.self) f(each);
    }
    std::size_t majority() const { return how_.members.size() / 2 + 1; }
    static void tell(weft::event& who) { who.set(), who.clear(); }

    setup how_;
    disk& disk_;
    witness& told_;
    std::mt19937_64 random_;
    weft::task_group* activities_ = nullptr;

    role role_ = role::follower;
    member_id leader_ = nobody;
    std::size_t votes_ = 0;
    std::vector<log_index> has_; // how far each member's log is known to agree
    log_index committed_ = 0;
    std::map<std::uint64_t, std::uint64_t> newest_; // number applied, of each client
    weft::event heard_;                             // from a leader, or a vote was given
    weft::event grown_;                             // there is something to replicate
    weft::event changed_;                           // `committed_`, the term, or the role
};

} // namespace replicated_log
