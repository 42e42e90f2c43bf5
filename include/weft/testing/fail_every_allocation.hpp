// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include <weft/core/error.hpp>
#include <weft/core/frame_pool.hpp>
#include <weft/core/raise.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/testing/allocations.hpp>
#include <weft/testing/intruded_run.hpp>
#include <weft/testing/scenario.hpp>
#include <weft/testing/simulation.hpp>

namespace weft::testing {

/// Runs `f` again and again, and lets its n-th allocation fail with `std::bad_alloc`, for every n:
/// frames and records of the library; and whatever asks `operator new`, if the program includes
/// testing/replace_operator_new.hpp. `f` may end with any error. Nothing may be left, nobody may
/// wait for ever, and `then` must work: see `cancel_everywhere`. A run without a failure comes
/// first.
///
/// Compilers may leave out allocations of frames when they optimise: build such tests without.
/// Errors  Throws `failure` that names n, the number of allocations, what is wrong, and what the
///         tasks were doing; rethrows what leaves `f` without a failure.
template <scenario F, class Then = nothing_then>
void fail_every_allocation(F f, Then then = {});

// Implementation ------------------------------------------------------------

namespace detail {

/// Either kind of allocations: how many there were, and how to let one fail.
struct frame_allocations {
    static constexpr const char* name = "frame or record";
    static std::size_t count() noexcept { return frame_pool::now().allocated; }
    static void fail(std::size_t n) noexcept { frame_pool::fail_allocation(n); }
};
struct heap_allocations {
    static constexpr const char* name = "operator new";
    static std::size_t count() noexcept { return allocations::count(); }
    static void fail(std::size_t n) noexcept { allocations::fail(n); }
};

template <class Kind>
struct allocation_intruder {
    std::size_t fails = 0; // the n-th one; 0: none
    std::size_t made = 0;
    std::string place{};

    void begins(simulation&) noexcept {
        made = Kind::count();
        Kind::fail(fails);
    }
    void after_step(simulation& sim, task_group& scenario, std::size_t) noexcept {
        const auto now = Kind::count() - made;
        if (fails == 0 || now < fails || !place.empty()) return;
        const no_faults scope;
        place = where(sim, scenario) + " "; // the step that failed is over
    }
    void ends(simulation&) noexcept {
        made = Kind::count() - made;
        Kind::fail(0);
    }
};

template <class Kind, class F, class Then>
void fail_each(F& f, Then& then) {
    allocation_intruder<Kind> idle;
    run_in_peace("fail_every_allocation", f, then, idle);
    for (std::size_t n = 1; n <= idle.made; ++n) {
        allocation_intruder<Kind> intruder{n};
        const auto result = run_intruded(f, then, intruder);
        check_intruded(result,
                       std::string("fail_every_allocation, ") + Kind::name + " " +
                           std::to_string(n) + " of " + std::to_string(idle.made),
                       intruder.place);
    }
}

} // namespace detail

template <scenario F, class Then>
void fail_every_allocation(F f, Then then) {
    detail::fail_each<detail::frame_allocations>(f, then);
    if (allocations::are_counted()) detail::fail_each<detail::heap_allocations>(f, then);
}

} // namespace weft::testing
