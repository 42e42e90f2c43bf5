// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

#include <weft/core/raise.hpp>
#include <weft/core/scheduler.hpp>
#include <weft/loop/inbox.hpp>
#include <weft/loop/reactor.hpp>
#include <weft/loop/timed_operation.hpp>
#include <weft/loop/timer_queue.hpp>

namespace weft {

/// How a loop takes a turn: what is due, what descriptors report and what other threads have left
/// is queued behind what is ready, and then all of that runs. `event_loop` is made of it.
class turns : public scheduler {
protected:
    explicit turns(std::unique_ptr<reactor> system)
        : reactor_(std::move(system)), inbox_(std::make_shared<inbox>(*reactor_)) {}
    ~turns() = default;

    /// With `block`, waits until something is ready. `ran` is how many branches and callbacks ran.
    /// Returns false if there was nothing to run, and never will be.
    /// Errors  Throws what the reactor throws.
    bool take_turn(bool block, std::size_t& ran);
    /// Runs what is queued when a turn begins, and returns how many that were. A simulation has its
    /// own order.
    virtual std::size_t run_turn() noexcept { return run_ready(); }

    /// Nothing is ready, no timer runs, no descriptor is waited for, and nobody could post.
    bool is_alone() const noexcept;
    /// Whether nothing can have happened outside.
    bool is_quiet() const noexcept {
        return timers_.empty() && reactor_->idle() && inbox_->empty();
    }
    /// Between a `stop`, of any thread, and the end of the `run` that it ends.
    bool is_stopped() const noexcept { return stop_.load(std::memory_order_relaxed); }

    std::unique_ptr<reactor> reactor_;
    mutable timer_queue timers_{&timed_operation::expect}; // finding the next deadline sorts
    std::shared_ptr<inbox> inbox_;
    std::atomic<bool> stop_{false};
    std::int64_t spin_ = 0; // ns: how long to poll before blocking

private:
    bool collect(std::int64_t deadline);
    bool spin(std::int64_t deadline);
    inline void breathe() noexcept final;

    static constexpr std::int64_t longest_without_poll = 50'000; // ns, within one turn

    std::int64_t last_poll_ = 0;
};

// Implementation ------------------------------------------------------------

inline bool turns::take_turn(bool block, std::size_t& ran) {
    bool possible = true;
    if (block && !has_ready()) {
        const auto deadline = timers_.next_deadline().value_or(reactor::never);
        possible = spin(deadline) || collect(deadline);
    } else if (!is_quiet()) { // a quiet system costs nothing in a turn that does not wait
        collect(reactor::immediately);
    }
    ran = run_turn();
    return possible || ran != 0;
}

inline bool turns::is_alone() const noexcept {
    // The inbox comes last: who has let go of his handle may have posted before.
    return !has_ready() && timers_.empty() && reactor_->idle() && reactor_->outside_work() == 0 &&
           inbox_.use_count() == 1 && inbox_->empty();
}

// Queues what has become ready outside. Returns false if it never will be.
inline bool turns::collect(std::int64_t deadline) {
    bool possible = true;
    if (deadline != reactor::immediately || !reactor_->idle() || !inbox_->empty())
        possible = reactor_->wait(deadline);
    if (!inbox_->empty()) inbox_->take(ready());
    if (!timers_.empty()) timers_.expire(reactor_->now());
    return possible;
}

// Returns whether there is nothing left to block for: something is ready, or the loop was stopped,
// by a `wake` that the polling has used up.
inline bool turns::spin(std::int64_t deadline) {
    if (spin_ <= 0 || is_stopped() || !reactor_->is_real_time()) return false;
    auto now = reactor_->now();
    // A deadline may be any time at all, also long ago.
    const auto limit = now < reactor::never - spin_ ? now + spin_ : reactor::never;
    for (const auto end = deadline < limit ? deadline : limit;
         now < end && !has_ready() && !is_stopped(); now = reactor_->now())
        collect(reactor::immediately);
    return has_ready() || is_stopped();
}

// A long turn must not keep timers, descriptors and other threads waiting.
inline void turns::breathe() noexcept {
    if (is_quiet()) return;
    const auto now = reactor_->now();
    if (now - last_poll_ < longest_without_poll) return;
    last_poll_ = now;
    guarded([&] { collect(reactor::immediately); },
            [this](std::exception_ptr error) { unhandled(std::move(error), "the event loop"); });
}

} // namespace weft
