// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <coroutine>
#include <type_traits>

#include <weft/core/branch.hpp>

namespace weft {

/// The base of an awaiter that suspends a branch: derive `class wait : public operation<wait>` and
/// write
///
///     bool start(weft::branch&) noexcept;   // true: complete already, nothing to wait for;
///                                           // void: there is always something
///     bool withdraw() noexcept override;    // cancelled: see operation_base
///     T await_resume();                     // the result, or throw
///     void postponed() noexcept;            // optional: `start` returned true, but the branch
///                                           // resumes in the next turn only
///
/// and a destructor that unlinks it from whatever it waits in. When what it waits for has come,
/// call `complete()` once. examples/custom_awaitable.cpp is the page to copy.
///
/// Between `complete()`, or `postponed()`, and `await_resume()` the branch may be dropped, which
/// then is not called: what it was handed must be given back by the destructor.
/// Order   The branch goes on when its turn comes, never inside of `complete()`.
/// Cancel  A branch that is cancelled stops before `start`; so `start` may have effects.
/// `Base` is what several kinds of operations have in common; for one that need not know its
/// branch, and has no `complete`, `operation_base`.
template <class Derived, class Base = waiting_operation>
class operation : public Base {
public:
    using Base::Base;

    bool await_ready() const noexcept { return false; }

    template <std::derived_from<frame> Promise>
    auto await_suspend(std::coroutine_handle<Promise> waiter) noexcept {
        auto& in = *this_execution.current;
        auto& self = static_cast<Derived&>(*this);
        if constexpr (std::is_void_v<decltype(self.start(in))>) {
            in.begin(self, &waiter.promise()); // it suspends, whatever comes of it
        } else if constexpr (std::same_as<decltype(self.start(in)), bool>) {
            return in.begin(self, &waiter.promise());
        } else {
            // Starts by a transfer: null means "complete", and the waiter itself goes on.
            auto next = in.begin_transfer(self, &waiter.promise());
            return next ? next : std::coroutine_handle<>(waiter);
        }
    }

    /// The coroutines of other libraries know no branch.
    template <class Promise>
        requires(!std::derived_from<Promise, frame>)
    void await_suspend(std::coroutine_handle<Promise>) noexcept {
        static_assert(std::derived_from<Promise, frame>,
                      "an awaitable of weft can be awaited in coroutines of weft only; from "
                      "another one, spawn a weft::task on the loop");
    }

protected:
    /// It is complete: `await_resume` is called when the branch's turn comes.
    void complete() noexcept { this->waiter()->ready(); }
};

/// An awaiter that weft can start on a branch, with or without a coroutine around it.
template <class W>
concept starts_on_branch = requires(std::remove_reference_t<W>& awaiter, branch& on) {
    awaiter.start(on);
};

} // namespace weft
