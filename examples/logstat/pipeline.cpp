// SPDX-License-Identifier: MIT
#include "pipeline.hpp"

#include <memory>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "lines.hpp"
#include "report.hpp"

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

std::shared_ptr<parser> parser_for(const options& wanted, std::string_view name,
                                   std::string_view block) {
    const auto first_line = without_byte_order_mark(block.substr(0, block.find('\n')));
    return make_parser(wanted.format, name, first_line, block, wanted.by);
}

} // namespace

weft::task<std::optional<int>> job::run(weft::task<int> stop, std::function<void()> on_tick) {
    auto stages = [&](weft::task_group& workers) -> weft::task<std::optional<int>> {
        auto reading = read_all(workers);
        auto watching = watch(on_tick);
        auto ended =
            co_await weft::when_any(std::move(reading), std::move(stop), std::move(watching));
        co_return std::get<1>(ended); // the group waits for the workers
    };
    auto stopped = co_await weft::with_task_group(stages);
    merged();
    co_return stopped;
}

const tally& job::merged() {
    for (tally& share : idle_) total_.absorb(share);
    return total_;
}

weft::task<> job::read_all(weft::task_group& workers) {
    // All at once when they are followed: none of them ends.
    const std::size_t at_once = wanted_.follow    ? wanted_.files.size()
                                : wanted_.ordered ? 1
                                                  : files_at_once;
    auto read_one = [&](std::string path) { return read_input(workers, std::move(path)); };
    co_await weft::for_each_concurrent(wanted_.files, at_once, read_one);
}

/// An input that fails is reported; the others go on.
weft::task<> job::read_input(weft::task_group& workers, std::string path) {
    input_summary& summary = inputs_.emplace_back();
    summary.name = path == "-" ? "standard input" : path;
    try {
        input source(std::move(path), wanted_.follow, read_);
        text_input text(source);
        co_await read_lines(workers, text, summary);
    } catch (const std::runtime_error& problem) { // a std::system_error, for instance
        summary.error = problem.what();
    } catch (const std::invalid_argument& problem) { // a field that is not there
        summary.error = summary.name + ": " + problem.what();
    }
}

weft::task<> job::read_lines(weft::task_group& workers, text_input& text, input_summary& summary) {
    std::vector<char> buffer(chunk_size);
    line_cutter cutter;
    std::shared_ptr<parser> with;
    std::size_t size = 0;
    do {
        size = co_await text.read(buffer);
        const std::string_view chunk(buffer.data(), size);
        std::string block = size == 0 ? cutter.finish() : cutter.cut(chunk);
        if (block.empty()) continue;

        if (!with) with = parser_for(wanted_, summary.name, block);
        const std::uint64_t first_line = summary.lines + 1, lines = count_lines(block);
        summary.lines += lines;
        read_.lines += lines;

        // While this block waits for its turn, so does the rest of the input.
        auto permit = co_await parsing_.acquire();
        auto another = with->another();
        const bool one_by_one = !another; // such a parser also learns from each block
        if (one_by_one) another = with;
        latest_ = workers.spawn(parse(std::move(another), std::move(block), first_line, summary,
                                      std::move(permit), std::move(latest_)));
        if (one_by_one) co_await latest_->wait();
    } while (size != 0 && summary.error.empty());

    const auto problem = with ? with->finish() : std::string_view{};
    if (!problem.empty() && summary.error.empty()) note({{summary.lines, problem}}, summary);
}

/// One block on its way through a worker; the one that was read before it is `before`.
weft::task<> job::parse(std::shared_ptr<parser> with, std::string block, std::uint64_t first_line,
                        input_summary& summary, weft::permit,
                        std::optional<weft::join_handle<>> before) {
    tally share;
    if (!idle_.empty()) {
        share = std::move(idle_.back());
        idle_.pop_back();
    }
    auto parsed = co_await weft::to_thread(parse_block, std::move(with), std::move(block),
                                           first_line, std::move(share));
    if (wanted_.ordered && before) co_await before->wait();

    if (parsed.counted.distinct_keys() > keys_before_merge) total_.absorb(parsed.counted);
    idle_.push_back(std::move(parsed.counted));
    if (!parsed.error.empty()) summary.error = summary.name + ": " + parsed.error;
    note(parsed.malformed, summary);
}

void job::note(const std::vector<malformed_line>& lines, input_summary& summary) {
    summary.add(lines);
    if (wanted_.malformed) print_malformed(summary.name, lines);
}

/// Never ends: it is cancelled when the reading does.
weft::task<> job::watch(const std::function<void()>& on_tick) {
    auto progress = wanted_.progress ? show_progress(read_) : forever();
    auto ticking = wanted_.every.count() > 0 ? every(wanted_.every, on_tick) : forever();
    co_await weft::when_all(std::move(progress), std::move(ticking));
}

} // namespace logstat
