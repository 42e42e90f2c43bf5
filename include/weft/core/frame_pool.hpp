// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include <weft/core/raise.hpp>

/// Where coroutine frames and the library's own records come from: free lists of this thread,
/// one per size, cut from slabs.
///
///     auto before = weft::frame_pool::now();
///     run_the_server_for_a_while();
///     assert(weft::frame_pool::now().live == before.live);       // nothing leaked
///
/// Each coroutine type asks for one size over and over, so a block is nearly always found at the
/// head of its list: an allocation is two loads and a store. Blocks go back to their list, not to
/// the heap; slabs are given back when the thread ends and no block of it is live.
/// Under AddressSanitizer every block is a heap block of its own, so that a use after free, a
/// leak or an overrun is reported with the place that allocated it.
///
/// Threads  A pool belongs to its thread. A block may be freed by another one; it stays there.
namespace weft::frame_pool {

/// What the pool of this thread holds.
struct statistics {
    std::size_t allocated;     ///< blocks handed out since the thread began
    std::size_t live;          ///< blocks handed out and not given back
    std::size_t live_bytes;    ///< their sizes, rounded up to the sizes of the lists
    std::size_t reserved_bytes; ///< what the slabs hold: live, free and not yet cut
};

/// Returns a block of at least `bytes` bytes, aligned for every type without extended alignment.
/// Errors  Throws `std::bad_alloc`.
[[nodiscard]] void* allocate(std::size_t bytes);

/// Gives back a block. `bytes` is what it was asked for with.
void deallocate(void* block, std::size_t bytes) noexcept;

/// Lets the `n`-th allocation of this thread from now fail, once: for tests. 0: none.
void fail_allocation(std::size_t n) noexcept;

/// Returns the counters of this thread. Walks the free lists: for tests and reports.
[[nodiscard]] statistics now() noexcept;

/// Gives a class its storage from the pool.
struct allocated {
    static void* operator new(std::size_t bytes) { return allocate(bytes); }
    static void operator delete(void* block, std::size_t bytes) noexcept {
        deallocate(block, bytes);
    }
};

} // namespace weft::frame_pool

// Implementation ------------------------------------------------------------

namespace weft::frame_pool::detail {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool every_block_from_the_heap = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool every_block_from_the_heap = true;
#else
inline constexpr bool every_block_from_the_heap = false;
#endif
#else
inline constexpr bool every_block_from_the_heap = false;
#endif

inline constexpr std::size_t granule = 16;
inline constexpr std::size_t small_limit = 2048;  // sizes in steps of 16 bytes up to here
inline constexpr std::size_t large_step = 1024;   // and in steps of 1 KiB up to pooled_limit
inline constexpr std::size_t pooled_limit = 65536;
inline constexpr std::size_t small_lists = small_limit / granule + 1;
inline constexpr std::size_t lists = small_lists + (pooled_limit - small_limit) / large_step;
inline constexpr std::size_t first_slab = 65536;
inline constexpr std::size_t last_slab = 1048576;

struct block {
    block* next;
};

struct slab {
    slab* next;
    std::size_t size;
};

// Constant-initialised and trivially destructible: reached without a guard, valid as long as the
// thread runs, also in destructors of objects with static storage.
struct pool {
    block* free[lists];
    std::size_t cut[lists]; // blocks of each list that were ever cut from a slab
    std::size_t allocated;  // since `allocated_before`; becomes 0 only where one is to fail
    std::size_t allocated_before;
    std::size_t heap_live;
    std::size_t heap_bytes;
    std::size_t reserved;
    slab* slabs;
    std::byte* uncut;
    std::byte* uncut_end;
};

inline constinit thread_local pool this_thread{};

constexpr std::size_t list_of(std::size_t bytes) noexcept {
    if (bytes <= small_limit) return (bytes + granule - 1) / granule;
    return small_lists + (bytes - small_limit - 1) / large_step;
}

constexpr std::size_t size_of(std::size_t list) noexcept {
    if (list < small_lists) return (list == 0 ? 1 : list) * granule;
    return small_limit + (list - small_lists + 1) * large_step;
}

// Returns the slabs of a thread that ends. Blocks that are live then are left alone, slabs and
// all: somebody may still hold them. Other threads may have blocks of this one even if the numbers
// are even: then there are blocks of theirs here.
struct slab_owner {
    static bool has_foreign_blocks() noexcept {
        std::size_t count = 0;
        for (const slab* each = this_thread.slabs; each; each = each->next) ++count;
        if (count == 0) return false;
        const auto bytes = count * sizeof(const slab*);
        auto** const sorted = static_cast<const slab**>(::operator new(bytes, std::nothrow));
        if (!sorted) return true; // who knows
        std::size_t used = 0; // by insertion: a system hands out most of them in order
        for (const slab* each = this_thread.slabs; each; each = each->next, ++used) {
            auto** place = sorted + used;
            for (; place != sorted && address(place[-1]) > address(each); --place)
                *place = place[-1];
            *place = each;
        }
        bool foreign = false;
        for (const block* one : this_thread.free)
            for (; one && !foreign; one = one->next) foreign = !is_within(sorted, count, one);
        ::operator delete(static_cast<void*>(sorted), bytes);
        return foreign;
    }
    static bool is_within(const slab* const* sorted, std::size_t count, const block* one) noexcept {
        while (count > 1) { // the last one that begins before it
            const auto half = count / 2;
            const bool behind = address(sorted[half]) <= address(one);
            sorted += behind ? half : 0;
            count = behind ? count - half : half;
        }
        return address(one) - address(*sorted) < (*sorted)->size;
    }
    static std::uintptr_t address(const void* of) noexcept {
        return reinterpret_cast<std::uintptr_t>(of);
    }

    ~slab_owner() {
        if (now().live != 0 || has_foreign_blocks()) return;
        auto& own = this_thread;
        for (auto& head : own.free) head = nullptr;
        for (auto& count : own.cut) count = 0;
        own.uncut = own.uncut_end = nullptr;
        own.reserved = 0;
        while (auto* first = own.slabs) {
            own.slabs = first->next;
            ::operator delete(first, first->size);
        }
    }
};

// Null: there is no memory.
inline void* cut_from_slab(std::size_t list) noexcept {
    auto& own = this_thread;
    const auto size = size_of(list);
    if (static_cast<std::size_t>(own.uncut_end - own.uncut) < size) {
        static thread_local slab_owner owner;
        static_cast<void>(&owner); // its destructor is registered by the first use
        auto room = own.slabs ? own.slabs->size * 2 : first_slab;
        if (room > last_slab) room = last_slab;
        if (room < pooled_limit * 2 && size > large_step) room = pooled_limit * 2;
        auto* fresh = static_cast<slab*>(::operator new(room, std::nothrow));
        if (!fresh) return nullptr;
        fresh->next = own.slabs;
        fresh->size = room;
        own.slabs = fresh;
        own.reserved += room;
        own.uncut = reinterpret_cast<std::byte*>(fresh) + sizeof(slab);
        own.uncut_end = reinterpret_cast<std::byte*>(fresh) + room;
    }
    ++own.cut[list];
    auto* result = own.uncut;
    own.uncut += size;
    return result;
}

[[noreturn, gnu::cold, gnu::noinline]] inline void fail() { raise<std::bad_alloc>(); }

#if defined(__clang__) && defined(__x86_64__)
// It saves what registers it uses, so that a coroutine's ramp has nothing to save while the lists
// have blocks. It may not throw, and not be bound by the dynamic linker when it is called first:
// both would leave other values in them.
[[clang::preserve_most, gnu::noinline, gnu::visibility("hidden")]] inline void*
cut_and_save(std::size_t list) noexcept {
    return cut_from_slab(list);
}
inline void* allocate_from_slab(std::size_t list) {
    if (auto* fresh = cut_and_save(list)) return fresh;
    fail();
}
#else
[[gnu::noinline]] inline void* allocate_from_slab(std::size_t list) {
    if (auto* fresh = cut_from_slab(list)) return fresh;
    fail();
}
#endif

[[gnu::noinline]] inline void* allocate_from_heap(std::size_t bytes) {
    auto* result = ::operator new(bytes);
    ++this_thread.heap_live;
    this_thread.heap_bytes += bytes;
    return result;
}

[[gnu::noinline]] inline void deallocate_to_heap(void* memory, std::size_t bytes) noexcept {
    --this_thread.heap_live;
    this_thread.heap_bytes -= bytes;
    ::operator delete(memory, bytes);
}

} // namespace weft::frame_pool::detail

namespace weft::frame_pool {

inline void* allocate(std::size_t bytes) {
    auto& own = detail::this_thread;
    if (++own.allocated == 0) [[unlikely]] // a test wants a failure, or after 2^64 of them
        detail::fail();
    if (detail::every_block_from_the_heap || bytes > detail::pooled_limit) [[unlikely]]
        return detail::allocate_from_heap(bytes);
    const auto list = detail::list_of(bytes);
    if (auto* first = own.free[list]) [[likely]] {
        own.free[list] = first->next;
        return first;
    }
    return detail::allocate_from_slab(list);
}

inline void deallocate(void* memory, std::size_t bytes) noexcept {
    if (detail::every_block_from_the_heap || bytes > detail::pooled_limit) [[unlikely]]
        return detail::deallocate_to_heap(memory, bytes);
    auto& own = detail::this_thread;
    const auto list = detail::list_of(bytes);
    own.free[list] = ::new (memory) detail::block{own.free[list]};
}

inline void fail_allocation(std::size_t n) noexcept {
    auto& own = detail::this_thread;
    const auto total = own.allocated_before + own.allocated;
    own.allocated = n == 0 ? 1 : 0 - n; // counts up to 0
    own.allocated_before = total - own.allocated;
}

inline statistics now() noexcept {
    const auto& own = detail::this_thread;
    statistics result{own.allocated_before + own.allocated, own.heap_live, own.heap_bytes,
                      own.reserved};
    for (std::size_t list = 0; list != detail::lists; ++list) {
        auto live = own.cut[list];
        for (auto* each = own.free[list]; each; each = each->next) --live;
        result.live += live;
        result.live_bytes += live * detail::size_of(list);
    }
    return result;
}

} // namespace weft::frame_pool
