// SPDX-License-Identifier: MIT
// work_queue produce: lines -> at most --pipeline commands on their way -> at most --most in Redis.
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <weft/net/buffered_reader.hpp>
#include <weft/os/standard_streams.hpp>
#include <weft/weft.hpp>

#include "commands.hpp"
#include "progress.hpp"
#include "queue.hpp"
#include "redis_client.hpp"

namespace work_queue {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t longest_line = std::size_t{1} << 20;

weft::async_generator<std::string> payloads(const options& wanted) {
    if (wanted.count) {
        for (std::size_t number = 1; number <= *wanted.count; ++number)
            co_yield fmt::format("job {}", number);
        co_return;
    }
    auto input = weft::standard_input();
    weft::buffered_reader lines(input, longest_line);
    while (const auto line = co_await lines.read_line()) co_yield std::string(*line);
}

class producer {
public:
    explicit producer(const options& wanted)
        : wanted_(wanted), server_(wanted.host, wanted.port), queue_(server_, wanted.stream),
          on_their_way_(wanted.pipeline) {}

    weft::task<> run() {
        co_await queue_.open();
        auto all = [this](weft::task_group& adding) { return add_all(adding); };
        auto text = [this](double seconds) {
            return fmt::format("{} added  {:.0f}/s{}", added_,
                               static_cast<double>(added_) / seconds,
                               is_full_ ? "  the queue is full" : "");
        };
        if (wanted_.progress)
            co_await weft::when_any(weft::with_task_group(all), show_progress(text));
        else
            co_await weft::with_task_group(all);
        report();
    }

private:
    weft::task<> add_all(weft::task_group& adding) {
        auto jobs = payloads(wanted_);
        while (auto* const payload = co_await jobs.next()) {
            auto place = co_await on_their_way_.acquire();
            adding.spawn(add(std::move(*payload), std::move(place)));
        }
    }

    weft::task<> add(std::string payload, weft::permit) {
        bool added = co_await queue_.add(payload, wanted_.most);
        if (!added) {
            // Full. One asks again and again, the others queue behind it.
            const auto turn = co_await asking_.lock();
            is_full_ = true;
            while (!added) {
                co_await weft::sleep_for(20ms);
                added = co_await queue_.add(payload, wanted_.most);
            }
            is_full_ = false;
        }
        ++added_;
    }

    void report() const {
        fmt::print("added {} jobs to {}", added_, wanted_.stream);
        if (server_.sent_again() != 0)
            fmt::print(" ({} commands were sent again: as many jobs may be there twice)",
                       server_.sent_again());
        fmt::print("\n");
    }

    const options& wanted_;
    redis::client server_;
    queue queue_;
    weft::semaphore on_their_way_;
    weft::mutex asking_;
    std::size_t added_ = 0;
    bool is_full_ = false;
};

} // namespace

weft::task<> produce(const options& wanted) {
    producer all(wanted);
    co_await all.run();
}

} // namespace work_queue
