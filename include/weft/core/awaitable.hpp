// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>
#include <utility>

namespace weft {

/// Returns the awaiter that `co_await` would use for `awaitable`: what its `operator co_await`
/// returns, or the awaitable itself.
/// Source  C++20 [expr.await] 3.3.
template <class A>
decltype(auto) get_awaiter(A&& awaitable) {
    if constexpr (requires { std::forward<A>(awaitable).operator co_await(); })
        return std::forward<A>(awaitable).operator co_await();
    else if constexpr (requires { operator co_await(std::forward<A>(awaitable)); })
        return operator co_await(std::forward<A>(awaitable));
    else
        return std::forward<A>(awaitable);
}

namespace detail {
// An lvalue, as in the language, however the awaiter came.
template <class A>
using awaiter_of = std::remove_reference_t<decltype(get_awaiter(std::declval<A>()))>&;
} // namespace detail

/// Something that can be awaited as a `T`: `awaits<T&&>` as an rvalue, `awaits<T&>` as an lvalue.
/// Source  C++20 [expr.await] 3.4, 3.5.
template <class A>
concept awaits = requires(detail::awaiter_of<A> awaiter) {
    awaiter.await_ready();
    awaiter.await_resume();
};

/// What `co_await` gives for an `A`.
template <class A>
using await_result_t = decltype(std::declval<detail::awaiter_of<A>>().await_resume());

/// Whether an `A` only says what is to be done when it is awaited, as a task does: else nothing is.
/// An awaiter of it refers to nothing in it, so that the `A` may be gone when that is used.
template <class A>
inline constexpr bool awaiter_takes_all = false;

/// What awaiting the result of `f(args...)` gives, where the decayed `f` is kept and called as an
/// lvalue.
template <class F, class... Args>
using call_result_t = await_result_t<std::invoke_result_t<std::decay_t<F>&, Args...>>;

} // namespace weft
