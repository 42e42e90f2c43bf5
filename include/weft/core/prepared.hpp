// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

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
public:
    explicit prepared(Args... args) : args_(detail::keep(args...)) {}

    Op operator co_await() && {
        return args_([](Args&... args) { return Op(std::move(args)...); });
    }

private:
    [[no_unique_address]] decltype(detail::keep(std::declval<Args&>()...)) args_;
};

} // namespace weft
