// SPDX-License-Identifier: MIT
// The pipeline: inputs -> lines -> parser -> channel -> workers -> merge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weft/weft.hpp>

#include "counts.hpp"
#include "formats.hpp"
#include "input.hpp"
#include "input_summary.hpp"
#include "options.hpp"
#include "progress.hpp"

namespace logstat {

/// What the stages of the pipeline share. One thread: no locks.
class job {
public:
    explicit job(const options& wanted) : wanted_(wanted), shares_(worker_count) {}

    /// Runs until every input has ended, or until `stop` completes; what was read by then is
    /// counted. Returns what `stop` returned, if it was first. `on_tick` runs every
    /// `options::every`.
    weft::task<std::optional<int>> run(weft::task<int> stop, std::function<void()> on_tick);

    /// The answer so far.
    const tally& merged();

    const std::deque<input_summary>& inputs() const noexcept { return inputs_; }

private:
    static constexpr std::size_t worker_count = 4;
    static constexpr std::size_t files_at_once = 8;
    static constexpr std::size_t chunk_size = std::size_t{64} << 10;
    // Else every worker could hold every key.
    static constexpr std::size_t keys_before_merge = std::size_t{1} << 14;

    weft::task<> read_all();
    weft::task<> read_input(std::string name);
    weft::task<> feed_lines(std::string name, input_summary& summary);
    weft::task<> count(tally& share);
    weft::task<> watch(const std::function<void()>& on_tick);

    const options& wanted_;
    weft::channel<batch> batches_{8}; // bounded: readers wait for workers, memory stays flat
    std::vector<tally> shares_;       // one for each worker
    tally total_;
    std::deque<input_summary> inputs_; // a deque: readers keep references into it
    read_state read_;
};

} // namespace logstat
