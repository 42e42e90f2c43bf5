// SPDX-License-Identifier: MIT
#include "pipeline.hpp"

#include <memory>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "lines.hpp"

namespace logstat {

namespace {

weft::task<> forever() { co_await weft::sleep_forever(); }

weft::task<> every(std::chrono::duration<double> period, const std::function<void()>& on_tick) {
    weft::ticker ticks(std::chrono::duration_cast<weft::duration>(period),
                       weft::missed_ticks::skip);
    for (;;) {
        co_await ticks.next();
        on_tick();
    }
}

} // namespace

weft::task<std::optional<int>> job::run(weft::task<int> stop, std::function<void()> on_tick) {
    auto stages = [&](weft::task_group& workers) -> weft::task<std::optional<int>> {
        for (tally& share : shares_) workers.spawn(count(share));

        auto reading = read_all();
        auto watching = watch(on_tick);
        auto ended =
            co_await weft::when_any(std::move(reading), std::move(stop), std::move(watching));
        batches_.close(); // the workers finish what is queued and end; the group waits for them
        co_return std::get<1>(ended);
    };
    auto stopped = co_await weft::with_task_group(stages);
    merged();
    co_return stopped;
}

const tally& job::merged() {
    for (tally& share : shares_) total_.absorb(share);
    return total_;
}

weft::task<> job::read_all() {
    // All at once when they are followed: none of them ends.
    const std::size_t at_once = wanted_.follow ? wanted_.files.size() : files_at_once;
    auto read_one = [this](std::string name) { return read_input(std::move(name)); };
    co_await weft::for_each_concurrent(wanted_.files, at_once, read_one);
}

/// An input that fails is reported; the others go on.
weft::task<> job::read_input(std::string name) {
    input_summary& summary = inputs_.emplace_back();
    summary.name = name == "-" ? "standard input" : name;
    try {
        co_await feed_lines(std::move(name), summary);
    } catch (const std::system_error& problem) {
        summary.error = problem.what();
    } catch (const std::invalid_argument& problem) { // a field that is not there
        summary.error = summary.name + ": " + problem.what();
    }
}

weft::task<> job::feed_lines(std::string name, input_summary& summary) {
    input source(name, wanted_.follow);
    read_.expected_bytes += source.expected_size();
    read_.size_known = read_.size_known && source.expected_size() != 0;

    std::vector<char> buffer(chunk_size);
    line_splitter splitter;
    std::unique_ptr<parser> parse;
    for (;;) {
        const std::size_t size = co_await source.read(buffer);
        read_.bytes += size;
        const std::string_view chunk(buffer.data(), size);

        batch found;
        auto note = [&](std::string_view problem) {
            if (problem.empty() || summary.malformed++ != 0) return;
            summary.first_malformed = summary.lines;
            summary.first_problem = problem;
        };
        for (line next : size == 0 ? splitter.finish() : splitter.split(chunk)) {
            ++read_.lines;
            if (summary.lines++ == 0 && next.text.starts_with("\xEF\xBB\xBF"))
                next.text.remove_prefix(3);
            if (!parse) parse = make_parser(wanted_.format, name, next.text, chunk, wanted_.by);
            note(next.too_long ? "longer than 1 MiB" : parse->parse(next.text, found));
        }
        if (size == 0 && parse) note(parse->finish());

        if (found.records != 0) co_await batches_.send(std::move(found));
        if (size == 0) co_return;
    }
}

/// One worker. On one thread more of them do not count faster; they are where a slow step
/// (a name lookup, a database) would wait without holding up the others.
weft::task<> job::count(tally& share) {
    while (auto found = co_await batches_.receive()) {
        share.add(*found);
        if (share.distinct_keys() > keys_before_merge) total_.absorb(share);
    }
}

/// Never ends: it is cancelled when the reading does.
weft::task<> job::watch(const std::function<void()>& on_tick) {
    auto progress = wanted_.progress ? show_progress(read_) : forever();
    auto ticking = wanted_.every.count() > 0 ? every(wanted_.every, on_tick) : forever();
    co_await weft::when_all(std::move(progress), std::move(ticking));
}

} // namespace logstat
