// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <concepts>
#include <coroutine>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include <weft/core/error.hpp>
#include <weft/core/frame_pool.hpp>
#include <weft/core/prepared.hpp>
#include <weft/core/source_place.hpp>
#include <weft/coro/generator_body.hpp>

namespace weft {

/// A sequence whose elements are awaited: a coroutine that yields, and awaits in between.
///
///     weft::async_generator<message> messages(weft::tcp_stream& from) {
///         while (auto next = co_await receive(from)) co_yield std::move(*next);
///     }
///
///     while (auto* m = co_await in.next()) handle(*m);
///
/// Ownership  The generator owns its body. Destroying it destroys the body where it is, without
///            its `finally`s; `co_await close()` before that runs them. Move-only. Begun
///            generators that are each held by the body of the next take stack when the outermost
///            is destroyed: some hundred bytes each.
/// With g++ 12, name an aggregate or a list before you yield it: README, "GCC 12".
/// Lifetime   Not longer than the loop in which it began, unless it has ended.
/// Errors     What the body throws is rethrown by `next`, once; after that the sequence has ended.
/// Cancel     The body is a branch of its own: a cancelled `next` leaves it going, and the element
///            that it makes is the next `next`'s. So `with_timeout(1s, g.next())` loses nothing.
template <class T>
class [[nodiscard]] async_generator {
    static_assert(std::is_object_v<T>, "an async_generator yields objects; use a pointer for T&");

public:
    struct promise_type;

    async_generator(async_generator&& other) noexcept
        : unused_(std::exchange(other.unused_, nullptr)),
          body_(std::exchange(other.body_, nullptr)) {}
    async_generator& operator=(async_generator&& other) noexcept {
        async_generator moved(std::move(other)); // which the old one may hold
        std::swap(unused_, moved.unused_);
        std::swap(body_, moved.body_);
        return *this;
    }
    ~async_generator() { dispose(); }

    /// Waits for the next element. Returns its address, or null at the end; the element is valid
    /// until the next call of `next`.
    /// Errors  Rethrows what the body throws; throws `error` (errc::busy) if somebody waits
    ///         already, `deadlock_error` if the body asks itself. The first call may throw
    ///         `std::bad_alloc` itself.
    auto next() { return prepared<next_element<T>, generator_body<T>*>(body()); }

    /// Cancels what the generator is doing and waits until it has ended; then the sequence has no
    /// more elements.
    /// Errors  Rethrows an error of the body's clean-up; throws `deadlock_error` in the body itself
    ///         and in what it has spawned in groups of its own.
    /// Cancel  Waits for the end all the same.
    auto close() { return prepared<close_generator<T>, generator_body<T>*>(body()); }

    void begin() = delete; // no range: "while (auto* element = co_await g.next())"
    void end() = delete;

private:
    explicit async_generator(generator_frame<T>& frame) noexcept : unused_(&frame) {}

    // Made by the first call, not with the frame: a coroutine that fails while it is being made
    // reads its frame after that was freed, when clang 19 does not optimise.
    generator_body<T>* body() {
        assert((unused_ || body_) && "an async_generator that was moved from");
        if (unused_) {
            body_ = new generator_body<T>(*unused_);
            unused_ = nullptr;
        }
        return body_;
    }
    void dispose() noexcept {
        if (body_) body_->dispose();
        if (unused_) detail::destroy_unstarted(*unused_);
    }

    generator_frame<T>* unused_; // until it belongs to the body
    generator_body<T>* body_ = nullptr;
};

// Implementation ------------------------------------------------------------

template <class T>
struct async_generator<T>::promise_type : generator_frame<T>, frame_pool::allocated {
    async_generator get_return_object() noexcept { return async_generator(*this); }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    auto final_suspend() const noexcept { return finish_branch{}; }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept {
        if (this_execution.current->is_destroying()) branch::terminate_resumed();
        this->error = std::current_exception();
    }

    auto yield_value(T&& element, source_place at = __builtin_source_location()) noexcept {
        this->awaits_at = to_location(at);
        return yield_element<T, nothing>(std::addressof(element));
    }
    auto yield_value(const T& element, source_place at = __builtin_source_location())
        requires std::copy_constructible<T>
    {
        this->awaits_at = to_location(at);
        return yield_element<T, T>(element);
    }
    template <class A>
    decltype(auto) await_transform(A&& awaitable, source_place at = __builtin_source_location()) {
        return awaits_in_branch::adapt(*this, std::forward<A>(awaitable), at);
    }

private:
    struct nothing {};
    struct finish_branch : std::suspend_always {
        std::coroutine_handle<>
        await_suspend(std::coroutine_handle<promise_type> ended) const noexcept {
            return branch::leave(ended.promise());
        }
    };
};

} // namespace weft
