// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <system_error>
#include <type_traits>
#include <utility>

#include <weft/compose/results.hpp>
#include <weft/core/error.hpp>
#include <weft/core/frame_pool.hpp>
#include <weft/core/outcome.hpp>
#include <weft/core/scheduler.hpp>

namespace weft {

/// Who waits for a completion. It is told at most once.
template <class T>
class completion_waiter {
public:
    virtual void completed(outcome<T>&& result) noexcept = 0;

protected:
    ~completion_waiter() = default;
};

/// What the copies of a completer and the waiter share.
template <class T>
class completion {
public:
    virtual void keep() noexcept = 0;
    virtual void release() noexcept = 0;
    /// Returns false if it is too late.
    virtual bool complete(outcome<T>&& result) noexcept = 0;

protected:
    ~completion() = default;
};

/// What the waiter gets when every completer is gone.
template <class T>
outcome<T> no_completion() noexcept {
    outcome<T> result;
    result.set_error(make_error(errc::closed, "a completer was destroyed and had not completed"));
    return result;
}

/// Completes an awaitable made by `from_callback`, once, from wherever a callback is called.
///
/// Copyable; safe to use when the waiter is gone, and when the loop is.
/// Errors   What moving a value throws is thrown here, or to the waiter.
/// Returns  Every `set_` returns false if it is too late: completed before, or nobody waits.
template <class T>
class completer {
public:
    /// Takes over one use of `state`.
    explicit completer(completion<T>* state) noexcept : state_(state) {}
    completer(const completer& other) noexcept : state_(other.state_) {
        if (state_) state_->keep();
    }
    completer(completer&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    completer& operator=(completer other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~completer() {
        if (state_) state_->release();
    }

    bool set_value(non_void_t<T> value) const {
        outcome<T> result;
        if constexpr (std::is_void_v<T>)
            result.set_value();
        else if constexpr (std::is_reference_v<T>)
            result.set_value(value);
        else
            result.set_value(std::move(value));
        return state_ && state_->complete(std::move(result));
    }
    bool set_value() const
        requires std::is_void_v<T>
    {
        return set_value({});
    }
    /// The waiter gets a `std::system_error`.
    bool set_error(std::error_code code) const {
        return set_exception(std::make_exception_ptr(std::system_error(code)));
    }
    bool set_exception(std::exception_ptr error) const {
        outcome<T> result;
        result.set_error(std::move(error));
        return state_ && state_->complete(std::move(result));
    }

    /// Makes a `void*` of it, for interfaces that carry nothing else. `from` makes it a completer
    /// again, exactly once.
    void* release() && noexcept { return std::exchange(state_, nullptr); }
    static completer from(void* released) noexcept {
        return completer(static_cast<completion<T>*>(released));
    }

private:
    completion<T>* state_;
};

/// The state of a completer that stays on the thread of its loop.
template <class T>
class completion_state final : public completion<T>, public frame_pool::allocated {
public:
    using handle = completer<T>;

    /// Counts two uses: the waiter's and the first completer's.
    explicit completion_state(completion_waiter<T>& waiter, scheduler&) noexcept
        : waiter_(&waiter) {}

    void keep() noexcept override { ++uses_; }
    void release() noexcept override {
        if (--uses_ == 0)
            delete this;
        else if (uses_ == 1 && waiter_)
            abandon();
    }
    bool complete(outcome<T>&& result) noexcept override {
        if (!waiter_) return false;
        std::exchange(waiter_, nullptr)->completed(std::move(result));
        return true;
    }
    /// From now on it is too late. Returns false if it was completed before.
    bool refuse() noexcept { return std::exchange(waiter_, nullptr) != nullptr; }
    /// The waiter leaves. Returns whether it still waited.
    bool detach() noexcept {
        const bool waited = refuse();
        release();
        return waited;
    }

private:
    // Every completer is gone, and the waiter would wait for ever.
    void abandon() noexcept {
        complete(no_completion<T>());
    }

    completion_waiter<T>* waiter_;
    unsigned uses_ = 2;
};

} // namespace weft
