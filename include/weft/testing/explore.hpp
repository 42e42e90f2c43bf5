// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <weft/core/raise.hpp>
#include <weft/testing/decisions.hpp>
#include <weft/testing/leak_check.hpp>
#include <weft/testing/scenario.hpp>
#include <weft/testing/simulation.hpp>

namespace weft::testing {

/// A run of a scenario that went wrong, and how to have it again.
struct failing_run {
    std::uint64_t seed = 0;
    decisions::log_type choices;   ///< of that seed, made shorter as long as it still went wrong
    std::exception_ptr error;      ///< of the run with the seed
    std::string seed_text() const { return "seed:" + std::to_string(seed); }
    std::string choices_text() const { return "choices:" + decisions::to_text(choices); }
};

/// Runs a scenario in simulations of the seeds 1, ..., `n_seeds`, each with another order of what
/// is ready and other chances in the network. An error that leaves it, a deadlock and a leak are
/// failures; then the first error is rethrown as it is, after standard error has been told the
/// seed, and how to replay that.
///
///     explore(10'000, [](simulation& sim) -> task<> { ...; if (lost != 0) throw ...; });
///
/// With WEFT_REPLAY in the environment, only what that says is run: see `replay`.
template <scenario_or_program F>
void explore(std::size_t n_seeds, F f);

/// Runs the scenario once: "seed:17", or "choices:0*12,3", as `explore` has printed it.
/// Errors  Rethrows what leaves it; throws `failure` if it leaks.
template <scenario_or_program F>
void replay(std::string_view what, F f);

/// As `explore`, but returns what went wrong, and prints nothing. Does not make the choices shorter
/// if the error is no `std::exception`: so ends a test of a test framework, which would report it
/// again and again.
template <scenario_or_program F>
std::optional<failing_run> find_failure(std::size_t n_seeds, F f);

// Implementation ------------------------------------------------------------

namespace detail {

inline constexpr std::size_t endless = 10'000'000; // steps

struct explored {
    std::exception_ptr error;
    decisions::log_type log;
};

template <class F>
explored run_with(F& f, decisions choices) {
    explored result;
    const leak_check leaks;
    {
        simulation sim(std::move(choices));
        sim.set_step_limit(endless);
        guarded([&] { run_scenario(f, sim); },
                [&](std::exception_ptr error) { result.error = std::move(error); });
        if (sim.steps() >= endless)
            result.error = make_failure("it does not end");
        result.log = sim.choices().log();
    }
    if (const auto text = leaks.leaked(); !text.empty() && !result.error)
        result.error = make_failure("left over: " + text);
    return result;
}

/// The shortest log, with the fewest choices other than 0, that some tries lead to.
template <class F>
decisions::log_type shrink(F& f, decisions::log_type log) {
    std::size_t tries = 400;
    const auto still_fails = [&](const decisions::log_type& candidate) {
        return tries != 0 && (--tries, run_with(f, decisions(candidate)).error != nullptr);
    };
    if (!still_fails(log)) return log; // it depends on more than the choices
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
    return log;
}

} // namespace detail

template <scenario_or_program F>
std::optional<failing_run> find_failure(std::size_t n_seeds, F f) {
    for (std::uint64_t seed = 1; seed <= n_seeds; ++seed) {
        auto run = detail::run_with(f, decisions(seed));
        if (!run.error) continue;
        const bool known = visit_error<std::exception>(run.error, [](const auto&) {});
        return failing_run{seed, known ? detail::shrink(f, std::move(run.log)) : std::move(run.log),
                           std::move(run.error)};
    }
    return std::nullopt;
}

template <scenario_or_program F>
void replay(std::string_view what, F f) {
    constexpr std::string_view by_seed = "seed:", by_choices = "choices:";
    std::optional<decisions> choices;
    if (what.starts_with(by_choices))
        choices.emplace(decisions::from_text(what.substr(by_choices.size())));
    else if (what.starts_with(by_seed))
        choices.emplace(
            std::strtoull(std::string(what.substr(by_seed.size())).c_str(), nullptr, 10));
    else
        raise<failure>("neither \"seed:...\" nor \"choices:...\": " + std::string(what));
    if (auto run = detail::run_with(f, std::move(*choices)); run.error)
        std::rethrow_exception(std::move(run.error));
}

template <scenario_or_program F>
void explore(std::size_t n_seeds, F f) {
    if (const char* what = std::getenv("WEFT_REPLAY")) return replay(what, std::move(f));
    const auto found = find_failure(n_seeds, std::move(f));
    if (!found) return;
    std::fprintf(stderr,
                 "weft: explore: %s of %zu failed: %s\n"
                 "  again: WEFT_REPLAY=%s, or weft::testing::replay(\"%s\", ...)\n"
                 "  short: WEFT_REPLAY='%s'\n",
                 found->seed_text().c_str(), n_seeds, text_of(found->error).c_str(),
                 found->seed_text().c_str(), found->seed_text().c_str(),
                 found->choices_text().c_str());
    std::rethrow_exception(found->error);
}

} // namespace weft::testing
