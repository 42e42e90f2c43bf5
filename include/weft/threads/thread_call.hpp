// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include <weft/core/error.hpp>
#include <weft/core/prepared.hpp>
#include <weft/core/scheduler.hpp>
#include <weft/threads/cancel_token.hpp>
#include <weft/threads/errand.hpp>
#include <weft/threads/worker_threads.hpp>

namespace weft {

/// What a thread can call: `f(args...)`, or else `f(cancel_token, args...)`.
template <class F, class... Args>
concept thread_callable =
    std::invocable<F, Args...> || std::invocable<F, cancel_token, Args...>;

namespace detail {

template <class F, class... Args>
constexpr auto thread_call_result() {
    if constexpr (std::invocable<F, Args...>)
        return std::type_identity<std::invoke_result_t<F, Args...>>();
    else
        return std::type_identity<std::invoke_result_t<F, cancel_token, Args...>>();
}

} // namespace detail

/// What `f` returns there.
template <class F, class... Args>
    requires thread_callable<F, Args...>
using thread_call_result_t = typename decltype(detail::thread_call_result<F, Args...>())::type;

/// What a cancel does about a call that has begun.
enum class begun_call { is_waited_for, is_abandoned };

/// The errand of calling `f(args...)` on one of `worker_threads`.
template <begun_call When, class F, class... Args>
class thread_call final : public errand<thread_call_result_t<F, Args...>>, private runnable {
    static_assert(!awaiter_takes_all<thread_call_result_t<F, Args...>>,
                  "a coroutine would not run there: co_await it here, or on another loop: run_on");

public:
    static constexpr const char* description = "to_thread";

    explicit thread_call(worker_threads* threads, F callable, Args... args)
        : threads_(threads->shared_from_this()), callable_(std::move(callable)),
          args_(std::move(args)...) {}

    void send() { threads_->submit(*this); }
    bool recall() noexcept {
        if (threads_->withdraw(*this)) {
            this->release();
            return true;
        }
        if constexpr (!std::is_same_v<source, no_source>) source_.request_cancel();
        return When == begun_call::is_abandoned;
    }

private:
    struct no_source {};
    using source = std::conditional_t<std::invocable<F, Args...>, no_source, cancel_source>;

    void run() noexcept override {
        this->result.set_from([this]() -> thread_call_result_t<F, Args...> {
            if constexpr (std::is_same_v<source, no_source>)
                return std::apply(std::move(callable_), std::move(args_));
            else
                return std::apply(std::move(callable_),
                                  std::tuple_cat(std::tuple(source_.token()), std::move(args_)));
        });
        this->finish();
    }
    void discard() noexcept override {
        this->result.set_error(make_error(
            errc::closed, "a thread pool was destroyed before it could begin a call"));
        this->finish();
    }

    std::shared_ptr<worker_threads> threads_; // its pool may be gone
    F callable_;
    std::tuple<Args...> args_;
    [[no_unique_address]] source source_;
};

/// The awaitable that such a call is.
template <begun_call When, class F, class... Args>
auto call_on(worker_threads& threads, F callable, Args... args) {
    return prepared<errand_operation<thread_call<When, F, Args...>>, worker_threads*, F, Args...>(
        &threads, std::move(callable), std::move(args)...);
}

} // namespace weft
