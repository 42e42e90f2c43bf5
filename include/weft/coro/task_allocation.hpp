// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>
#include <cstddef>
#include <tuple> // std::allocator_arg_t

#include <weft/coro/frame_allocation.hpp>
#include <weft/coro/task.hpp>

namespace weft {

/// The promise of a task whose frame comes from an allocator among its parameters: the one that
/// follows `std::allocator_arg`, which is the first (after the object, in a member function or a
/// lambda).
///
///     weft::task<> handle(std::allocator_arg_t, arena_allocator<std::byte>, request r);
///
/// A promise of its own, so that all other frames are not larger by the pointer that says how to
/// free this one. Include this header, or weft.hpp, where such a coroutine is defined.
template <class T>
struct allocated_task_promise : task<T>::promise_type, frame_allocation<> {
    using frame_allocation<>::operator new;
    using frame_allocation<>::operator delete;
};

} // namespace weft

template <class T, class Alloc, class... Args>
struct std::coroutine_traits<weft::task<T>, std::allocator_arg_t, Alloc, Args...> {
    using promise_type = weft::allocated_task_promise<T>;
};
template <class T, class This, class Alloc, class... Args>
struct std::coroutine_traits<weft::task<T>, This, std::allocator_arg_t, Alloc, Args...> {
    using promise_type = weft::allocated_task_promise<T>;
};
