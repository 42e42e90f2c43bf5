// SPDX-License-Identifier: MIT
// work_queue work: takes as many jobs as have a place, and no more, so that a slow worker keeps
// nothing from the others.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <weft/os/signal_set.hpp>
#include <weft/weft.hpp>

#include "commands.hpp"
#include "job.hpp"
#include "progress.hpp"
#include "queue.hpp"
#include "redis_client.hpp"

namespace work_queue {

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

class worker {
public:
    explicit worker(const options& wanted)
        : wanted_(wanted), server_(wanted.host, wanted.port), waiting_(wanted.host, wanted.port),
          queue_(server_, wanted.stream, wanted.name),
          new_jobs_(waiting_, wanted.stream, wanted.name), places_(wanted.concurrency) {}

    weft::task<> run() {
        co_await queue_.open();
        auto helped = [this](weft::task_group& helpers) -> weft::task<> {
            helpers.spawn(stop_on_signal());
            helpers.spawn(keep_jobs_in_hand());
            auto text = [this](double seconds) {
                return fmt::format("{} done  {:.0f}/s  {} in hand  {} failed", done_,
                                   static_cast<double>(done_) / seconds, in_hand_.size(), failed_);
            };
            if (wanted_.progress) helpers.spawn(show_progress(text));
            auto jobs = [this](weft::task_group& doing) { return take_jobs(doing); };
            co_await weft::with_task_group(jobs); // here those in hand are done, too
            helpers.cancel();
        };
        co_await weft::with_task_group(helped);
        co_await unless_gone(queue_.leave());
        report();
    }

private:
    weft::task<> stop_on_signal() {
        weft::signal_set signals({SIGINT, SIGTERM}, weft::repeated_signal::takes_default_action);
        co_await signals.next();
        fmt::print(stderr, "work_queue: {}: finishing {} jobs\n", wanted_.name, in_hand_.size());
        stopping_.set();
        co_await weft::sleep_forever(); // the second signal finds the set still there
    }

    /// While it stops, it waits for the server no longer than this.
    weft::task<> patience_when_stopping() {
        co_await stopping_.wait();
        co_await weft::sleep_for(2 * longest_read);
    }
    template <class T>
    weft::task<std::optional<weft::non_void_t<T>>> unless_gone(weft::task<T> command) {
        auto first = co_await weft::when_any(std::move(command), patience_when_stopping());
        co_return std::move(std::get<0>(first));
    }

    weft::task<> take_jobs(weft::task_group& doing) {
        while (!stopping_.is_set()) {
            auto free_place = co_await places_.acquire();
            free_place.release(); // there is one; nobody else takes any
            if (stopping_.is_set()) break;

            auto jobs = co_await unless_gone(next_jobs(places_.available()));
            if (!jobs) break;
            for (auto& each : *jobs) {
                auto place = co_await places_.acquire();
                doing.spawn(handle(std::move(each), std::move(place)));
            }
            if (!jobs->empty() || !wanted_.until_empty) continue;
            const auto now = co_await unless_gone(queue_.count());
            if (!now || now->left() == 0) break;
        }
    }

    /// New jobs, and from time to time those of workers that died.
    weft::task<std::vector<job>> next_jobs(std::size_t most) {
        if (weft::loop_clock::now() < next_round_) {
            const auto patience = std::min(longest_read, round());
            auto jobs = co_await new_jobs_.take(most, patience);
            co_return jobs;
        }
        auto jobs = co_await queue_.reclaim(most, wanted_.retry_after);
        if (queue_.reclaimed_all()) next_round_ = weft::loop_clock::now() + round();
        co_return jobs;
    }
    milliseconds round() const { return std::min<milliseconds>(wanted_.retry_after / 2, 10s); }

    weft::task<> handle(job taken, weft::permit) {
        // One that could not be kept while the server was gone comes back to the same worker.
        if (!in_hand_.insert(taken.id).second) co_return;
        ++taken_;
        const auto limit = static_cast<long long>(wanted_.deliveries);
        std::string problem = "the workers that had it died";
        if (taken.deliveries <= limit) problem = co_await perform(wanted_, taken.payload);

        std::optional<bool> was_first = true;
        auto* how = &done_;
        if (problem.empty()) {
            was_first = co_await unless_gone(queue_.finish(taken.id));
        } else {
            fmt::print(stderr, "work_queue: job {} '{}' failed, attempt {} of {}: {}\n", taken.id,
                       taken.payload, std::min(taken.deliveries, limit), limit, problem);
            how = &failed_; // it is left alone: after --retry-after somebody takes it over
            if (taken.deliveries >= limit) {
                how = &dead_;
                was_first = co_await unless_gone(queue_.bury(taken, problem));
            }
        }
        if (!was_first)
            how = &unconfirmed_;
        else if (!*was_first)
            how = &done_before_;
        ++*how;
        in_hand_.erase(taken.id);
    }

    /// Tells the others that this worker lives, so that they leave its jobs alone.
    weft::task<> keep_jobs_in_hand() {
        weft::ticker beats(wanted_.retry_after / 4, weft::missed_ticks::skip);
        for (;;) {
            co_await beats.next();
            if (in_hand_.empty()) continue;
            co_await queue_.keep({in_hand_.begin(), in_hand_.end()});
        }
    }

    void report() const {
        fmt::print(stderr,
                   "work_queue: {}: {} jobs taken = {} done + {} failed + {} dead"
                   " + {} done before by others + {} unconfirmed\n",
                   wanted_.name, taken_, done_, failed_, dead_, done_before_, unconfirmed_);
    }

    static constexpr milliseconds longest_read{500};

    const options& wanted_;
    redis::client server_;
    redis::client waiting_; // a read that waits would hold up all that is sent after it
    queue queue_, new_jobs_;
    weft::semaphore places_;
    weft::event stopping_;
    weft::time_point next_round_{};
    std::set<std::string> in_hand_;
    std::size_t taken_ = 0, done_ = 0, failed_ = 0, dead_ = 0;
    std::size_t done_before_ = 0; // somebody took the job over and was faster
    std::size_t unconfirmed_ = 0; // the server was gone when the worker had to end
};

} // namespace

weft::task<> work(const options& wanted) {
    worker one(wanted);
    co_await one.run();
}

} // namespace work_queue
