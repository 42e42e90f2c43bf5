// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <type_traits>
#include <utility>

#include <weft/core/awaitable.hpp>
#include <weft/core/branch.hpp>
#include <weft/core/foreign.hpp>
#include <weft/core/frame_pool.hpp>
#include <weft/core/outcome.hpp>
#include <weft/core/source_place.hpp>
#include <weft/core/stack_address.hpp>

namespace weft {

template <class T>
class task_awaiter;

namespace detail {
/// Destroys a coroutine that has not begun. It may hold another one, and so on, without limit:
/// what would take more than 60 KiB of stack is destroyed one after the other, and may outlive then
/// what is held beside it.
void destroy_unstarted(frame& unstarted) noexcept;
} // namespace detail

/// The parameter of a coroutine in a header that would need none: `template <class = if_used>`.
/// Unless it optimises, g++ makes code of every inline coroutine that it has read; of a template
/// only where it is called. So what nobody uses costs nobody anything. To pass one by its name,
/// write `run_process<>`. A coroutine that hands its own parameter on, `co_await wait<Used>()`, has
/// not even the types of that `co_await` instantiated before.
struct if_used;

/// An asynchronous computation that starts when it is awaited, and is awaited once.
///
///     weft::task<std::size_t> line_count(weft::tcp_stream& in);
///
///     weft::task<> report(weft::tcp_stream& in) {
///         std::size_t lines = co_await line_count(in);
///         std::cout << lines << '\n';
///     }
///
/// Ownership  A task owns its coroutine frame; destroying it destroys the frame and what is in it.
///            Awaiting moves the frame into the `co_await` expression. Move-only.
/// Lifetime   Reference parameters are not copied: what they refer to must live until the task
///            completes. The same holds for the closure of a lambda coroutine that captures.
/// Errors     An exception that leaves the coroutine is rethrown by `co_await`.
/// Cancel     Passes through: what the task waits on is cancelled, then its locals are destroyed,
///            innermost frame first. No exception is thrown.
template <class T = void>
class [[nodiscard]] task {
public:
    struct promise_type;

    task(task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, {})) {}
    task(const task&) = delete; // it runs once: "std::move(t)" gives it away
    task& operator=(task&& other) noexcept {
        if (this != &other) {
            // First of all, because `other` may be what the old one holds.
            const auto old = std::exchange(coroutine_, std::exchange(other.coroutine_, {}));
            if (old) detail::destroy_unstarted(old.promise());
        }
        return *this;
    }
    ~task() {
        if (coroutine_) detail::destroy_unstarted(coroutine_.promise());
    }

    /// Starts the task and suspends the caller until it completes. Returns what it returned.
    /// Precondition: the task has not been awaited or moved from.
    task_awaiter<T> operator co_await() && noexcept {
        assert(coroutine_ && "a task is awaited once: this one was awaited or moved from");
        return task_awaiter<T>{std::exchange(coroutine_, {})};
    }
    void operator co_await() & = delete; // "co_await std::move(t)"

private:
    explicit task(std::coroutine_handle<promise_type> coroutine) noexcept
        : coroutine_(coroutine) {}

    std::coroutine_handle<promise_type> coroutine_;
};

/// Gives a promise its `co_return`. The language forbids declaring both return_value and
/// return_void, so this is the only place where void is special.
template <class T>
struct task_returns : frame {
    outcome<T>& result() noexcept { return result_; }

    template <std::convertible_to<T> U = T>
    void return_value(U&& value) noexcept(std::is_nothrow_constructible_v<T, U>) {
        if constexpr (std::is_reference_v<T>) {
            T bound = static_cast<U&&>(value);
            result_.set_value(static_cast<std::remove_reference_t<T>&>(bound));
        } else {
            result_.set_value(std::forward<U>(value));
        }
    }
    void set_error(std::exception_ptr error) noexcept { result_.set_error(std::move(error)); }

private:
    outcome<T> result_;
};

template <>
struct task_returns<void> : frame {
    ~task_returns() {
        if (handle().done()) ended.~error_or_nothing();
    }
    error_or_nothing& result() noexcept { return ended; }

    void return_void() noexcept { ::new (static_cast<void*>(&ended)) error_or_nothing(); }
    void set_error(std::exception_ptr error) noexcept {
        ::new (static_cast<void*>(&ended)) error_or_nothing();
        ended.set_error(std::move(error));
    }
};

// Implementation ------------------------------------------------------------

[[gnu::noinline]] inline void detail::destroy_unstarted(frame& unstarted) noexcept {
    constexpr std::uintptr_t most_stack = 60 * 1024;
    static constinit thread_local std::uintptr_t top = 0; // of the outermost call; 0: there is none
    static constinit thread_local std::coroutine_handle<> left;
    const auto here = stack_address();
    if (top != 0 && top - here > most_stack) {
        unstarted.parent = std::exchange(left, unstarted.handle());
        return;
    }
    const bool is_outermost = top == 0;
    if (is_outermost) top = here;
    unstarted.handle().destroy();
    if (!is_outermost) return;
    while (left) std::exchange(left, frame::of(left).parent).destroy();
    top = 0;
}

/// What a coroutine that runs in a branch does when it awaits: it leaves the place, and adapts
/// what is not weft's own.
struct awaits_in_branch {
    template <class A>
    static decltype(auto) adapt(frame& self, A&& awaitable, source_place at) {
        static_assert(awaits<A>,
                      "this cannot be awaited here: no awaitable, or one that is awaited once, as "
                      "an rvalue, as a task is: co_await std::move(t); of a callable await f(), "
                      "of a generator next(), of a mutex lock()");
        self.awaits_at = to_location(at);
        if constexpr (awaits<A>) return make_awaiter<false>(std::forward<A>(awaitable));
    }
};

template <class T>
struct task<T>::promise_type : task_returns<T>, frame_pool::allocated {
    task get_return_object() noexcept {
        return task{std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    auto final_suspend() const noexcept { return continue_parent{}; }

    template <class A>
    decltype(auto) await_transform(A&& awaitable,
                                   source_place at = __builtin_source_location()) {
        return awaits_in_branch::adapt(*this, std::forward<A>(awaitable), at);
    }

    void unhandled_exception() noexcept {
        if (this_execution.current->is_destroying()) branch::terminate_resumed();
        this->set_error(std::current_exception());
    }

private:
    struct continue_parent : std::suspend_always {
        template <std::derived_from<frame> Promise>
        std::coroutine_handle<>
        await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
            return branch::leave(ended.promise());
        }
    };
};

template <class T>
inline constexpr bool awaiter_takes_all<task<T>> = true;

/// Owns the frame of a task that is awaited. Immovable once the task has begun.
template <class T>
class [[nodiscard]] task_awaiter {
    using promise = typename task<T>::promise_type;

public:
    explicit task_awaiter(std::coroutine_handle<promise> child) noexcept : child_(child) {}
    task_awaiter(task_awaiter&&) = delete;
    // Also that of a task that has ended: g++ 12 takes the results of an expression when all of its
    // tasks have, and may be cancelled before.
    ~task_awaiter() {
        // A cancel destroys a chain from its leaf, so the child may be gone already.
        if (child_ == this_execution.destroyed) [[unlikely]]
            this_execution.destroyed = nullptr;
        else
            child_.destroy();
    }

    bool await_ready() const noexcept { return false; }
    template <std::derived_from<frame> Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) noexcept {
        const auto child = child_;
        child.promise().parent = parent;
        return branch::transfer(child);
    }
    template <class Promise>
        requires(!std::derived_from<Promise, frame>)
    void await_suspend(std::coroutine_handle<Promise>) noexcept {
        static_assert(std::derived_from<Promise, frame>,
                      "a weft::task can be awaited in coroutines of weft only; from another one, "
                      "spawn it on the loop");
    }
    T await_resume() {
        auto& result = child_.promise().result();
        if (result.has_error()) [[unlikely]]
            fail(child_);
        return result.take_value();
    }

    // For branches: what begins with a task.

    /// Makes it the outermost frame of a branch, which owns it then: instead of the destructor.
    void put_into(branch& whole) noexcept {
        frame& outermost = child_.promise();
        outermost.parent = nullptr;
        whole.set_leaf(outermost);
    }
    /// How it ended, if it is of a `task<T>`.
    static auto& outcome_of(frame& outermost) noexcept {
        return static_cast<promise&>(outermost).result();
    }
    static void destroy_unstarted(frame& outermost) noexcept {
        detail::destroy_unstarted(outermost);
    }
    /// Starts it as the outermost frame of a branch, and goes on owning it.
    std::coroutine_handle<> start(branch& on) noexcept {
        put_into(on);
        return branch::transfer(child_);
    }

private:
    // Out of the way: who awaits saves no registers for it.
    [[noreturn, gnu::cold, gnu::noinline]] static void fail(std::coroutine_handle<promise> child) {
        std::rethrow_exception(child.promise().result().take_error());
    }

    std::coroutine_handle<promise> child_;
};

} // namespace weft
