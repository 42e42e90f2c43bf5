// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weft/threads/thread_call.hpp>
#include <weft/threads/thread_pool.hpp>

namespace weft {

/// Calls `f(args...)` on a thread of `default_thread_pool()`, while the loop goes on, and returns
/// what it returned: for what blocks, or computes for long.
///
///     auto text = co_await weft::to_thread(read_whole_file, path);
///
/// `f` may take a `cancel_token` before the arguments. `f` and the arguments are kept in a place of
/// their own, and destroyed with the result, on the loop's thread; `f` is called as an rvalue, with
/// rvalues. With g++ 12, give a lambda that owns its captures a name before this expression.
///
/// Errors    Rethrows what `f` threw, as it is. Throws `std::system_error` if no thread can be
///           started.
/// Lifetime  What `f` refers to must live until it returns; this waits for it unless it is dropped.
/// Cancel    A call that has not begun never will. One that has is told by its token and waited
///           for; its result is delivered, unless it ends by a `cancelled_error`. A drop tells it
///           and does not wait.
/// Threads   Simulated and manual clocks stand still as long as `f` runs.
template <class F, class... Args>
    requires thread_callable<F, Args...>
auto to_thread(F f, Args... args) {
    return default_thread_pool().run(std::move(f), std::move(args)...);
}

/// As `to_thread`, but a cancel leaves `f` running and goes on at once.
///
/// Lifetime  What `f` refers to must live for ever: give it all it needs by value.
/// Cancel    The result is destroyed: one that comes later, or that the loop has not looked at.
template <class F, class... Args>
    requires thread_callable<F, Args...>
auto to_thread_abandon(F f, Args... args) {
    return default_thread_pool().run_abandon(std::move(f), std::move(args)...);
}

} // namespace weft
