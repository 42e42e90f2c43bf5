// SPDX-License-Identifier: MIT
#pragma once

namespace weft::testing {

/// While it lives, no allocation of this thread is made to fail, nor counted: what a simulation
/// needs for itself is no business of the program's. See `allocation_faults`.
class no_faults {
public:
    no_faults() noexcept { ++depth; }
    no_faults(const no_faults&) = delete;
    ~no_faults() { --depth; }

    static bool in_force() noexcept { return depth != 0; }

private:
    static inline constinit thread_local unsigned depth = 0;
};

} // namespace weft::testing
