// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <source_location>

namespace weft {

/// A place in the source: the pointer that a std::source_location is made of. That class as the
/// parameter of an `await_transform` would be a temporary, and g++ keeps each temporary of a
/// `co_await` in the frame.
using source_place = decltype(__builtin_source_location());

inline source_place to_place(std::source_location at) noexcept {
    return std::bit_cast<source_place>(at);
}
inline std::source_location to_location(source_place at) noexcept {
    return std::bit_cast<std::source_location>(at);
}

} // namespace weft
