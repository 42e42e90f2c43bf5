// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <exception>
#include <new>
#include <type_traits>
#include <utility>

#include <weft/core/raise.hpp>

namespace weft {

[[noreturn]] inline void raise_cancelled(); // cancelled_error: core/error.hpp

/// How something ended: with a value, with an error, or it was cancelled.
///
/// One template serves values, references and void: a reference is kept as a pointer and void as
/// nothing, so that no user of this class needs a specialisation of its own.
template <class T>
class outcome {
    static_assert(std::is_void_v<T> || alignof(std::conditional_t<std::is_void_v<T>, char, T>) <=
                                           __STDCPP_DEFAULT_NEW_ALIGNMENT__,
                  "an over-aligned result cannot live in a coroutine frame: return a pointer "
                  "to it");
    struct nothing {};
    using stored = std::conditional_t<
        std::is_reference_v<T>, std::add_pointer_t<T>,
        std::conditional_t<std::is_void_v<T>, nothing, std::remove_cv_t<T>>>;

public:
    /// Not ended yet.
    outcome() noexcept : state_(state::pending), nothing_() {}
    outcome(outcome&& other) noexcept(std::is_nothrow_move_constructible_v<stored>)
        : state_(state::pending), nothing_() {
        take_over(std::move(other));
    }
    outcome& operator=(outcome&& other) noexcept(std::is_nothrow_move_constructible_v<stored>) {
        if (this != &other) {
            reset();
            take_over(std::move(other));
        }
        return *this;
    }
    ~outcome() { reset(); }

    bool has_value() const noexcept { return state_ == state::value; }
    explicit operator bool() const noexcept { return has_value(); }
    bool was_cancelled() const noexcept { return state_ == state::cancelled; }
    bool is_pending() const noexcept { return state_ == state::pending; }
    bool has_error() const noexcept { return state_ == state::error; }

    /// Returns the error, or null if it did not fail.
    std::exception_ptr error() const noexcept {
        return state_ == state::error ? error_ : std::exception_ptr{};
    }

    /// Returns the error if it is an `E`, else null. It lives as long as this outcome.
    template <class E>
    const E* error_as() const noexcept {
        const E* result = nullptr;
        if (state_ == state::error && error_)
            visit_error<E>(error_, [&](const E& found) { result = std::addressof(found); });
        return result;
    }

    /// Returns the value.
    /// Errors  Rethrows the error as it is; throws `cancelled_error` if it was cancelled.
    std::add_lvalue_reference_t<T> value() & {
        require_value();
        if constexpr (std::is_reference_v<T>)
            return *value_;
        else if constexpr (!std::is_void_v<T>)
            return value_;
    }
    std::add_lvalue_reference_t<std::add_const_t<T>> value() const& {
        return const_cast<outcome&>(*this).value();
    }
    T value() && { return take(); }

    /// Moves the value out. Errors as `value()`; the error is moved out, too.
    T take() {
        if (state_ == state::error) {
            assert(error_ && "a result is taken once");
            std::rethrow_exception(take_error());
        }
        require_value();
        return take_value();
    }

    // For those who produce outcomes.

    /// Constructs the value from `args`; for a reference, the one argument is what it refers to.
    /// Precondition: pending.
    template <class... Args>
    void set_value(Args&&... args) {
        assert(state_ == state::pending);
        if constexpr (std::is_reference_v<T>)
            ::new (static_cast<void*>(std::addressof(value_))) stored(std::addressof(args)...);
        else if constexpr (std::is_arithmetic_v<stored> && sizeof...(Args) == 1)
            // `co_return 0;` of a task<std::size_t>: what warnings say here, nobody can mend.
            value_ = (static_cast<stored>(args), ...);
        else
            ::new (static_cast<void*>(std::addressof(value_))) stored(std::forward<Args>(args)...);
        state_ = state::value;
    }
    void set_error(std::exception_ptr error) noexcept {
        reset();
        ::new (static_cast<void*>(std::addressof(error_))) std::exception_ptr(std::move(error));
        state_ = state::error;
    }
    void set_cancelled() noexcept {
        reset();
        state_ = state::cancelled;
    }

    /// Moves the value out. Precondition: `has_value()`.
    T take_value() {
        assert(state_ == state::value && "a task<T> ends by co_return, with a T");
        if constexpr (std::is_reference_v<T>)
            return static_cast<T>(*value_);
        else if constexpr (!std::is_void_v<T>)
            return std::move(value_);
    }
    /// Moves the error out. Precondition: `has_error()`.
    std::exception_ptr take_error() noexcept { return std::exchange(error_, nullptr); }

    /// Keeps the result of `f()`, or what it throws.
    template <class F>
    void set_from(F&& f) noexcept {
        guarded(
            [&] {
                if constexpr (std::is_void_v<T>) {
                    f();
                    set_value();
                } else if constexpr (std::is_reference_v<T>) {
                    T result = f();
                    set_value(static_cast<T&>(result));
                } else {
                    set_value(f());
                }
            },
            [&](std::exception_ptr error) { set_error(std::move(error)); });
    }

private:
    enum class state : unsigned char { pending, value, error, cancelled };

    void require_value() const {
        assert(state_ != state::pending);
        if (state_ == state::error) std::rethrow_exception(error_);
        if (state_ == state::cancelled) raise_cancelled();
    }

    void reset() noexcept {
        if (state_ == state::value)
            value_.~stored();
        else if (state_ == state::error)
            error_.~exception_ptr();
        state_ = state::pending;
    }

    void take_over(outcome&& other) {
        if (other.state_ == state::value)
            ::new (static_cast<void*>(std::addressof(value_))) stored(std::move(other.value_));
        else if (other.state_ == state::error)
            // Not by a move, which with libc++ is a copy: an error has one receiver.
            ::new (static_cast<void*>(std::addressof(error_)))
                std::exception_ptr(other.take_error());
        state_ = other.state_;
    }

    state state_;
    union {
        nothing nothing_;
        stored value_;
        std::exception_ptr error_;
    };
};

/// The outcome of what has run to its end and returns nothing: a word, because every frame of a
/// `task<>` has one.
class error_or_nothing {
public:
    error_or_nothing() noexcept : error_() {}
    ~error_or_nothing() {
        if (error_) [[unlikely]]
            error_.~exception_ptr();
    }

    bool has_error() const noexcept { return static_cast<bool>(error_); }
    void set_error(std::exception_ptr error) noexcept { error_ = std::move(error); }
    void take_value() const noexcept {}
    std::exception_ptr take_error() noexcept { return std::exchange(error_, nullptr); }
    operator outcome<void>() && noexcept {
        outcome<void> result;
        if (error_)
            result.set_error(take_error());
        else
            result.set_value();
        return result;
    }

private:
    union { // so that nothing is called to destroy what is not there
        std::exception_ptr error_;
    };
};

} // namespace weft
