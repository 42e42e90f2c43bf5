// SPDX-License-Identifier: MIT
// The queue, in terms of jobs: which keys and commands of Redis it is made of is in queue.cpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <weft/weft.hpp>

#include "redis_client.hpp"

namespace work_queue {

struct job {
    std::string id;
    std::string payload;
    long long deliveries = 1; // this one included
};

/// Where the jobs are. `added` is the sum of the other four, unless the server lost its memory.
struct counts {
    long long added = 0;
    long long done = 0;
    long long dead = 0;    // given up, in the dead-letter stream
    long long waiting = 0; // nobody has had them yet
    long long in_hand = 0; // given to a worker that lives, or is dead and not missed yet
    long long left() const noexcept { return waiting + in_hand; }
};

struct worker_state {
    std::string name;
    long long in_hand = 0;
    std::chrono::milliseconds idle{};
};

/// A stream of jobs with a group of workers, as one of these sees it.
///
/// A job stays in the stream until a worker says that it is done or dead. A worker that holds one
/// says so every now and then (`keep`); those of which nothing was heard for a while are given to
/// somebody else (`reclaim`). Nothing here is undone or counted twice when a command is sent again
/// after the connection was lost, except that `add` may add a job twice.
class queue {
public:
    /// Lifetime: `server` outlives it.
    queue(redis::client& server, std::string stream, std::string worker = {});

    /// Makes the stream and its group if they are not there.
    weft::task<> open();

    /// Adds a job. Returns false, and has not, if there are `most` already.
    weft::task<bool> add(const std::string& payload, std::size_t most);

    /// Takes at most `most` new jobs; waits for the first no longer than `patience`. The connection
    /// waits with it: nothing else should be on its way there.
    weft::task<std::vector<job>> take(std::size_t most, std::chrono::milliseconds patience);
    /// Takes at most `most` of the jobs that were left alone for `idle`. Goes through all of them
    /// in several calls: `reclaimed_all` is true after the last one.
    weft::task<std::vector<job>> reclaim(std::size_t most, std::chrono::milliseconds idle);
    bool reclaimed_all() const noexcept { return cursor_ == "0-0"; }

    /// Says that the worker still has them in hand.
    weft::task<> keep(std::vector<std::string> ids);
    /// The job is done. Returns false if somebody else has said so before.
    weft::task<bool> finish(const std::string& id);
    /// Moves the job to the dead-letter stream. Returns false as `finish`.
    weft::task<bool> bury(const job& which, const std::string& reason);

    weft::task<counts> count();
    weft::task<std::vector<worker_state>> workers();
    /// Takes the worker off the list, unless it left jobs behind.
    weft::task<> leave();

private:
    redis::client& server_;
    std::string stream_, dead_, counts_;
    std::string worker_;
    std::string cursor_ = "0-0";
};

} // namespace work_queue
