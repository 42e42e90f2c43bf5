// SPDX-License-Identifier: MIT
#pragma once

#include <tuple>
#include <utility>

namespace weft {

/// An operation that is described and not begun: what most functions of weft return.
///
/// It holds the operation's arguments by value and can be moved, kept in a variable, or handed to a
/// fork; `co_await` makes the operation itself, in the frame that awaits it. It is trivially
/// destructible if the arguments are.
template <class Op, class... Args>
class [[nodiscard]] prepared {
public:
    explicit prepared(Args... args) : args_(std::move(args)...) {}

    Op operator co_await() && {
        return std::apply([](Args&... args) { return Op(std::move(args)...); }, args_);
    }

private:
    [[no_unique_address]] std::tuple<Args...> args_;
};

} // namespace weft
