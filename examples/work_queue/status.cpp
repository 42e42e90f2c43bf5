// SPDX-License-Identifier: MIT
// work_queue status: where the jobs are.
#include <chrono>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

#include <weft/weft.hpp>

#include "commands.hpp"
#include "queue.hpp"
#include "redis_client.hpp"

namespace work_queue {

namespace {

using namespace std::chrono_literals;

void print_table(const counts& jobs) {
    const auto sum = jobs.done + jobs.dead + jobs.waiting + jobs.in_hand;
    fmt::print("jobs added  {:>10}\n", jobs.added);
    fmt::print("  done      {:>10}\n", jobs.done);
    fmt::print("  dead      {:>10}\n", jobs.dead);
    fmt::print("  waiting   {:>10}\n", jobs.waiting);
    fmt::print("  in hand   {:>10}\n", jobs.in_hand);
    fmt::print("  sum       {:>10}{}\n", sum,
               sum == jobs.added ? "" : "  which is not what was added: did the server lose data?");
}

void print_line(const counts& jobs, long long done_before) {
    const double share =
        jobs.added == 0 ? 100
                        : 100 * double(jobs.added - jobs.left()) / static_cast<double>(jobs.added);
    fmt::print("{:3.0f} %  added {}  done {} ({}/s)  dead {}  waiting {}  in hand {}\n", share,
               jobs.added, jobs.done, jobs.done - done_before, jobs.dead, jobs.waiting,
               jobs.in_hand);
    std::fflush(stdout);
}

weft::task<> follow(queue& watched) {
    weft::ticker every_second(1s, weft::missed_ticks::skip);
    auto jobs = co_await watched.count();
    for (auto before = jobs.done; jobs.left() != 0; before = jobs.done) {
        co_await every_second.next();
        jobs = co_await watched.count();
        print_line(jobs, before);
    }
}

} // namespace

weft::task<> show_status(const options& wanted) {
    redis::client server(wanted.host, wanted.port);
    queue watched(server, wanted.stream);
    try {
        if (wanted.follow) co_await follow(watched);
        const auto jobs = co_await watched.count();
        const auto workers = co_await watched.workers();
        print_table(jobs);
        for (const auto& each : workers)
            fmt::print("worker {}: {} in hand, last heard of {:.1f} s ago\n", each.name,
                       each.in_hand, std::chrono::duration<double>(each.idle).count());
    } catch (const redis::server_error& refused) {
        if (refused.kind() != "NOGROUP") throw;
        throw std::runtime_error(
            fmt::format("{}: there is no queue '{}'", server.name(), wanted.stream));
    }
}

} // namespace work_queue
