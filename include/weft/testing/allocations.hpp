// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include <weft/core/raise.hpp>
#include <weft/testing/leak_check.hpp>
#include <weft/testing/no_faults.hpp>

namespace weft::testing {

/// What this thread asks of `operator new`, and a plan to let it fail. Works in a program one of
/// whose source files includes testing/replace_operator_new.hpp.
class allocations {
public:
    static bool are_counted() noexcept { return replaced; }

    /// How many there were on this thread, those of a simulation itself aside.
    static std::size_t count() noexcept { return count_; }

    /// Lets the `n`-th one from now fail, once; 0: none.
    static void fail(std::size_t n) noexcept { fails_at_ = n == 0 ? 0 : count_ + n; }

    // For the replacement.

    /// Counts one. Returns whether it is to fail.
    static bool next_fails() noexcept {
        return !no_faults::in_force() && ++count_ == fails_at_;
    }
    static inline constinit bool replaced = false;

private:
    static inline constinit thread_local std::size_t count_ = 0;
    static inline constinit thread_local std::size_t fails_at_ = 0;
};

/// Calls `f()` and returns what it returns. Throws `failure` if it asked the heap for anything.
///
///     co_await ping_pong(100);                                   // warms up
///     const auto before = allocations::count();
///     co_await ping_pong(100);
///     assert(allocations::count() == before);                    // across suspensions
///     expect_no_allocation([&] { event.set(); });                // in a function
///
/// Errors  Throws `failure` too if allocations are not counted in this program.
template <class F>
decltype(auto) expect_no_allocation(F&& f) {
    struct check {
        std::size_t before = allocations::count();
        void now() const {
            if (!allocations::are_counted())
                raise<failure>("expect_no_allocation: one source file has to include "
                               "<weft/testing/replace_operator_new.hpp>");
            if (const auto made = allocations::count() - before; made != 0)
                raise<failure>("expect_no_allocation: " + std::to_string(made) + " were made");
        }
    };
    const check checked;
    if constexpr (requires { { f() } -> std::same_as<void>; }) {
        f();
        checked.now();
    } else {
        decltype(auto) result = f();
        checked.now();
        return result;
    }
}

} // namespace weft::testing
