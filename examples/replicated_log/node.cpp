// SPDX-License-Identifier: MIT
#include "node.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include <weft/compose/with_task_group.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/net/buffered_reader.hpp>
#include <weft/net/serve.hpp>
#include <weft/net/write_all.hpp>

#include "transport.hpp"

namespace replicated_log {

node::node(setup how, disk& kept, witness& told)
    : how_(std::move(how)), disk_(kept), told_(told), random_(how_.seed) {
    if (how_.planted == bug::forget_votes) disk_.vote.reset();
}

weft::task<> node::run(weft::tcp_listener& listener) {
    auto body = [this, &listener](weft::task_group& activities) -> weft::task<> {
        activities_ = &activities;
        activities.spawn(stand_when_silent());
        auto handler = [this](weft::tcp_stream stream) { return answer(std::move(stream)); };
        co_await weft::serve(listener, handler, {.drain = weft::duration::zero()});
    };
    co_await weft::with_task_group(body);
}

// What others ask ------------------------------------------------------------

weft::task<> node::answer(weft::tcp_stream stream) {
    weft::buffered_reader questions(stream);
    std::error_code code;
    for (;;) {
        auto line = co_await questions.read_line(code);
        if (code || !line) co_return;
        auto wish = parse_request(*line);
        if (!wish) co_return; // a stranger
        auto obeyed = std::visit([this](auto& one) { return obey(std::move(one)); }, *wish);
        const auto said = co_await std::move(obeyed);
        const auto text = to_line(said);
        co_await weft::write_all(stream, std::string_view(text), code);
        if (code) co_return;
    }
}

weft::task<reply> node::obey(ask_propose wish) {
    if (role_ != role::leader) co_return reply{disk_.term, false, leader_};
    const auto term = disk_.term;
    disk_.log.push_back({term, wish.client, wish.number, std::move(wish.text)});
    const auto index = last_index();
    tell(grown_);
    if (how_.planted == bug::ack_before_majority) co_return reply{term, true, index};
    while (leads(term) && committed_ < index) co_await changed_.wait();
    const bool is_there = committed_ >= index && term_at(index) == term;
    co_return reply{disk_.term, is_there, is_there ? index : leader_};
}

weft::task<reply> node::obey(ask_vote wish) {
    if (wish.term > disk_.term) follow(wish.term);
    const bool knows_enough = std::pair(wish.last_term, wish.last_index) >=
                                  std::pair(term_at(last_index()), last_index()) ||
                              how_.planted == bug::ignore_logs;
    const bool is_free = !disk_.vote || *disk_.vote == wish.candidate;
    const bool yes = wish.term == disk_.term && is_free && knows_enough;
    if (yes) {
        disk_.vote = wish.candidate;
        tell(heard_);
    }
    co_return reply{disk_.term, yes, 0};
}

weft::task<reply> node::obey(ask_append wish) {
    if (wish.term < disk_.term) co_return reply{disk_.term, false, 0};
    follow(wish.term);
    leader_ = wish.leader;
    tell(heard_);
    if (wish.before_index > last_index()) co_return reply{disk_.term, false, last_index()};
    if (term_at(wish.before_index) != wish.before_term)
        co_return reply{disk_.term, false, wish.before_index - 1};
    auto index = wish.before_index;
    for (auto& each : wish.entries) {
        // What differs came from a leader that had no majority; an old question cuts off nothing.
        if (index < last_index() && term_at(index + 1) != each.term)
            disk_.log.resize(static_cast<std::size_t>(index));
        if (index == last_index()) disk_.log.push_back(std::move(each));
        ++index;
    }
    commit(std::min(wish.committed, index));
    co_return reply{disk_.term, true, index};
}

// Elections ------------------------------------------------------------------

weft::task<> node::stand_when_silent() {
    for (;;) {
        const auto spread = (how_.times.most_patience - how_.times.least_patience).count();
        const auto more = random_() % static_cast<std::uint64_t>(spread);
        const auto patience = how_.times.least_patience + weft::duration(more);
        const auto heard = co_await weft::try_for(patience, heard_.wait());
        if (heard || role_ == role::leader) continue;
        follow(disk_.term + 1);
        role_ = role::candidate;
        disk_.vote = how_.self;
        votes_ = 1;
        for_each_peer([this](member_id peer) { activities_->spawn(canvass(peer, disk_.term)); });
    }
}

weft::task<> node::canvass(member_id peer, term_number term) {
    connection line(how_.members[peer], how_.times.answer);
    const ask_vote question{term, how_.self, last_index(), term_at(last_index())};
    const auto answer = co_await line.ask(question);
    if (!answer) co_return;
    if (answer->term > disk_.term) follow(answer->term);
    if (role_ != role::candidate || disk_.term != term || !answer->yes) co_return;
    if (++votes_ == majority()) lead();
}

void node::follow(term_number term) {
    if (term > disk_.term) {
        disk_.term = term;
        disk_.vote.reset();
        leader_ = nobody;
    }
    role_ = role::follower;
    tell(changed_);
}

void node::lead() {
    role_ = role::leader;
    leader_ = how_.self;
    has_.assign(how_.members.size(), 0);
    told_.leads(how_.self, disk_.term);
    disk_.log.push_back({disk_.term, 0, 0, "-"}); // only with this is what was before committed
    for_each_peer([this](member_id peer) { activities_->spawn(replicate(peer, disk_.term)); });
}

// The log --------------------------------------------------------------------

ask_append node::news_for(log_index next) const {
    constexpr std::ptrdiff_t most = 64; // entries: a line must not become too long
    const auto from = disk_.log.begin() + static_cast<std::ptrdiff_t>(next - 1);
    const auto to = from + std::min(most, disk_.log.end() - from);
    return {disk_.term, how_.self, next - 1, term_at(next - 1), committed_, {from, to}};
}

weft::task<> node::replicate(member_id peer, term_number term) {
    connection line(how_.members[peer], how_.times.answer);
    log_index next = last_index() + 1;
    while (leads(term)) {
        const auto answer = co_await line.ask(news_for(next));
        if (answer && answer->term > disk_.term) follow(answer->term);
        if (!leads(term)) break;
        if (answer && answer->yes) {
            has_[peer] = answer->value;
            next = answer->value + 1;
            commit_what_a_majority_has();
        } else if (answer) {
            next = std::min(next - 1, answer->value + 1); // their logs differ further back
        }
        if (answer && next <= last_index()) continue;
        co_await weft::try_for(how_.times.heartbeat, grown_.wait());
    }
}

void node::commit_what_a_majority_has() {
    has_[how_.self] = last_index();
    auto sorted = has_;
    std::sort(sorted.begin(), sorted.end());
    const auto index = sorted[sorted.size() - majority()];
    // Earlier terms' entries only together with one of this: another leader may still replace them.
    if (term_at(index) == disk_.term) commit(index);
}

void node::commit(log_index up_to) {
    while (committed_ < up_to) {
        const auto& what = disk_.log[static_cast<std::size_t>(committed_++)];
        auto& newest = newest_[what.client];
        const bool is_new = what.number > (how_.planted == bug::apply_twice ? 0 : newest);
        newest = std::max(newest, what.number);
        told_.applies(how_.self, committed_, what, is_new);
    }
    tell(changed_);
}

} // namespace replicated_log
