// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <weft/coro/task_group.hpp>
#include <weft/testing/faulty_system.hpp>
#include <weft/testing/intruded_run.hpp>
#include <weft/testing/no_faults.hpp>
#include <weft/testing/scenario.hpp>
#include <weft/testing/simulation.hpp>

namespace weft::testing {

/// Runs `f` again and again, and lets its n-th call to the system of the simulated hosts go wrong,
/// for every n: with each errno that such a call can have, or by transferring one byte. `f` may end
/// with any error. Nothing may be left, nobody may wait for ever, and `then` must work: see
/// `cancel_everywhere`. A run without a fault comes first.
///
/// Errors  Throws `failure` that names n, the number of calls, the fault, what is wrong, and what
///         the tasks were doing; rethrows what leaves `f` without a fault.
template <scenario F, class Then = nothing_then>
void fail_every_syscall(F f, Then then = {});

// Implementation ------------------------------------------------------------

namespace detail {

struct syscall_intruder {
    faulty_system system;
    std::string place{};

    void begins(simulation& sim) noexcept { system.begin(sim.system()); }
    void after_step(simulation& sim, task_group& scenario, std::size_t) noexcept {
        if (!system.has_failed() || !place.empty()) return;
        const no_faults scope;
        place = where(sim, scenario) + " "; // the step that failed is over
    }
    void ends(simulation&) noexcept { system.end(); }
};

} // namespace detail

template <scenario F, class Then>
void fail_every_syscall(F f, Then then) {
    std::vector<call_kind> calls;
    {
        detail::syscall_intruder idle{{0, nullptr}};
        run_in_peace("fail_every_syscall", f, then, idle);
        calls = idle.system.made();
    }
    for (std::size_t n = 0; n != calls.size(); ++n)
        for (const auto& fault : faults_of(calls[n])) {
            detail::syscall_intruder intruder{{n, &fault}};
            const auto result = run_intruded(f, then, intruder);
            check_intruded(result,
                           "fail_every_syscall, call " + std::to_string(n + 1) + " of " +
                               std::to_string(calls.size()) + ", " + name_of(calls[n]) + ": " +
                               fault.name,
                           intruder.place);
        }
}

} // namespace weft::testing
