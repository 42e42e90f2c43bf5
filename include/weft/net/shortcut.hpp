// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <weft/core/awaitable.hpp>
#include <weft/core/branch.hpp>
#include <weft/core/operation_base.hpp>
#include <weft/core/prepared.hpp>
#include <weft/core/raise.hpp>
#include <weft/coro/task.hpp>

namespace weft {

/// The awaiter of what can often be done at once, and is a task otherwise: what need not wait needs
/// no frame. `Attempt` is a struct of
///
///     bool attempt(branch&);  // true: done; what was not done is left to `rest`
///     T result();             // of what was done at once
///     task<T> rest();
///
/// and `prepared<shortcut<Attempt>, Args...>`, of what `Attempt{args...}` is made of, is what a
/// function returns.
/// Errors  What `attempt` throws is thrown to who awaits.
template <class Attempt>
class [[nodiscard]] shortcut {
    using result = decltype(std::declval<Attempt&>().result());

public:
    template <class... Args>
    explicit shortcut(Args... args) noexcept : attempt_{std::move(args)...}, none_() {}
    shortcut(shortcut&&) = delete;
    ~shortcut() {
        if (state_ == state::began) rest_.~task_awaiter<result>();
        if (state_ == state::failed) error_.~exception_ptr();
    }

    bool await_ready() noexcept {
        auto& thread = this_execution;
        auto& self = *thread.current;
        // As any operation, it has no effect in a branch that is cancelled, and starves nobody.
        if (thread.budget <= 1 || self.cancel_requested() || self.is_destroying()) return false;
        if (!is_done_now(self)) return false;
        --thread.budget;
        return true;
    }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> waiter) {
        begin_rest();
        return rest_.await_suspend(waiter);
    }
    result await_resume() {
        if (state_ == state::began) return rest_.await_resume();
        if (state_ == state::failed) std::rethrow_exception(error_);
        return attempt_.result();
    }

    /// In a branch of its own. Null: it is done.
    std::coroutine_handle<> start(branch& on) noexcept {
        if (is_done_now(on)) return nullptr;
        guarded([&] { begin_rest(); },
                [&](std::exception_ptr error) { fail(std::move(error)); });
        return state_ == state::began ? rest_.start(on) : nullptr;
    }

private:
    bool is_done_now(branch& on) noexcept {
        bool done = true;
        guarded([&] { done = attempt_.attempt(on); },
                [&](std::exception_ptr error) { fail(std::move(error)); });
        return done;
    }
    void begin_rest() {
        ::new (static_cast<void*>(std::addressof(rest_)))
            task_awaiter<result>(attempt_.rest().operator co_await());
        state_ = state::began;
    }
    void fail(std::exception_ptr error) noexcept {
        ::new (static_cast<void*>(std::addressof(error_))) std::exception_ptr(std::move(error));
        state_ = state::failed;
    }

    Attempt attempt_;
    enum class state : unsigned char { attempts, began, failed } state_ = state::attempts;
    struct nothing {};
    union {
        nothing none_;
        std::exception_ptr error_;
        task_awaiter<result> rest_;
    };
};

/// What is awaited by an operation of weft's, without a coroutine.
template <class A>
concept awaits_operation =
    std::derived_from<decltype(get_awaiter(std::declval<A>())), operation_base>;

/// Begins an operation: if it is complete at once, calls `use` with its result; else it is taken
/// back, without effect. Returns whether it was complete.
template <awaits_operation A, class Use>
bool use_if_complete(A awaitable, branch& on, Use use) {
    auto operation = get_awaiter(std::move(awaitable));
    if (!on.attempt(operation)) return false;
    use(operation.await_resume());
    return true;
}

} // namespace weft
