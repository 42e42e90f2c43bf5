// SPDX-License-Identifier: MIT
// The same cluster on real sockets: three loops, each on a thread of its own.
#pragma once

#include <cstddef>

namespace replicated_log {

/// Appends so many entries, and prints what happens. In the middle, the leader loses power.
void run_for_real(std::size_t entries);

} // namespace replicated_log
