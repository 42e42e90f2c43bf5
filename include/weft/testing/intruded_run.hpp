// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include <weft/core/awaitable.hpp>
#include <weft/core/raise.hpp>
#include <weft/coro/group.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/task_report.hpp>
#include <weft/testing/leak_check.hpp>
#include <weft/testing/scenario.hpp>
#include <weft/testing/simulated_loop.hpp>
#include <weft/testing/simulation.hpp>

namespace weft::testing {

/// What a sweep calls after the scenario if the user gave nothing.
struct nothing_then {
    void operator()() const noexcept {}
};

/// A number of steps that is never reached.
inline constexpr std::size_t never_reached = static_cast<std::size_t>(-1);

/// How one run of a sweep ended.
struct intruded_result {
    std::size_t steps = 0;      ///< that the scenario took, with all that it waited for
    std::exception_ptr error{}; ///< that left the scenario
    std::exception_ptr wrong{}; ///< a deadlock, or an error of what came after the scenario
    std::string left{};         ///< what leaked

    bool passed() const noexcept { return !wrong && left.empty(); }
};

/// One run of a sweep: a scenario, with whom an intruder interferes, in a simulation of its own;
/// then something that must still work; then nothing may be left. An intruder has
///
///     void begins(simulation&) noexcept;      // before anything of the scenario happens
///     void after_step(simulation&, task_group& scenario, std::size_t steps) noexcept; // from 0 on
///     void ends(simulation&) noexcept;        // the scenario is over, or the run has failed
template <scenario F, class Then, class Intruder>
class intruded_run final : private step_observer {
public:
    intruded_run(F& f, Then& then, Intruder& intruder) noexcept
        : f_(f), then_(then), intruder_(intruder) {}

    intruded_result run() {
        const leak_check leaks;
        {
            simulation sim;
            sim_ = &sim;
            sim.on_unhandled([](const std::exception_ptr&, const auto&) noexcept {});
            sim.set_step_limit(most_steps);
            sim.set_observer(this);
            guarded([&] { sim.run([this] { return main(); }); },
                    [&](std::exception_ptr error) { result_.wrong = std::move(error); });
            end();
            if (sim.steps() >= most_steps)
                result_.wrong = make_failure("it does not end");
            sim.set_observer(nullptr);
            result_.left = end_hosts(sim);
        }
        result_.left = leaks.leaked(std::move(result_.left));
        return std::move(result_);
    }

private:
    static constexpr std::size_t most_steps = 1'000'000;

    task<> main() {
        task_group victims(on_error::report);
        victims_ = &victims;
        runs_ = true;
        intruder_.begins(*sim_);
        auto call = [this]() -> decltype(auto) { return call_scenario(f_, *sim_); };
        join_handle<fork_result_t<decltype(call)>> scenario;
        guarded([&] { scenario = victims_->spawn(std::move(call)); },
                [&](std::exception_ptr error) { result_.error = std::move(error); });
        if (!result_.error) {
            auto outcome = co_await scenario.settled();
            result_.error = outcome.error();
        }
        end();
        if constexpr (awaits<std::invoke_result_t<Then&>>)
            static_cast<void>(co_await then_());
        else
            then_();
    }

    void after_step() noexcept override {
        if (!runs_) return;
        ++result_.steps; // to 0 by the step that has only spawned it
        if (victims_->empty())
            end();
        else
            intruder_.after_step(*sim_, *victims_, result_.steps);
    }
    void end() noexcept {
        if (std::exchange(runs_, false)) intruder_.ends(*sim_);
    }

    F& f_;
    Then& then_;
    Intruder& intruder_;
    simulation* sim_ = nullptr;
    task_group* victims_ = nullptr;
    bool runs_ = false;
    intruded_result result_{.steps = static_cast<std::size_t>(-1)};
};

template <scenario F, class Then, class Intruder>
intruded_result run_intruded(F& f, Then& then, Intruder& intruder) {
    return intruded_run<F, Then, Intruder>(f, then, intruder).run();
}

/// Who of the scenario waits for what, and where.
inline std::string where(simulation& sim, const task_group& scenario) {
    task_report report(sim);
    const auto first = report.entries().size();
    report.add(scenario);
    return report.text(first);
}

/// Throws a `failure` unless `result` passed. `what` is what was done to the scenario.
inline void check_intruded(const intruded_result& result, const std::string& what,
                           const std::string& place) {
    if (result.passed()) return;
    auto text = what + ": ";
    text += result.wrong ? text_of(result.wrong) : "left over: " + result.left;
    if (!place.empty()) text += "\nthe scenario was here:\n" + place;
    raise<failure>(text);
}

/// Runs a scenario with nobody interfering: that must go well. Returns its steps.
template <scenario F, class Then, class Intruder>
std::size_t run_in_peace(const char* sweep, F& f, Then& then, Intruder& idle) {
    const auto result = run_intruded(f, then, idle);
    if (result.error) std::rethrow_exception(result.error);
    check_intruded(result, std::string(sweep) + ", without any interference", {});
    return result.steps;
}

} // namespace weft::testing
