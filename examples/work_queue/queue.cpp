// SPDX-License-Identifier: MIT
// NAME         a stream with the jobs that are not done, each an entry with the field "job"
// NAME:dead    a stream with those that were given up, and why
// NAME:counts  a hash: added, done, dead
// What takes several commands is a script: it happens as one, however many machines take part.
#include "queue.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace work_queue {

namespace {

constexpr const char* group = "workers";

// KEYS: stream, counts. ARGV: most, payload.
constexpr const char* add_script = R"(
    if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
    redis.call('XADD', KEYS[1], '*', 'job', ARGV[2])
    redis.call('HINCRBY', KEYS[2], 'added', 1)
    return 1)";

// That XACK says 0 the second time makes it safe to send this again, and counts each job once.
// KEYS: stream, counts. ARGV: group, id.
constexpr const char* finish_script = R"(
    if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
    redis.call('XDEL', KEYS[1], ARGV[2])
    redis.call('HINCRBY', KEYS[2], 'done', 1)
    return 1)";

// KEYS: stream, counts, dead. ARGV: group, id, payload, reason, deliveries.
constexpr const char* bury_script = R"(
    if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
    redis.call('XDEL', KEYS[1], ARGV[2])
    redis.call('XADD', KEYS[3], '*', 'job', ARGV[3], 'id', ARGV[2],
               'reason', ARGV[4], 'deliveries', ARGV[5])
    redis.call('HINCRBY', KEYS[2], 'dead', 1)
    return 1)";

// KEYS: stream, counts. ARGV: group.
constexpr const char* count_script = R"(
    local counts = redis.call('HMGET', KEYS[2], 'added', 'done', 'dead')
    local in_hand = redis.call('XPENDING', KEYS[1], ARGV[1])[1]
    return {tonumber(counts[1] or 0), tonumber(counts[2] or 0), tonumber(counts[3] or 0),
            redis.call('XLEN', KEYS[1]) - in_hand, in_hand})";

// Deleting a consumer deletes what it has in hand, which must not be lost.
// KEYS: stream. ARGV: group, worker.
constexpr const char* leave_script = R"(
    if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
    end
    return 1)";

/// An entry of a stream is {id, {field, value, ...}}.
std::vector<job> to_jobs(const redis::reply& entries) {
    std::vector<job> jobs;
    for (const auto& each : entries.elements())
        if (!each.is_nothing() && !each[1].is_nothing())
            jobs.push_back({each[0].text(), each[1][1].text()});
    return jobs;
}

} // namespace

queue::queue(redis::client& server, std::string stream, std::string worker)
    : server_(server), stream_(std::move(stream)), dead_(stream_ + ":dead"),
      counts_(stream_ + ":counts"), worker_(std::move(worker)) {}

weft::task<> queue::open() {
    try {
        co_await server_.command("XGROUP", "CREATE", stream_, group, 0, "MKSTREAM");
    } catch (const redis::server_error& refused) {
        if (refused.kind() != "BUSYGROUP") throw; // it is there
    }
}

weft::task<bool> queue::add(const std::string& payload, std::size_t most) {
    const auto added =
        co_await server_.command("EVAL", add_script, 2, stream_, counts_, most, payload);
    co_return added.number() == 1;
}

weft::task<std::vector<job>> queue::take(std::size_t most, std::chrono::milliseconds patience) {
    const auto streams =
        co_await server_.command("XREADGROUP", "GROUP", group, worker_, "COUNT", most, "BLOCK",
                                 patience.count(), "STREAMS", stream_, ">");
    if (streams.is_nothing()) co_return std::vector<job>{};
    co_return to_jobs(streams[0][1]);
}

weft::task<std::vector<job>> queue::reclaim(std::size_t most, std::chrono::milliseconds idle) {
    const auto claimed = co_await server_.command("XAUTOCLAIM", stream_, group, worker_,
                                                  idle.count(), cursor_, "COUNT", most);
    cursor_ = claimed[0].text();
    auto entries = to_jobs(claimed[1]);
    std::vector<job> jobs;
    for (auto& each : entries) {
        const auto pending =
            co_await server_.command("XPENDING", stream_, group, each.id, each.id, 1);
        if (pending.elements().empty()) continue; // somebody has finished it just now
        each.deliveries = pending[0][3].number(); // after id, worker, idle time
        jobs.push_back(std::move(each));
    }
    co_return jobs;
}

weft::task<> queue::keep(std::vector<std::string> ids) {
    redis::words command{"XCLAIM", stream_, group, worker_, "0"};
    command.insert(command.end(), ids.begin(), ids.end());
    command.emplace_back("JUSTID"); // that is no delivery
    co_await server_.send(std::move(command));
}

weft::task<bool> queue::finish(const std::string& id) {
    const auto finished =
        co_await server_.command("EVAL", finish_script, 2, stream_, counts_, group, id);
    co_return finished.number() == 1;
}

weft::task<bool> queue::bury(const job& which, const std::string& reason) {
    const auto buried =
        co_await server_.command("EVAL", bury_script, 3, stream_, counts_, dead_, group, which.id,
                                 which.payload, reason, which.deliveries);
    co_return buried.number() == 1;
}

weft::task<counts> queue::count() {
    const auto all = co_await server_.command("EVAL", count_script, 2, stream_, counts_, group);
    co_return counts{all[0].number(), all[1].number(), all[2].number(), all[3].number(),
                     all[4].number()};
}

weft::task<std::vector<worker_state>> queue::workers() {
    const auto all = co_await server_.command("XINFO", "CONSUMERS", stream_, group);
    std::vector<worker_state> states;
    for (const auto& each : all.elements()) {
        worker_state state;
        for (std::size_t i = 0; i + 1 < each.elements().size(); i += 2) {
            if (each[i].text() == "name") state.name = each[i + 1].text();
            if (each[i].text() == "pending") state.in_hand = each[i + 1].number();
            if (each[i].text() == "idle")
                state.idle = std::chrono::milliseconds(each[i + 1].number());
        }
        states.push_back(std::move(state));
    }
    co_return states;
}

weft::task<> queue::leave() {
    co_await server_.command("EVAL", leave_script, 1, stream_, group, worker_);
}

} // namespace work_queue
