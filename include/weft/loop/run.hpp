// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include <weft/core/awaitable.hpp>
#include <weft/coro/task.hpp>
#include <weft/loop/event_loop.hpp>

namespace weft {

/// Runs `main` on an event loop of its own, and returns what it returned: see `event_loop::run`.
template <class T>
T run(task<T> main) {
    event_loop loop;
    return loop.run(std::move(main));
}

/// Runs `f(args...)`, which are kept until it has ended.
template <class F, class... Args>
    requires std::invocable<std::decay_t<F>&, std::decay_t<Args>...>
call_result_t<F, std::decay_t<Args>...> run(F&& f, Args&&... args) {
    event_loop loop;
    return loop.run(std::forward<F>(f), std::forward<Args>(args)...);
}
void run(...) = delete; // (task) or (f, args...): f makes a task; for a T& pass std::ref(x)

} // namespace weft
