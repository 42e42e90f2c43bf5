// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <weft/core/raise.hpp>
#include <weft/testing/decisions.hpp>
#include <weft/testing/leak_check.hpp>
#include <weft/testing/no_faults.hpp>
#include <weft/testing/scenario.hpp>
#include <weft/testing/simulation.hpp>

namespace weft::testing {

/// Seeds that follow each other: a large campaign is run in slices, on several machines.
///
///     explore({.first = 1'000'001, .count = 1'000'000}, scenario);
struct seed_range {
    std::uint64_t first = 1; ///< not 0, whose runs have the order of an ordinary loop
    std::size_t count = 0;
};
static_assert(std::is_trivially_destructible_v<seed_range>);

/// A run of a scenario that went wrong, and how to have it again.
struct failing_run {
    std::uint64_t seed = 0;
    decisions::log_type choices;      ///< of that seed, made shorter as long as it still went wrong
    std::exception_ptr error;         ///< of the run with the seed
    std::exception_ptr choices_error; ///< of the one with the choices; null: that went well
    std::exception_ptr unhandled;     ///< with the seed: the first that nobody could receive
    std::string unhandled_in;         ///< the name of the task that this came from

    std::string seed_text() const { return "seed:" + std::to_string(seed); }
    std::string choices_text() const { return "choices:" + decisions::to_text(choices); }
    /// What `explore` prints after "weft: explore: ": the seed, the error, and how to replay it.
    std::string report() const;
};

/// Runs a scenario in simulations of the seeds 1, ..., `n_seeds`, each with another order of what
/// is ready and other chances in the network. The first run that goes wrong ends it: standard error
/// is told the seed and how to replay that, and the error is rethrown as it is. What is wrong is,
/// if there are several, the first of these:
///
/// * an error that leaves the scenario, a deadlock among them; that it does not end
/// * an error that nobody could receive; a scenario to which that may happen takes it by calling
///   `on_unhandled` of its simulation
/// * a leak: frames, `tracked` objects, descriptors
///
///     explore(10'000, [](simulation& sim) -> task<> { ...; if (lost != 0) throw ...; });
///
/// With WEFT_REPLAY in the environment, only what that says is run: see `replay`.
template <scenario_or_program F>
void explore(std::size_t n_seeds, F f);
template <scenario_or_program F>
void explore(seed_range seeds, F f);

/// Runs the scenario once: "seed:17", or "choices:0*12,3", as `explore` has printed it.
/// Errors  Rethrows what is wrong; throws `failure` if `what` is neither.
template <scenario_or_program F>
void replay(std::string_view what, F f);

/// As `explore`, but returns what went wrong, and prints nothing. Does not make the choices shorter
/// if the error is no `std::exception`: so ends a test of a test framework, which would report it
/// again and again.
template <scenario_or_program F>
std::optional<failing_run> find_failure(std::size_t n_seeds, F f);
template <scenario_or_program F>
std::optional<failing_run> find_failure(seed_range seeds, F f);

// Implementation ------------------------------------------------------------

inline std::string failing_run::report() const {
    const auto text = text_of(error);
    auto all = seed_text() + " failed: " + text + '\n';
    if (unhandled) {
        all += "  unhandled";
        if (!unhandled_in.empty()) all += " in " + unhandled_in;
        if (unhandled != error) all += ": " + text_of(unhandled);
        all += '\n';
    }
    all += "  again: WEFT_REPLAY=" + seed_text() + ", or weft::testing::replay(\"" + seed_text() +
           "\", ...)\n";
    if (!choices_error) return all + "  short: none, as it depends on more than its choices\n";
    all += "  short: WEFT_REPLAY='" + choices_text() + "'\n";
    if (const auto other = text_of(choices_error); other != text)
        all += "  which fails with: " + other + '\n';
    return all;
}

namespace detail {

inline constexpr std::size_t endless = 10'000'000; // steps

struct explored {
    std::exception_ptr error;
    decisions::log_type log;
    std::exception_ptr unhandled;
    std::string unhandled_in;
};

template <class F>
explored run_with(F& f, decisions choices) {
    explored result;
    std::string left;
    const leak_check leaks;
    {
        simulation sim(std::move(choices));
        sim.on_unhandled([&result](const std::exception_ptr& error, std::string_view name) {
            const no_faults scope;
            if (result.unhandled) return;
            result.unhandled = error;
            result.unhandled_in = name;
        });
        sim.set_step_limit(endless);
        guarded([&] { run_scenario(f, sim); },
                [&](std::exception_ptr error) { result.error = std::move(error); });
        if (sim.steps() >= endless)
            result.error = make_failure("it does not end");
        result.log = sim.choices().log();
        left = end_hosts(sim);
    }
    if (!result.error) result.error = result.unhandled;
    left = leaks.leaked(std::move(left));
    if (!result.error && !left.empty()) result.error = make_failure("left over: " + left);
    return result;
}

/// Makes the choices of a run shorter: those of the shortest log, with the fewest choices other
/// than 0, that some tries lead to.
template <class F>
void shrink(F& f, failing_run& found) {
    auto& log = found.choices;
    std::size_t tries = 400;
    const auto still_fails = [&](const decisions::log_type& candidate) {
        if (tries == 0) return false;
        --tries;
        auto error = run_with(f, decisions(candidate)).error;
        if (!error) return false;
        found.choices_error = std::move(error);
        return true;
    };
    if (!still_fails(log)) return; // it depends on more than the choices
    for (auto part = log.size(); part != 0;) {
        part = std::min(part, log.size());
        if (part == 0) break;
        const decisions::log_type front(log.begin(), log.end() - static_cast<std::ptrdiff_t>(part));
        if (still_fails(front))
            log = front;
        else
            part /= 2;
    }
    for (auto part = log.size(); part != 0; part /= 2)
        for (std::size_t at = 0; at < log.size(); at += part) {
            auto zeroed = log;
            const auto end = std::min(at + part, log.size());
            std::fill(zeroed.begin() + static_cast<std::ptrdiff_t>(at),
                      zeroed.begin() + static_cast<std::ptrdiff_t>(end), 0u);
            if (zeroed != log && still_fails(zeroed)) log = std::move(zeroed);
        }
}

} // namespace detail

template <scenario_or_program F>
std::optional<failing_run> find_failure(seed_range seeds, F f) {
    assert(seeds.first != 0);
    for (std::size_t i = 0; i != seeds.count; ++i) {
        const auto seed = seeds.first + i;
        auto run = detail::run_with(f, decisions(seed));
        if (!run.error) continue;
        failing_run found{seed, std::move(run.log), run.error, run.error, std::move(run.unhandled),
                          std::move(run.unhandled_in)};
        if (visit_error<std::exception>(run.error, [](const auto&) {})) {
            found.choices_error = nullptr;
            detail::shrink(f, found);
        }
        return found;
    }
    return std::nullopt;
}

template <scenario_or_program F>
std::optional<failing_run> find_failure(std::size_t n_seeds, F f) {
    return find_failure(seed_range{.first = 1, .count = n_seeds}, std::move(f));
}

template <scenario_or_program F>
void replay(std::string_view what, F f) {
    constexpr std::string_view by_seed = "seed:", by_choices = "choices:";
    std::optional<decisions> choices;
    if (what.starts_with(by_choices)) {
        choices.emplace(decisions::from_text(what.substr(by_choices.size())));
    } else if (what.starts_with(by_seed)) {
        std::uint64_t seed = 0;
        const auto* const end = what.data() + what.size();
        const auto read = std::from_chars(what.data() + by_seed.size(), end, seed);
        if (read.ec == std::errc() && read.ptr == end) choices.emplace(seed);
    }
    if (!choices)
        raise<failure>("neither \"seed:...\" nor \"choices:...\": " + std::string(what));
    if (auto run = detail::run_with(f, std::move(*choices)); run.error)
        std::rethrow_exception(std::move(run.error));
}

template <scenario_or_program F>
void explore(seed_range seeds, F f) {
    if (const char* what = std::getenv("WEFT_REPLAY")) return replay(what, std::move(f));
    const auto found = find_failure(seeds, std::move(f));
    if (!found) return;
    std::fprintf(stderr, "weft: explore: %s", found->report().c_str());
    std::rethrow_exception(found->error);
}

template <scenario_or_program F>
void explore(std::size_t n_seeds, F f) {
    explore(seed_range{.first = 1, .count = n_seeds}, std::move(f));
}

} // namespace weft::testing
