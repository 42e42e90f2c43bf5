// SPDX-License-Identifier: MIT
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include <weft/core/awaitable.hpp>
#include <weft/core/check_arguments.hpp>
#include <weft/coro/task.hpp>

namespace weft {

/// Makes a task of `f(args...)` that keeps `f` and the arguments: a lambda coroutine may refer to
/// its captures, which the task of a lambda alone would outlive.
template <class F, class... Args>
task<call_result_t<F, std::decay_t<Args>...>> bind_task(F f, Args... args) {
    detail::check_arguments<F, Args...>();
    co_return co_await std::apply(f, std::forward_as_tuple(std::move(args)...));
}

} // namespace weft
