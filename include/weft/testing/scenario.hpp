// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include <weft/core/awaitable.hpp>
#include <weft/core/raise.hpp>
#include <weft/testing/simulation.hpp>

namespace weft::testing {

/// What `explore` and the sweeps run, again and again: `f()` or `f(simulation&)`, a coroutine or
/// whatever else returns an awaitable. It must make anew what it changes.
template <class F>
concept scenario = requires(F& f) {
    { f() } -> awaits;
} || requires(F& f, simulation& in) {
    { f(in) } -> awaits;
};

/// Also a function that calls `simulation::run` itself.
template <class F>
concept scenario_or_program = scenario<F> || std::invocable<F&, simulation&>;

/// Calls `f`, which may or may not want to know the simulation.
template <class F>
decltype(auto) call_scenario(F& f, simulation& in) {
    if constexpr (std::invocable<F&, simulation&>)
        return f(in);
    else
        return f();
}

/// Runs it to its end.
template <scenario_or_program F>
void run_scenario(F& f, simulation& in) {
    if constexpr (scenario<F>)
        static_cast<void>(in.run([&]() -> decltype(auto) { return call_scenario(f, in); }));
    else
        call_scenario(f, in);
}

/// Ends the tasks of all hosts. Returns what is open then: "2 descriptors". Empty: nothing.
inline std::string end_hosts(simulation& in) {
    in.drop_hosts();
    if (const auto open = in.system_of_hosts().open_descriptors(); open != 0)
        return std::to_string(open) + " descriptors";
    return in.system().idle() ? "" : "registrations of descriptors";
}

/// What an error says.
inline std::string text_of(const std::exception_ptr& error) {
    std::string text = "an error of unknown type";
    visit_error<std::exception>(error, [&](const std::exception& known) { text = known.what(); });
    return text;
}

} // namespace weft::testing
