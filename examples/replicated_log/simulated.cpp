// SPDX-License-Identifier: MIT
#include "simulated.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <weft/compose/with_timeout.hpp>
#include <weft/time/sleep.hpp>

#include "checker.hpp"
#include "client.hpp"

namespace replicated_log {

namespace {

using namespace std::chrono_literals;
using weft::testing::host;

constexpr std::size_t members = 3, clients = 2, appends = 16, troubles = 60;
constexpr std::uint16_t port = 7000;
constexpr weft::testing::link good_link{.latency = 2ms, .jitter = 8ms};
constexpr weft::testing::link bad_link{.latency = 20ms, .jitter = 150ms, .loss = 0.1};

class cluster : checker {
public:
    cluster(weft::testing::simulation& in, bug planted, bool verbose, run_summary& sum)
        : checker(members), in_(in), planted_(planted), verbose_(verbose), sum_(sum) {
        in.set_default_link(good_link);
        for (std::size_t i = 0; i != members + clients; ++i)
            hosts_.push_back(&in.add_host(fmt::format("{}{}", i < members ? "member" : "client",
                                                      i < members ? i : i - members)));
        for (std::size_t i = 0; i != members; ++i) addresses_.push_back(hosts_[i]->at(port));
    }
    ~cluster() { in_.drop_hosts(); }

    weft::task<> run() {
        for (member_id each = 0; each != members; ++each) start(each);
        std::vector<weft::join_handle<>> working;
        for (std::size_t i = 0; i != clients; ++i)
            working.push_back(hosts_[members + i]->spawn([this, i] { return write(i); }));
        for (std::size_t i = 0; i != troubles; ++i) {
            co_await weft::sleep_for(chance(500ms));
            make_trouble();
            check();
        }
        end_trouble();
        for (auto& each : working) {
            const auto done = co_await weft::try_for(60s, each.wait());
            check();
            if (!done) throw std::logic_error("clients wait for 60 s, though nothing is broken");
            co_await each;
        }
        for (int i = 0; i != 100 && !all_agree(); ++i) co_await weft::sleep_for(100ms);
        nothing_is_lost();
        check();
        if (!all_agree()) throw std::logic_error("members do not catch up in 10 s");
    }

    void add_to_sum() {
        ++sum_.runs;
        sum_.commands += commands();
        sum_.elections += elections();
        sum_.time += in_.now().time_since_epoch();
        sum_.trace = in_.trace_hash();
    }

private:
    /// A member whose clock is up to a tenth slow or fast, another one after each start.
    void start(member_id who) {
        const auto rate = 90 + in_.choices().choose(21);
        node::setup how{who, addresses_, {}, in_.choices().choose(1u << 30) * 4 + who, planted_};
        for (auto* each : {&how.times.heartbeat, &how.times.least_patience,
                           &how.times.most_patience, &how.times.answer})
            *each = *each * rate / 100;
        hosts_[who]->spawn([this, how]() -> weft::task<> {
            weft::tcp_listener listener(weft::endpoint::any(port));
            node member(how, disks_[how.self], *this);
            co_await member.run(listener);
        });
    }

    weft::task<> write(std::size_t which) {
        client writer(which, addresses_);
        for (std::size_t i = 1; i <= appends; ++i) {
            const auto text = fmt::format("c{}-{}", which, i);
            const auto index = co_await writer.append(text);
            tell("client {} has word that {} is in the log, at {}", which, text, index);
            acknowledged(which, text);
            co_await weft::sleep_for(chance(600ms));
        }
    }

    void make_trouble() {
        const auto a = below(members), b = (a + 1 + below(members + clients - 1)) % hosts_.size();
        auto &one = *hosts_[a], &other = *hosts_[b];
        switch (below(5)) {
        case 0:
            switch_power(a);
            break;
        case 1:
            cut_[a][b] = cut_[b][a] = !cut_[a][b];
            tell("{} and {}: {}", one.name(), other.name(), cut_[a][b] ? "no way" : "a way again");
            if (cut_[a][b])
                ++sum_.partitions, in_.partition(one, other);
            else
                in_.heal(one, other);
            break;
        case 2: // it flickers: off and on again, of one or more
            for (member_id each = 0; each != members; ++each)
                if (hosts_[each]->is_up() && (each == a || below(2) == 0))
                    switch_power(each), switch_power(each);
            break;
        case 3:
            tell("{} and {}: connections are reset", one.name(), other.name());
            ++sum_.resets, in_.reset_connections(one, other);
            break;
        default:
            tell("{} and {}: a bad link", one.name(), other.name());
            ++sum_.bad_links, in_.set_link(one, other, bad_link);
        }
    }
    void switch_power(member_id who) {
        auto& which = *hosts_[who];
        tell("{} {}", which.name(), which.is_up() ? "loses power" : "has power again");
        if (which.is_up()) {
            ++sum_.crashes, which.crash();
            restarted(who);
        } else {
            which.restart();
            start(who);
        }
    }
    void end_trouble() {
        tell("everything is mended");
        for (auto* one : hosts_)
            for (auto* other : hosts_)
                if (one != other) in_.heal(*one, *other), in_.set_link(*one, *other, good_link);
        for (member_id each = 0; each != members; ++each)
            if (!hosts_[each]->is_up()) switch_power(each);
    }

    void leads(member_id who, term_number term) override {
        tell("member {} leads in term {}", who, term);
        checker::leads(who, term);
    }
    void applies(member_id who, log_index index, const entry& what, bool is_new) override {
        tell("member {} applies {} at {}{}", who, what.text, index, is_new ? "" : ": known");
        checker::applies(who, index, what, is_new);
    }
    template <class... Args>
    void tell(fmt::format_string<Args...> text, Args&&... args) const {
        if (!verbose_) return;
        const std::chrono::duration<double> time = in_.now().time_since_epoch();
        fmt::print("{:9.4f} s  {}\n", time.count(), fmt::format(text, std::forward<Args>(args)...));
    }

    std::size_t below(std::size_t n) { return in_.choices().choose(static_cast<std::uint32_t>(n)); }
    weft::duration chance(weft::duration most) {
        return weft::duration(in_.choices().up_to(most.count()));
    }

    weft::testing::simulation& in_;
    bug planted_;
    bool verbose_;
    run_summary& sum_;
    std::vector<host*> hosts_; // the members, then the clients
    std::vector<weft::endpoint> addresses_;
    std::array<disk, members> disks_;
    std::array<std::array<bool, members + clients>, members + clients> cut_{};
};

} // namespace

void run_cluster(weft::testing::simulation& in, bug planted, bool verbose, run_summary& sum) {
    cluster all(in, planted, verbose, sum);
    try {
        in.run(all.run());
    } catch (...) {
        all.add_to_sum();
        throw;
    }
    all.add_to_sum();
}

} // namespace replicated_log
