// SPDX-License-Identifier: MIT
#include "real.hpp"

#include <array>
#include <chrono>
#include <future>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/ranges.h>

#include <weft/compose/finally.hpp>
#include <weft/compose/with_task_group.hpp>
#include <weft/core/error.hpp>
#include <weft/coro/join_handle.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/run.hpp>
#include <weft/threads/run_on.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "client.hpp"
#include "node.hpp"

namespace replicated_log {

namespace {

constexpr std::size_t members = 3;

/// A loop that runs on a thread of its own until this goes.
class loop_thread {
public:
    loop_thread() {
        std::promise<weft::event_loop*> made;
        auto loop = made.get_future();
        thread_ = std::thread([&made] {
            weft::event_loop own;
            made.set_value(&own);
            try {
                own.run([] { return weft::sleep_forever(); });
            } catch (const weft::cancelled_error&) {
                // stopped
            }
        });
        loop_ = loop.get();
    }
    ~loop_thread() {
        loop_->stop();
        thread_.join();
    }
    weft::loop_handle handle() const { return loop_->handle(); }

private:
    std::thread thread_;
    weft::event_loop* loop_ = nullptr;
};

/// Prints what members tell, each on its thread, and knows whose turn it is.
class announcer : public witness {
public:
    void leads(member_id who, term_number term) override {
        const std::lock_guard lock(mutex_);
        fmt::print("member {} leads in term {}\n", who, term);
        leader_ = who;
    }
    void applies(member_id who, log_index index, const entry& what, bool is_new) override {
        const std::lock_guard lock(mutex_);
        auto& log = logs_[who];
        if (index == 1) log.clear(); // it has restarted
        if (is_new) log.push_back(what.text);
    }
    member_id leader() const {
        const std::lock_guard lock(mutex_);
        return leader_;
    }
    std::vector<std::string> log_of(member_id who) const {
        const std::lock_guard lock(mutex_);
        return logs_[who];
    }

private:
    mutable std::mutex mutex_;
    member_id leader_ = nobody;
    std::array<std::vector<std::string>, members> logs_;
};

/// Three members, and the power that they run on.
class real_cluster {
public:
    explicit real_cluster(std::size_t entries) : entries_(entries) {}

    weft::task<> run() {
        auto body = [this](weft::task_group& running) { return append_all(running); };
        co_await weft::with_task_group(weft::on_error::report, body);
    }

private:
    weft::task<> append_all(weft::task_group& running) {
        for (member_id each = 0; each != members; ++each)
            co_await weft::run_on(loops_[each].handle(), [this, each] { return listen(each); });
        for (member_id each = 0; each != members; ++each) start(running, each);
        client writer(1, addresses_);
        for (std::size_t i = 1; i <= entries_; ++i) {
            if (i == entries_ / 2 + 1) co_await restart_leader(running);
            const auto text = fmt::format("entry-{}", i);
            const auto index = co_await writer.append(text);
            fmt::print("{} is in the log, at {}\n", text, index);
        }
        for (member_id each = 0; each != members; ++each) co_await wait_for(each);
        running.cancel();
    }

    /// Listens where it will again after a restart.
    weft::task<> listen(member_id who) {
        listeners_[who].emplace(weft::endpoint::loopback(0));
        addresses_[who] = listeners_[who]->local_endpoint();
        fmt::print("member {} listens on {}\n", who, addresses_[who].to_string());
        co_return;
    }
    void start(weft::task_group& running, member_id who) {
        power_[who] = running.spawn([this, who] {
            return weft::run_on(loops_[who].handle(), [this, who] { return live(who); });
        });
    }
    weft::task<> live(member_id who) {
        if (!listeners_[who]) listeners_[who].emplace(addresses_[who]);
        const std::uint64_t seed = std::random_device{}();
        node member({who, addresses_, {}, seed, bug::none}, disks_[who], told_);
        // What is cut off in the middle: the connections, the listener, and all that is no disk.
        auto stop = [this, who]() -> weft::task<> {
            listeners_[who].reset();
            co_return;
        };
        co_await weft::finally(member.run(*listeners_[who]), stop);
    }

    weft::task<> restart_leader(weft::task_group& running) {
        const auto leader = told_.leader();
        fmt::print("member {} loses power\n", leader);
        power_[leader].cancel();
        co_await power_[leader].wait();
        while (told_.leader() == leader) co_await weft::sleep_for(std::chrono::milliseconds(10));
        fmt::print("member {} has power again\n", leader);
        start(running, leader);
    }

    weft::task<> wait_for(member_id who) {
        while (told_.log_of(who).size() < entries_)
            co_await weft::sleep_for(std::chrono::milliseconds(10));
        fmt::print("the log of member {}: {}\n", who, fmt::join(told_.log_of(who), " "));
    }

    std::size_t entries_;
    announcer told_;
    std::array<disk, members> disks_;
    std::vector<weft::endpoint> addresses_{members};
    std::array<std::optional<weft::tcp_listener>, members> listeners_;
    std::array<loop_thread, members> loops_;
    std::array<weft::join_handle<>, members> power_;
};

} // namespace

void run_for_real(std::size_t entries) {
    real_cluster all(entries);
    weft::run(all.run());
}

} // namespace replicated_log
