// SPDX-License-Identifier: MIT
//
// A scenario is ended at every point where it could be ended, on simulated hosts: it is cancelled
// there, destroyed there, and destroyed while the cancel is under way. Each time everything must be
// gone in the end.
//
//     sweep([]() -> weft::task<> { ... });
#pragma once

#include <weft/testing/cancel_everywhere.hpp>

#include "support/catch.hpp"

/// Ends `scenario`, see testing/scenario.hpp, at every point and in every way.
template <class F> void sweep(const F& scenario) {
    CHECK_NOTHROW(weft::testing::cancel_everywhere(scenario));
    CHECK_NOTHROW(weft::testing::destroy_everywhere(scenario));
}
