// SPDX-License-Identifier: MIT
// The pipeline: inputs -> blocks of lines -> parsers on other threads -> merge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <weft/weft.hpp>

#include "counts.hpp"
#include "formats.hpp"
#include "gunzip.hpp"
#include "input.hpp"
#include "input_summary.hpp"
#include "options.hpp"
#include "parsed_block.hpp"
#include "progress.hpp"

namespace logstat {

/// What the stages of the pipeline share. It stays on the loop's thread: no locks.
class job {
public:
    explicit job(const options& wanted) : wanted_(wanted), parsing_(wanted.jobs) {}

    /// Runs until every input has ended, or until `stop` completes; what was read by then is
    /// counted. Returns what `stop` returned, if it was first. `on_tick` runs every
    /// `options::every`.
    weft::task<std::optional<int>> run(weft::task<int> stop, std::function<void()> on_tick);

    /// The answer so far.
    const tally& merged();

    const std::deque<input_summary>& inputs() const noexcept { return inputs_; }

private:
    static constexpr std::size_t files_at_once = 8;
    static constexpr std::size_t chunk_size = std::size_t{256} << 10;
    // Else every tally could hold every key.
    static constexpr std::size_t keys_before_merge = std::size_t{1} << 14;

    weft::task<> read_all(weft::task_group& workers);
    weft::task<> read_input(weft::task_group& workers, std::string path);
    weft::task<> read_lines(weft::task_group& workers, text_input& text, input_summary& summary);
    weft::task<> parse(std::shared_ptr<parser> with, std::string block, std::uint64_t first_line,
                       input_summary& summary, weft::permit permit,
                       std::optional<weft::join_handle<>> before);
    weft::task<> watch(const std::function<void()>& on_tick);
    void note(const std::vector<malformed_line>& lines, input_summary& summary);

    const options& wanted_;
    weft::semaphore parsing_; // bounded: readers wait for workers, memory stays flat
    std::vector<tally> idle_; // those that no worker has
    std::optional<weft::join_handle<>> latest_; // the block that was read last
    tally total_;
    std::deque<input_summary> inputs_; // a deque: readers keep references into it
    read_state read_;
};

} // namespace logstat
