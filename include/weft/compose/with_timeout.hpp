// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <optional>
#include <source_location>
#include <string_view>
#include <utility>

#include <weft/compose/results.hpp>
#include <weft/core/error.hpp>
#include <weft/core/fork.hpp>
#include <weft/core/prepared.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/loop_clock.hpp>
#include <weft/loop/timer_queue.hpp>
#include <weft/time/sleep.hpp>

namespace weft {

/// Runs one branch until a deadline, a `time_point` or a `duration` from its start.
template <forkable A, class Deadline, bool Throws>
class timeout_operation final : public fork_operation<timeout_operation<A, Deadline, Throws>>,
                                private timer {
    using base = fork_operation<timeout_operation>;

public:
    explicit timeout_operation(A body, Deadline deadline)
        : timer(&fired), deadline_(deadline), child_(*this, std::move(body)) {}
    ~timeout_operation() { child_.report_lost_error(); }

    std::coroutine_handle<> start(branch& parent) noexcept {
        auto& loop = static_cast<event_loop&>(parent.loop());
        const auto now = loop.now();
        const auto end = absolute(now);
        if (end <= now) { // never started, and destroyed like that
            timed_out_ = true;
            return nullptr;
        }
        if (end != time_point::max()) loop.arm(*this, end);
        return this->start_only(parent, child_);
    }
    bool withdraw() noexcept override {
        disarm(); // the timer is no operation: from now on it has nothing to say
        return base::withdraw();
    }
    void on_child(branch&, ending) noexcept { disarm(); }
    bool has_result() const noexcept { return !child_.outcome().was_cancelled(); }
    const char* describe() const noexcept override { return "with_timeout"; }
    const char* reason(std::size_t& size) const noexcept override {
        constexpr std::string_view text = "timed out";
        size = timed_out_ ? text.size() : 0;
        return text.data();
    }

    decltype(auto) await_resume() {
        auto& outcome = child_.outcome();
        const bool completed = !outcome.is_pending() && !outcome.was_cancelled();
        if constexpr (Throws) {
            if (!completed) raise<timeout_error>();
            return outcome.take();
        } else {
            using result = optional_result_t<A>;
            return completed ? take_optional(outcome) : result();
        }
    }

private:
    time_point absolute(time_point now) const noexcept {
        if constexpr (std::is_same_v<Deadline, time_point>)
            return deadline_;
        else
            return sleep_operation::after(now, deadline_);
    }
    static void fired(timer& self) noexcept {
        auto& own = static_cast<timeout_operation&>(self);
        own.timed_out_ = true;
        own.cancel_children(std::source_location::current());
    }

    Deadline deadline_;
    bool timed_out_ = false;
    child<A> child_;
};

/// Runs `body` and returns its result if that takes no longer than `limit`.
///
/// If both happen in one turn the result wins. A limit that is not positive never starts `body`.
/// Of nested limits that end at the same moment the outer one throws.
/// Errors  Throws `timeout_error` when `body` has been cancelled and has ended; an error from that
///         end replaces it. It does not say what took too long: catch it where that is known.
///         What `body` throws is rethrown as it is.
/// Cancel  Cancels `body` and waits for its end.
template <class Rep, class Period, forkable A>
auto with_timeout(std::chrono::duration<Rep, Period> limit, A body) {
    return prepared<timeout_operation<A, duration, true>, A, duration>(std::move(body),
                                                                       to_duration(limit));
}
void with_timeout(...) = delete; // (duration, body): a task, or a callable that returns one

/// The same until a point in time.
template <forkable A>
auto with_deadline(time_point deadline, A body) {
    return prepared<timeout_operation<A, time_point, true>, A, time_point>(std::move(body),
                                                                           deadline);
}

/// As `with_timeout`, but returns an optional: nothing if the time was not enough.
template <class Rep, class Period, forkable A>
auto try_for(std::chrono::duration<Rep, Period> limit, A body) {
    return prepared<timeout_operation<A, duration, false>, A, duration>(std::move(body),
                                                                        to_duration(limit));
}
void try_for(...) = delete; // (duration, body): a task, or a callable that returns one

/// The same until a point in time.
template <forkable A>
auto try_until(time_point deadline, A body) {
    return prepared<timeout_operation<A, time_point, false>, A, time_point>(std::move(body),
                                                                            deadline);
}

} // namespace weft
