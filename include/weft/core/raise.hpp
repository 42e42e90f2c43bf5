// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>

namespace weft {

/// Throws an `E` made of `args`. Where exceptions are switched off (`-fno-exceptions`) it prints
/// what it would have thrown and aborts: every function of weft that can end here has a twin that
/// returns its failure.
template <class E, class... Args>
[[noreturn]] void raise(Args&&... args);

/// Calls `f`; hands what it throws to `on_error(std::exception_ptr)`.
template <class F, class OnError>
void guarded(F&& f, OnError&& on_error);

/// Calls `f(const E&)` if `error` holds an `E`. Returns whether it did. `f` may keep the address:
/// it is valid as long as the exception is.
template <class E, class F>
bool visit_error(const std::exception_ptr& error, F&& f);

/// Prints one line about a broken rule that cannot be reported in any other way, and terminates.
[[noreturn]] inline void terminate_with(const char* message) noexcept {
    std::fprintf(stderr, "weft: %s\n", message);
    std::terminate();
}

// Implementation ------------------------------------------------------------
// The only place that knows whether exceptions are switched on.

#if defined(__cpp_exceptions)

template <class E, class... Args>
[[noreturn]] void raise(Args&&... args) {
    throw E(std::forward<Args>(args)...);
}

template <class F, class OnError>
void guarded(F&& f, OnError&& on_error) {
    try {
        f();
    } catch (...) {
        on_error(std::current_exception());
    }
}

template <class E, class F>
bool visit_error(const std::exception_ptr& error, F&& f) {
    try {
        std::rethrow_exception(error);
    } catch (const E& found) {
        f(found);
        return true;
    } catch (...) {
        return false;
    }
}

#else

template <class E, class... Args>
[[noreturn]] void raise(Args&&... args) {
    std::fprintf(stderr, "weft: %s\n", E(std::forward<Args>(args)...).what());
    std::abort();
}

template <class F, class OnError>
void guarded(F&& f, OnError&&) {
    f();
}

template <class E, class F>
bool visit_error(const std::exception_ptr&, F&&) {
    return false;
}

#endif

} // namespace weft
