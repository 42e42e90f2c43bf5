// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include <weft/core/intrusive_list.hpp>
#include <weft/core/scheduler.hpp>
#include <weft/testing/decisions.hpp>

namespace weft::testing {

/// What is ready in one turn of a simulation, and an order that a real loop could have had as well.
///
/// What became ready for one reason stays in order, because that is promised: all whom one task
/// woke, who waited for one object, and all timers that came due together. How these sequences
/// mix is nobody's promise: it is chosen.
class schedule {
public:
    schedule() = default;
    schedule(schedule&&) = delete;

    bool empty() const noexcept { return opened_ == used_ && window_.empty(); }

    /// Adds what became ready for one reason.
    void add(intrusive_list<runnable>& sequence) {
        if (sequence.empty()) return;
        if (used_ == sequences_.size()) sequences_.emplace_back();
        sequences_[used_++].append(sequence);
    }

    /// Takes out the one that runs next, or returns null. The oldest if `choices` is null.
    runnable* pick(decisions* choices);

    /// How many there were to choose from the last time.
    std::uint32_t width() const noexcept { return width_; }

    /// Moves everything, in the order in which it came, behind what `to` holds.
    void release(intrusive_list<runnable>& to) noexcept {
        for (const auto index : window_) to.append(sequences_[index]);
        while (opened_ != used_) to.append(sequences_[opened_++]);
        clear();
    }
    /// As `release`, and `to` goes on to tell the reasons apart.
    void release(schedule& to) {
        for (const auto index : window_) to.add(sequences_[index]);
        while (opened_ != used_) to.add(sequences_[opened_++]);
        clear();
    }

private:
    void clear() noexcept {
        window_.clear();
        used_ = opened_ = 0;
    }

    // Chosen is among the oldest few: a step has to be cheap in a turn of thousands, too.
    static constexpr std::size_t most_choices = 16;

    std::deque<intrusive_list<runnable>> sequences_; // whose memory is kept
    std::size_t used_ = 0;
    std::size_t opened_ = 0;          // those before are in the window, or used up
    std::vector<std::size_t> window_; // to choose from, the oldest first
    std::uint32_t width_ = 0;
};

// Implementation ------------------------------------------------------------

inline runnable* schedule::pick(decisions* choices) {
    // Who was destroyed meanwhile has left its sequence.
    std::erase_if(window_, [this](std::size_t index) { return sequences_[index].empty(); });
    const std::size_t wanted = choices ? most_choices : 1;
    while (window_.size() < wanted && opened_ != used_) {
        if (!sequences_[opened_].empty()) window_.push_back(opened_);
        ++opened_;
    }
    if (window_.empty()) {
        clear();
        return nullptr;
    }
    width_ = static_cast<std::uint32_t>(window_.size());
    const auto chosen = choices ? choices->choose(width_) : 0;
    return &sequences_[window_[chosen]].pop_front();
}

} // namespace weft::testing
