// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include <weft/core/child.hpp>
#include <weft/core/outcome.hpp>

namespace weft {

/// `T`, or `std::monostate` where a container or tuple of results would hold void.
template <class T>
using non_void_t = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

namespace detail {
template <class T>
struct held_result {
    static_assert(!std::is_reference_v<T>,
                  "a vector or an optional of results cannot hold a reference: return a pointer");
    using type = non_void_t<std::remove_reference_t<T>>;
};
} // namespace detail

/// What a container holds for the result of an `A`.
template <class A>
using held_result_t = typename detail::held_result<fork_result_t<A>>::type;

/// What a fork that may not finish an `A` returns for it: nothing if it was cancelled.
template <class A>
using optional_result_t = std::optional<held_result_t<A>>;

/// Moves the value out of an outcome that has one, void as `std::monostate`.
template <class T>
non_void_t<T> take_non_void(outcome<T>& from) {
    if constexpr (std::is_void_v<T>) {
        from.take();
        return {};
    } else {
        return from.take();
    }
}

/// The value, or nothing if there is none. Errors  Rethrows.
template <class T>
std::optional<non_void_t<T>> take_optional(outcome<T>& from) {
    if (from.was_cancelled()) return std::nullopt;
    return std::optional<non_void_t<T>>(take_non_void(from));
}

} // namespace weft
