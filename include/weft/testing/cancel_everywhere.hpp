// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <weft/coro/task_group.hpp>
#include <weft/testing/intruded_run.hpp>
#include <weft/testing/scenario.hpp>
#include <weft/testing/simulation.hpp>

namespace weft::testing {

/// Runs `f` again and again, and cancels it after its k-th step, for every k: wherever it waits.
/// Each time it must end, nothing may be left (frames, `tracked` objects, descriptors), and `then`
/// must work: an awaitable that is awaited in the same simulation, or anything that throws when an
/// invariant is broken. A run without a cancel comes first.
///
///     weft::semaphore permits(1);
///     cancel_everywhere([&]() -> task<> { auto permit = co_await permits.acquire(); ... },
///                       [&] { return permits.acquire(); });            // it was given back
///
/// Errors  Throws `failure` that names k, the number of steps, what is wrong, and where `f` waited;
///         rethrows what leaves `f` without a cancel.
template <scenario F, class Then = nothing_then>
void cancel_everywhere(F f, Then then = {});

/// As `cancel_everywhere`, but destroys `f`, without its clean-ups; and again, destroys it after
/// the m-th step, for every m from k on, while a cancel after the k-th one is under way.
template <scenario F, class Then = nothing_then>
void destroy_everywhere(F f, Then then = {});

// Implementation ------------------------------------------------------------

namespace detail {

struct ending_intruder {
    std::size_t cancel_after = never_reached;
    std::size_t drop_after = never_reached;
    std::string place{};

    void begins(simulation&) noexcept {}
    void after_step(simulation& sim, task_group& scenario, std::size_t steps) noexcept {
        if (steps == cancel_after || steps == drop_after) place = where(sim, scenario);
        if (steps == cancel_after) scenario.cancel();
        if (steps == drop_after) scenario.drop_children();
    }
    void ends(simulation&) noexcept {}
};

/// Returns how many steps it took.
template <class F, class Then>
std::size_t end_once(const char* sweep, F& f, Then& then, std::size_t of, std::size_t cancel_after,
                     std::size_t drop_after) {
    ending_intruder intruder{cancel_after, drop_after};
    auto result = run_intruded(f, then, intruder);
    if (result.error && !result.wrong) result.wrong = result.error;
    std::string what = sweep;
    if (cancel_after != never_reached)
        what.append(", cancelled after step ").append(std::to_string(cancel_after));
    if (drop_after != never_reached)
        what.append(", destroyed after step ").append(std::to_string(drop_after));
    check_intruded(result, what + " of " + std::to_string(of), intruder.place);
    return result.steps;
}

} // namespace detail

template <scenario F, class Then>
void cancel_everywhere(F f, Then then) {
    constexpr const char* name = "cancel_everywhere";
    detail::ending_intruder idle;
    const auto steps = run_in_peace(name, f, then, idle);
    for (std::size_t k = 0; k <= steps; ++k)
        detail::end_once(name, f, then, steps, k, never_reached);
}

template <scenario F, class Then>
void destroy_everywhere(F f, Then then) {
    constexpr const char* name = "destroy_everywhere";
    constexpr std::size_t most_pairs = 2000; // of k and m: long scenarios skip some
    detail::ending_intruder idle;
    const auto steps = run_in_peace(name, f, then, idle);
    std::vector<std::size_t> ends; // of a run that is cancelled after step k: it may take longer
    std::size_t all = 0;
    for (std::size_t k = 0; k <= steps; ++k) {
        detail::end_once(name, f, then, steps, never_reached, k);
        ends.push_back(detail::end_once(name, f, then, steps, k, never_reached));
        all += ends[k] - std::min(k, ends[k]);
    }
    std::size_t pairs = 0, next = 0;
    const auto stride = all / most_pairs + 1;
    for (std::size_t k = 0; k <= steps; ++k)
        for (auto m = k; m < ends[k]; ++m)
            if (pairs++ == next) {
                next += stride;
                detail::end_once(name, f, then, steps, k, m);
            }
}

} // namespace weft::testing
