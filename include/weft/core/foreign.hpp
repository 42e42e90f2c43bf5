// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <type_traits>
#include <utility>

#include <weft/core/awaitable.hpp>
#include <weft/core/frame_pool.hpp>
#include <weft/core/operation.hpp>

namespace weft {

/// The operation that awaits an awaitable of somebody else's: it hands out a relay, a coroutine of
/// its own, whose resumption makes the branch ready.
///
/// `A` is what is awaited; a reference is kept as a reference.
/// Threads  The relay may be resumed from any thread.
/// Cancel   Waits until the relay is resumed: nobody knows how to withdraw a foreign operation.
/// Errors   What the awaiter throws is rethrown, from wherever it came.
/// Precondition  A pending one is dropped only if the awaiter's destructor unhooks it.
template <class A>
class [[nodiscard]] foreign_operation final : public operation<foreign_operation<A>> {
    using awaiter = decltype(get_awaiter(std::declval<A>()));

public:
    explicit foreign_operation(A&& awaitable) : awaitable_(std::forward<A>(awaitable)) {}
    ~foreign_operation() {
        if constexpr (!std::is_reference_v<awaiter>)
            if (awaiter_) awaiter_->~kept();
        if (relay_) {
            // Resumed by another thread, perhaps, and still on its way.
            this->waiter()->loop().withdraw_threadsafe(arrival_);
            relay_.destroy();
        }
    }

    std::coroutine_handle<> start(branch&) noexcept;
    bool withdraw() noexcept override { return false; }
    const char* describe() const noexcept override { return "foreign awaitable"; }

    decltype(auto) await_resume() {
        if (error_) std::rethrow_exception(error_);
        return awaiter_->await_resume();
    }

private:
    struct relay {
        struct promise_type : frame_pool::allocated {
            explicit promise_type(foreign_operation& operation) noexcept : wakes(operation) {}
            relay get_return_object() noexcept {
                return {std::coroutine_handle<promise_type>::from_promise(*this)};
            }
            std::suspend_always initial_suspend() const noexcept { return {}; }
            auto final_suspend() const noexcept { return wake{}; }
            void return_void() const noexcept {}
            void unhandled_exception() const noexcept {}

            foreign_operation& wakes;
        };
        // Where the relay is suspended already: as soon as the branch is told, it may be destroyed.
        struct wake : std::suspend_always {
            void await_suspend(std::coroutine_handle<promise_type> relay) const noexcept {
                relay.promise().wakes.resumed();
            }
        };
        std::coroutine_handle<> coroutine;
    };
    static relay make_relay(foreign_operation&) { co_return; }

    void resumed() noexcept {
        auto& loop = this->waiter()->loop();
        if (loop.on_its_thread())
            this->complete();
        else
            loop.enqueue_threadsafe(arrival_);
    }

    struct arrival final : runnable {
        explicit arrival(foreign_operation& operation) noexcept : arrived(operation) {}
        void run() noexcept override { arrived.complete(); }
        foreign_operation& arrived;
    };

    std::coroutine_handle<> suspend();

    using kept = std::remove_reference_t<awaiter>;
    A awaitable_;
    kept* awaiter_ = nullptr; // null: not begun
    std::coroutine_handle<> relay_;
    std::exception_ptr error_;
    arrival arrival_{*this};
    // The awaiter itself, unless `awaitable_` is its own awaiter.
    alignas(kept) std::byte storage_[std::is_reference_v<awaiter> ? 1 : sizeof(kept)];
};

// Implementation ------------------------------------------------------------

template <class A>
std::coroutine_handle<> foreign_operation<A>::start(branch&) noexcept {
    std::coroutine_handle<> next;
    guarded([&] { next = suspend(); },
            [&](std::exception_ptr error) { error_ = std::move(error); });
    return next;
}

template <class A>
std::coroutine_handle<> foreign_operation<A>::suspend() {
    if constexpr (std::is_reference_v<awaiter>) {
        auto&& own = get_awaiter(static_cast<A&&>(awaitable_));
        awaiter_ = std::addressof(own);
    } else {
        awaiter_ = ::new (static_cast<void*>(storage_))
            kept(get_awaiter(static_cast<A&&>(awaitable_)));
    }
    if (awaiter_->await_ready()) return nullptr;
    relay_ = make_relay(*this).coroutine;
    using suspended = decltype(awaiter_->await_suspend(relay_));
    if constexpr (std::is_void_v<suspended>) {
        awaiter_->await_suspend(relay_);
        return std::noop_coroutine();
    } else if constexpr (std::is_same_v<suspended, bool>) {
        if (!awaiter_->await_suspend(relay_)) return nullptr;
        return std::noop_coroutine();
    } else {
        return awaiter_->await_suspend(relay_);
    }
}

/// Awaits an operation that stands elsewhere: g++ 12 would copy one that it is given by reference.
template <class Op>
class awaiter_reference {
public:
    explicit awaiter_reference(Op& operation) noexcept : operation_(&operation) {}

    bool await_ready() const noexcept { return false; }
    template <class Promise>
    auto await_suspend(std::coroutine_handle<Promise> waiter) noexcept {
        return operation_->await_suspend(waiter);
    }
    decltype(auto) await_resume() { return operation_->await_resume(); }
    Op& target() const noexcept { return *operation_; }

private:
    Op* operation_;
};

namespace detail {
// The awaiter itself, wherever it stands.
template <class W>
W& referred(W& awaiter) noexcept {
    return awaiter;
}
template <class Op>
Op& referred(awaiter_reference<Op>& to) noexcept {
    return to.target();
}
} // namespace detail

/// Returns the awaiter with which a branch awaits `awaitable`: its own if it is one of weft's,
/// else a `foreign_operation`. With `Keep` an rvalue is moved in rather than referred to.
template <bool Keep, class A>
decltype(auto) make_awaiter(A&& awaitable) {
    using awaiter = decltype(get_awaiter(std::forward<A>(awaitable)));
    if constexpr (starts_on_branch<awaiter> && std::is_reference_v<awaiter>) {
        auto&& own = get_awaiter(std::forward<A>(awaitable));
        return awaiter_reference<std::remove_reference_t<awaiter>>{own};
    } else if constexpr (starts_on_branch<awaiter>)
        return get_awaiter(std::forward<A>(awaitable));
    else if constexpr (Keep)
        return foreign_operation<A>(std::forward<A>(awaitable));
    else
        return foreign_operation<A&&>(std::forward<A>(awaitable));
}

} // namespace weft
