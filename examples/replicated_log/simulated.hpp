// SPDX-License-Identifier: MIT
// One run of the cluster on simulated hosts, with everything that can go wrong.
#pragma once

#include <cstddef>
#include <cstdint>

#include <weft/testing/simulation.hpp>

#include "node.hpp"

namespace replicated_log {

struct run_summary {
    std::size_t runs = 0, commands = 0, elections = 0;
    std::size_t crashes = 0, partitions = 0, resets = 0, bad_links = 0;
    weft::duration time{};
    std::uint64_t trace = 0; ///< of the last run

    std::size_t faults() const { return crashes + partitions + resets + bad_links; }
};

/// Errors  Throws `std::logic_error` that says what went wrong.
void run_cluster(weft::testing::simulation& in, bug planted, bool verbose, run_summary& sum);

} // namespace replicated_log
