// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <forward_list> // std::allocator_traits, at a quarter of what <memory> costs
#include <new>
#include <tuple> // std::allocator_arg_t
#include <type_traits>
#include <utility>

#include <weft/core/frame_pool.hpp>

namespace weft {

namespace detail {

template <class Alloc>
concept with_plain_pointers =
    std::is_void_v<Alloc> || std::is_pointer_v<typename std::allocator_traits<Alloc>::pointer>;

} // namespace detail

/// Gives a promise its frames: from the allocator among the coroutine's parameters, else from the
/// frame pool.
///
///     weft::generator<int> count(std::allocator_arg_t, std::pmr::polymorphic_allocator<>, int n);
///
///     auto numbers = count(std::allocator_arg, &arena, 10); // the frame lies in the arena
///
/// The allocator follows `std::allocator_arg`, which is the first parameter (after the object, in
/// a member function or a lambda). With `Alloc = void` it may be of any type, and each frame ends
/// with a pointer that says how to free it. Otherwise it is converted to `Alloc`, and without such
/// parameters a default-constructed one is used, if the type has one. It is kept behind the frame,
/// unless all objects of its type are equal. Memory is asked for in blocks of the size and
/// alignment that `new` guarantees. `std::allocator` has no wish of its own: it means the pool.
///
/// Lifetime  What the allocator refers to must outlive the coroutine.
/// Errors    Throws what the allocator throws.
/// Source    C++23 [coro.generator.promise].
template <class Alloc = void>
struct frame_allocation {
    static_assert(detail::with_plain_pointers<Alloc>,
                  "the allocator of a coroutine's frame must use plain pointers");

    static void* operator new(std::size_t bytes)
        requires std::same_as<Alloc, void> || std::default_initializable<Alloc>;

    // Not constrained, so that an allocator that does not fit is an error and is not passed over.
    // Inlined always: g++ takes the delete for that of another new, and warns in every coroutine
    // (PR109224).
    template <class From, class... Args>
    [[gnu::always_inline]] static inline void*
    operator new(std::size_t bytes, std::allocator_arg_t, const From& from, const Args&...) {
        return allocate(bytes, from);
    }
    template <class This, class From, class... Args>
    [[gnu::always_inline]] static inline void*
    operator new(std::size_t bytes, const This&, std::allocator_arg_t, const From& from,
                 const Args&...) {
        return allocate(bytes, from);
    }

    // Inlined always: the size of a frame is a constant where it is deleted.
    [[gnu::always_inline]] static inline void operator delete(void* frame,
                                                              std::size_t bytes) noexcept;

private:
    template <class From>
    static void* allocate(std::size_t bytes, const From& from);
};

// Implementation ------------------------------------------------------------

namespace detail {

struct alignas(__STDCPP_DEFAULT_NEW_ALIGNMENT__) frame_block {
    std::byte bytes[__STDCPP_DEFAULT_NEW_ALIGNMENT__];
};

/// Memory of one type of allocators: first what was asked for, then the allocator if it is kept.
template <class Alloc>
class frames_from {
    using traits = typename std::allocator_traits<Alloc>::template rebind_traits<frame_block>;
    using allocator = typename traits::allocator_type;

    static_assert(with_plain_pointers<Alloc> && with_plain_pointers<allocator>,
                  "the allocator of a coroutine's frame must use plain pointers");

    static constexpr bool pooled = std::same_as<allocator, std::allocator<frame_block>>;
    static constexpr bool kept =
        !std::default_initializable<allocator> || !traits::is_always_equal::value;

public:
    static void* allocate(std::size_t bytes, const Alloc& from) {
        if constexpr (pooled) {
            return frame_pool::allocate(bytes);
        } else {
            allocator source(from);
            void* const memory = traits::allocate(source, blocks(bytes));
            if constexpr (kept) ::new (behind(memory, bytes)) allocator(std::move(source));
            return memory;
        }
    }

    static void deallocate(void* memory, std::size_t bytes) noexcept {
        if constexpr (pooled) {
            frame_pool::deallocate(memory, bytes);
        } else if constexpr (kept) {
            auto& its = *std::launder(static_cast<allocator*>(behind(memory, bytes)));
            allocator source(std::move(its));
            its.~allocator();
            traits::deallocate(source, static_cast<frame_block*>(memory), blocks(bytes));
        } else {
            allocator source{};
            traits::deallocate(source, static_cast<frame_block*>(memory), blocks(bytes));
        }
    }

private:
    static constexpr auto blocks(std::size_t bytes) noexcept {
        if constexpr (kept) bytes += sizeof(allocator) + alignof(allocator) - 1;
        return static_cast<typename traits::size_type>((bytes + sizeof(frame_block) - 1) /
                                                       sizeof(frame_block));
    }

    static void* behind(void* memory, std::size_t bytes) noexcept {
        const auto end = reinterpret_cast<std::uintptr_t>(memory) + bytes;
        const auto gap = (alignof(allocator) - end % alignof(allocator)) % alignof(allocator);
        return static_cast<std::byte*>(memory) + bytes + gap;
    }
};

/// How to free a frame, at its end, where only running code knows.
struct frame_end {
    using deallocate = void(void*, std::size_t) noexcept;

    deallocate* freed_by; // null: the frame pool

    static constexpr std::size_t offset(std::size_t bytes) noexcept {
        return (bytes + alignof(frame_end) - 1) / alignof(frame_end) * alignof(frame_end);
    }
    static constexpr std::size_t with(std::size_t bytes) noexcept {
        return offset(bytes) + sizeof(frame_end);
    }
    static void* put(void* memory, std::size_t bytes, deallocate* freed_by) noexcept {
        ::new (static_cast<std::byte*>(memory) + offset(bytes)) frame_end{freed_by};
        return memory;
    }
    static deallocate* get(void* memory, std::size_t bytes) noexcept {
        void* const end = static_cast<std::byte*>(memory) + offset(bytes);
        return std::launder(static_cast<frame_end*>(end))->freed_by;
    }
};

} // namespace detail

template <class Alloc>
void* frame_allocation<Alloc>::operator new(std::size_t bytes)
    requires std::same_as<Alloc, void> || std::default_initializable<Alloc>
{
    using end = detail::frame_end;
    if constexpr (std::is_void_v<Alloc>)
        return end::put(frame_pool::allocate(end::with(bytes)), bytes, nullptr);
    else
        return detail::frames_from<Alloc>::allocate(bytes, Alloc());
}

template <class Alloc>
template <class From>
void* frame_allocation<Alloc>::allocate(std::size_t bytes, const From& from) {
    using end = detail::frame_end;
    if constexpr (std::is_void_v<Alloc>) {
        using frames = detail::frames_from<From>;
        return end::put(frames::allocate(end::with(bytes), from), bytes, &frames::deallocate);
    } else {
        static_assert(std::convertible_to<const From&, Alloc>,
                      "what follows std::allocator_arg must convert to the coroutine's allocator");
        return detail::frames_from<Alloc>::allocate(bytes, from);
    }
}

template <class Alloc>
inline void frame_allocation<Alloc>::operator delete(void* frame, std::size_t bytes) noexcept {
    using end = detail::frame_end;
    if constexpr (!std::is_void_v<Alloc>)
        detail::frames_from<Alloc>::deallocate(frame, bytes);
    else if (auto* freed_by = end::get(frame, bytes)) [[unlikely]]
        freed_by(frame, end::with(bytes));
    else
        frame_pool::deallocate(frame, end::with(bytes));
}

} // namespace weft
