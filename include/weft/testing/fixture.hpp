// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include <weft/core/raise.hpp>
#include <weft/testing/leak_check.hpp>
#include <weft/testing/scenario.hpp>
#include <weft/testing/simulation.hpp>

namespace weft::testing {

/// What a test of coroutines needs from any test framework: a simulation, and a body that runs in
/// it. What is wrong leaves `run` as an exception, whose text every framework reports.
///
///     TEST_CASE_METHOD(weft::testing::fixture, "the sentence") {                    // Catch2
///         run([&]() -> weft::task<> { ... });
///     }
///
///     struct Clock : ::testing::Test, weft::testing::fixture {};                    // GoogleTest
///     TEST_F(Clock, Ticks) {
///         run([&]() -> weft::task<> { ... });
///     }
///
/// Hosts that all tests need are added by the constructor of a class that derives from it.
class fixture {
public:
    /// See `simulation` about seeds. What takes so many steps does not end.
    explicit fixture(std::uint64_t seed = 0, std::size_t most_steps = 10'000'000)
        : most_steps_(most_steps), sim(seed) {
        sim.on_unhandled([this](const std::exception_ptr& error, std::string_view name) noexcept {
            if (!unhandled_.empty()) return;
            unhandled_ = name.empty() ? "a task" : name;
            unhandled_.append(" failed, and nobody was told: ").append(text_of(error));
        });
        sim.set_step_limit(most_steps_);
    }
    fixture(fixture&&) = delete;

    /// Runs `f()` or `f(simulation&)` to its end, then ends the tasks of all hosts. Once a test.
    /// Errors  Rethrows what leaves `f`; `deadlock_error`. Throws `failure` if a task failed whose
    ///         error nobody could receive (what then happened to `f` is in the text), and if
    ///         anything is left over: frames, `tracked` objects, descriptors. What members hold
    ///         counts, a `join_handle` of a child that has ended as well: `handle = {}` in `f`.
    template <scenario F>
    void run(F f) {
        if (std::exchange(has_run_, true)) raise<failure>("run: a fixture runs once");
        guarded([&] { run_scenario(f, sim); }, [this](const std::exception_ptr& error) {
            if (sim.steps() >= most_steps_) raise<failure>("it does not end");
            const bool is_known = visit_error<std::exception>(error, [](const auto&) {});
            if (unhandled_.empty() || !is_known) std::rethrow_exception(error);
            raise<failure>(unhandled_ + "\nthen: " + text_of(error));
        });
        auto open = end_hosts(sim);
        if (!unhandled_.empty()) raise<failure>(unhandled_);
        if (const auto left = leaks_.leaked(std::move(open)); !left.empty())
            raise<failure>("left over: " + left + " (what a join_handle keeps counts, too)");
    }

private:
    leak_check leaks_; // what lives before the simulation
    std::size_t most_steps_;
    bool has_run_ = false;
    std::string unhandled_;

protected:
    simulation sim; // after what it reports to
};

} // namespace weft::testing
