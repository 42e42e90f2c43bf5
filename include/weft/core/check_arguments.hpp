// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

namespace weft {

namespace detail {
// Whether a `Parameter` is a reference to what is made of an `Arg` for the call: "text" for a
// const std::string&. It is gone when a coroutine begins.
// Source  C++20 [dcl.init.ref] 4: reference-compatible.
template <class Parameter, class Arg>
inline constexpr bool refers_to_temporary =
    std::is_reference_v<Parameter> && std::is_scalar_v<Arg> &&
    !std::is_convertible_v<Arg*, std::remove_reference_t<Parameter>*>;

// Of functions that may be coroutines; what other callables take cannot be seen.
template <class F, class... Args>
inline constexpr bool keeps_arguments = true;
template <class R, class... Parameters, class... Args>
    requires(sizeof...(Parameters) == sizeof...(Args)) && requires { typename R::promise_type; }
inline constexpr bool keeps_arguments<R (*)(Parameters...), Args...> =
    !(refers_to_temporary<Parameters, Args> || ...);
template <class R, class... Parameters, class... Args>
inline constexpr bool keeps_arguments<R (*)(Parameters...) noexcept, Args...> =
    keeps_arguments<R (*)(Parameters...), Args...>;

/// For who keeps `args` and calls `f` with them later, as rvalues.
template <class F, class... Args>
constexpr void check_arguments() noexcept {
    static_assert(keeps_arguments<F, Args...>,
                  "an argument is converted for a reference parameter, to a temporary that is gone "
                  "when the coroutine begins: pass an object of the parameter's type");
}
} // namespace detail

} // namespace weft
