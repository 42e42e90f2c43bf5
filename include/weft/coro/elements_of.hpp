// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm> // std::ranges::range, at less than half of what <ranges> costs
#include <cstddef>
#include <forward_list> // std::allocator, at a quarter of what <memory> costs

namespace weft {

/// Marks a range in `co_yield`: the generator yields its elements, one by one.
///
///     co_yield weft::elements_of(names);                  // each name
///     co_yield weft::elements_of(walk(child));            // each element of another generator
///     co_yield weft::elements_of(names, arena_allocator); // where to keep the place in `names`
///
/// Lifetime  Refers to the range it is made of.
/// Source    C++23 [range.elementsof].
template <std::ranges::range R, class Alloc = std::allocator<std::byte>>
struct elements_of {
    [[no_unique_address]] R range;
    [[no_unique_address]] Alloc allocator = Alloc();
};

template <class R, class Alloc = std::allocator<std::byte>>
elements_of(R&&, Alloc = Alloc()) -> elements_of<R&&, Alloc>;

} // namespace weft
