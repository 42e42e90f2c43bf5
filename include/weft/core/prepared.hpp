// SPDX-License-Identifier: MIT
#pragma once

#include <new>
#include <type_traits>
#include <utility>

#include <weft/core/awaitable.hpp>

namespace weft {

namespace detail {

/// Keeps `args`, and gives them to whom it is called with. A closure, because every operation has
/// one: a std::tuple instead made a quarter of the time that weft.hpp takes to compile.
template <class... Args>
auto keep(Args&... args) {
    return [... kept = std::move(args)](auto use) mutable -> decltype(auto) {
        return use(kept...);
    };
}

} // namespace detail

/// An operation that is described and not begun: what most functions of weft return.
///
/// It holds the operation's arguments by value and can be moved, kept in a variable, or handed to a
/// fork; `co_await` makes the operation itself, in the frame that awaits it. It is trivially
/// destructible if the arguments are.
template <class Op, class... Args>
class [[nodiscard]] prepared {
    using kept = decltype(detail::keep(std::declval<Args&>()...));

public:
    explicit prepared(Args... args) : args_(detail::keep(args...)) {}
    prepared(prepared&&) = default;
    prepared(const prepared&) = default;
    // A closure cannot be assigned to.
    prepared& operator=(prepared other) noexcept
        requires std::is_nothrow_move_constructible_v<kept>
    {
        args_.~kept();
        ::new (static_cast<void*>(&args_)) kept(std::move(other.args_));
        return *this;
    }

    Op operator co_await() && {
        return args_([](Args&... args) { return Op(std::move(args)...); });
    }

private:
    kept args_;
};

template <class Op, class... Args>
inline constexpr bool awaiter_takes_all<prepared<Op, Args...>> = true;

} // namespace weft
