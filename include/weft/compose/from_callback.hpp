// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <type_traits>
#include <utility>

#include <weft/compose/completer.hpp>
#include <weft/core/awaitable.hpp>
#include <weft/core/operation.hpp>
#include <weft/core/prepared.hpp>
#include <weft/core/raise.hpp>

namespace weft {

/// What is done about a callback when nobody waits for it any more: nothing.
struct leave_it {
    void operator()() const noexcept {}
};

/// Waits for a completer to be completed.
template <class T, class State, class F, class C>
class callback_operation final : public operation<callback_operation<T, State, F, C>>,
                                 private completion_waiter<T> {
    static_assert(!awaiter_takes_all<std::invoke_result_t<F&, typename State::handle>> &&
                      !awaiter_takes_all<std::invoke_result_t<C&>>,
                  "from_callback calls it and does not await it: a coroutine would never run");

public:
    explicit callback_operation(F initiate, C on_cancel)
        : initiate_(std::move(initiate)), on_cancel_(std::move(on_cancel)) {}
    ~callback_operation() { detach(); }

    bool start(branch& waiter) noexcept {
        starting_ = true;
        guarded(
            [&] {
                state_ = new State(*this, waiter.loop());
                state_->keep(); // that `initiate` destroys its completer is not the last word
                initiate_(typename State::handle(state_));
            },
            [&](std::exception_ptr error) {
                // What the callback has delivered before counts.
                if (!state_ || state_->refuse()) result_.set_error(std::move(error));
            });
        if (state_) state_->release();
        starting_ = false;
        return !result_.is_pending();
    }
    bool withdraw() noexcept override {
        // What was accepted on another thread is on its way here: completed beats cancelled.
        if (!state_->refuse()) return false;
        std::exchange(state_, nullptr)->release();
        cancelled();
        return true;
    }
    const char* describe() const noexcept override { return "from_callback"; }

    T await_resume() { return result_.take(); }

private:
    void completed(outcome<T>&& result) noexcept override {
        guarded([&] { result_ = std::move(result); },
                [&](std::exception_ptr error) { result_.set_error(std::move(error)); });
        if (!starting_) this->complete();
    }
    // Whatever comes now comes too late, and is told so.
    void detach() noexcept {
        if (!state_) return;
        if (std::exchange(state_, nullptr)->detach()) cancelled();
    }
    void cancelled() noexcept {
        guarded([&] { on_cancel_(); },
                [](std::exception_ptr error) {
                    report_unhandled(std::move(error), "from_callback: on_cancel");
                });
    }

    F initiate_;
    [[no_unique_address]] C on_cancel_;
    outcome<T> result_;
    State* state_ = nullptr; // counted: this is one use of it
    bool starting_ = false;
};

/// Makes an awaitable of an interface that calls back.
///
///     weft::task<std::string> look_up(resolver& r, std::string host) {
///         auto address = co_await weft::from_callback<std::string>([&](auto done) {
///             r.look_up(host, [done](std::string found) { done.set_value(found); });
///         });
///         co_return address;
///     }
///
/// Calls `initiate(completer<T>)` when it is awaited; completes when somebody calls a `set_` of
/// that completer or of a copy, which may be at once. If the last copy is destroyed without, it
/// completes with `error` (errc::closed).
/// Errors  What `initiate` throws, and what the completer is given, is rethrown.
/// Cancel  The wait ends at once; from then on the completer's functions return false.
template <class T, std::invocable<completer<T>> F>
auto from_callback(F initiate) {
    return prepared<callback_operation<T, completion_state<T>, F, leave_it>, F, leave_it>(
        std::move(initiate), {});
}

/// The same, and `on_cancel()` is called if the wait ends before the completion, by a cancel or by
/// a drop: it withdraws what `initiate` began.
template <class T, std::invocable<completer<T>> F, std::invocable C>
auto from_callback(F initiate, C on_cancel) {
    return prepared<callback_operation<T, completion_state<T>, F, C>, F, C>(std::move(initiate),
                                                                            std::move(on_cancel));
}

} // namespace weft
