// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

#include <weft/core/raise.hpp>
#include <weft/testing/allocations.hpp>

// Replaces the global operators new and delete, so that `weft::testing::allocations` counts, and
// lets fail, what a test program allocates. Include it in exactly one source file of the program.

namespace weft::testing::detail {

[[maybe_unused]] inline const bool counts_allocations = (allocations::replaced = true);

inline void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
    if (allocations::next_fails()) return nullptr;
    if (bytes == 0) bytes = 1;
    return alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__
               ? std::malloc(bytes)
               : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}
inline void* allocate(std::size_t bytes, std::align_val_t alignment) noexcept {
    return allocate(bytes, static_cast<std::size_t>(alignment));
}
inline void* or_throw(void* block) {
    if (!block) raise<std::bad_alloc>();
    return block;
}

} // namespace weft::testing::detail

// All forms, because the sanitizers bring theirs, which do not call each other.
void* operator new(std::size_t bytes) {
    return weft::testing::detail::or_throw(weft::testing::detail::allocate(bytes, 1u));
}
void* operator new[](std::size_t bytes) { return ::operator new(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    return weft::testing::detail::allocate(bytes, 1u);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
    return weft::testing::detail::allocate(bytes, 1u);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return weft::testing::detail::or_throw(weft::testing::detail::allocate(bytes, alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
    return ::operator new(bytes, alignment);
}
void* operator new(std::size_t bytes, std::align_val_t alignment,
                   const std::nothrow_t&) noexcept {
    return weft::testing::detail::allocate(bytes, alignment);
}
void* operator new[](std::size_t bytes, std::align_val_t alignment,
                     const std::nothrow_t&) noexcept {
    return weft::testing::detail::allocate(bytes, alignment);
}

// Not to be inlined: g++ would see `free` of what came from `operator new`, and warn.
[[gnu::noinline]] void operator delete(void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete[](void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete[](void* block, std::size_t) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, const std::nothrow_t&) noexcept {
    std::free(block);
}
[[gnu::noinline]] void operator delete[](void* block, const std::nothrow_t&) noexcept {
    std::free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete[](void* block, std::align_val_t) noexcept {
    std::free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
    std::free(block);
}
[[gnu::noinline]] void operator delete[](void* block, std::size_t, std::align_val_t) noexcept {
    std::free(block);
}
