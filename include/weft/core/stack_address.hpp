// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace weft {

/// Where the stack is now: an address at the frame of the function that this is inlined into.
///
/// Of an ordinary variable the address would say less: AddressSanitizer may keep it elsewhere.
[[gnu::always_inline]] inline std::uintptr_t stack_address() noexcept {
#if defined(__clang__)
    return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
#else
    // g++ would set up a frame pointer for the other one, in every coroutine: 9 instructions of an
    // await.
    return reinterpret_cast<std::uintptr_t>(__builtin_dwarf_cfa());
#endif
}

} // namespace weft
