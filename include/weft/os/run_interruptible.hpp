// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <initializer_list>
#include <optional>
#include <type_traits>
#include <utility>

#include <signal.h>

#include <weft/core/awaitable.hpp>
#include <weft/coro/task.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/os/signal_set.hpp>

namespace weft {

/// As `run`, and Ctrl-C cancels `f`: its clean-ups run, then this throws `cancelled_error`. The
/// second Ctrl-C ends the process, as if it were the first and nobody had asked for this.
///
///     int main() {
///         try {
///             weft::run_interruptible(serve_for_ever);
///         } catch (const weft::cancelled_error&) {
///             return 128 + SIGINT; // what a shell expects
///         }
///     }
///
/// What `f` would have returned is lost. For a partial answer, or other signals, wait for these
/// beside the work: `when_any(work(), signals.next())`, with a `signal_set`.
///
/// A SIGINT that is ignored when the program starts, as by nohup(1), stays so.
template <class F, class... Args>
    requires std::invocable<std::decay_t<F>&, std::decay_t<Args>...>
call_result_t<F, std::decay_t<Args>...> run_interruptible(F&& f, Args&&... args);

/// The same for a task.
template <class T>
T run_interruptible(task<T> main) {
    return run_interruptible([&main] { return std::move(main); });
}

// Implementation ------------------------------------------------------------

namespace detail {

inline bool is_ignored(int signal) noexcept {
    struct ::sigaction action {};
    return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

} // namespace detail

template <class F, class... Args>
    requires std::invocable<std::decay_t<F>&, std::decay_t<Args>...>
call_result_t<F, std::decay_t<Args>...> run_interruptible(F&& f, Args&&... args) {
    event_loop loop;
    std::optional<signal_set> interrupt;
    if (!detail::is_ignored(SIGINT)) {
        interrupt.emplace(loop, std::initializer_list<int>{SIGINT},
                          repeated_signal::takes_default_action);
        loop.spawn([&]() -> task<> {
            co_await interrupt->next();
            loop.stop();
        });
    }
    return loop.run(std::forward<F>(f), std::forward<Args>(args)...);
}

} // namespace weft
