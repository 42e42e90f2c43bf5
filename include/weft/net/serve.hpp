// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>

#include <weft/compose/finally.hpp>
#include <weft/compose/when_any.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/core/awaitable.hpp>
#include <weft/core/raise.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/loop_clock.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/semaphore.hpp>
#include <weft/time/sleep.hpp>

namespace weft {

/// How `serve` serves.
struct serve_options {
    std::size_t max_connections = 10000;       ///< more wait in the system's queue
    duration drain = std::chrono::seconds(10); ///< how long handlers may go on after the end
    event* stop = nullptr;                     ///< setting it is the end
};
// Else g++ 12 would destroy `{.max_connections = 9}` twice in an awaited expression.
static_assert(std::is_trivially_destructible_v<serve_options>);

/// What `listener.accept()` gives.
template <class L>
using accepted_t = await_result_t<decltype(std::declval<L&>().accept())>;

/// A callable that can handle what a listener accepts.
template <class F, class L>
concept handles = std::move_constructible<F> && requires(F& handler, accepted_t<L> client) {
    { handler(std::move(client)) } -> awaits;
};

/// Accepts clients until it is told to end, and runs `handler(std::move(client))` for each, all at
/// the same time.
///
///     co_await weft::serve(listener, echo, {.max_connections = 1000, .stop = &stop});
///
/// The end is a set `options.stop`, a cancel, or a failure of the listener. Then nobody is accepted
/// any more; handlers may finish until `options.drain` has passed, and are cancelled then (those
/// that would rather end early wait for `stop`, too); `serve` ends when they have ended. The
/// listener is not closed: who comes now waits in its queue.
///
/// Errors    A handler's is its own: it is unhandled, and the others go on. When the system has run
///           out of descriptors or memory, and the listener has an `accept(std::error_code&)` that
///           says so, `serve` waits and tries again, ten times a second. What `accept` throws
///           otherwise is rethrown, after the end. Throws `std::invalid_argument` if no connection
///           is allowed.
/// Cancel    As `options.stop`: who has no time to wait sets `drain` to zero.
/// Lifetime  `handler` lives in `serve` and outlives its calls: it may have captures. The listener
///           and `stop` must outlive it all.
template <class L, handles<L> F>
task<> serve(L& listener, F handler, serve_options options = {});

// Implementation ------------------------------------------------------------

namespace detail {

/// What all clients share: how they are handled, and how many more there may be.
template <class F>
struct service {
    F& handler;
    semaphore permits;
};

/// A client's permit. It leads to the handler, too: of clients there may be very many.
template <class F>
class admission {
public:
    admission(service<F>& to, permit counted) noexcept : to_(&to) { counted.forget(); }
    admission(admission&& other) noexcept : to_(std::exchange(other.to_, nullptr)) {}
    ~admission() {
        if (to_) to_->permits.release();
    }
    F& handler() const noexcept { return to_->handler; }

private:
    service<F>* to_;
};

/// What a client's branch runs.
struct handle_client {
    template <class Client, class F>
    auto operator()(Client&& client, admission<F>&& admitted) const {
        return admitted.handler()(std::forward<Client>(client));
    }
};

/// Whether it passes by itself, when other connections or programs end.
inline bool is_shortage(const std::error_code& code) noexcept {
    return code == std::errc::too_many_files_open ||
           code == std::errc::too_many_files_open_in_system ||
           code == std::errc::not_enough_memory || code == std::errc::no_buffer_space ||
           code == std::errc::no_space_on_device; // in the tables of epoll
}

/// Accepts the next client, as soon as the system has the means for one more.
template <class L>
task<accepted_t<L>> accept_one(L& listener) {
    if constexpr (requires(std::error_code& code) { listener.accept(code); }) {
        constexpr auto pause = std::chrono::milliseconds(100);
        std::error_code code;
        for (;;) {
            auto client = co_await listener.accept(code);
            if (!code) co_return client;
            if (!is_shortage(code)) break; // once more, for an error that names what failed
            co_await sleep_for(pause);
        }
    }
    auto client = co_await listener.accept();
    co_return client;
}

template <class L, class F>
task<> accept_clients(L& listener, service<F>& offered, task_group& clients) {
    for (;;) {
        auto permit = co_await offered.permits.acquire();
        admission<F> admitted(offered, std::move(permit));
        auto client = co_await accept_one(listener);
        clients.spawn(handle_client{}, std::move(client), std::move(admitted));
    }
}

template <class L, class F>
task<> accept_until(event* stop, L& listener, service<F>& offered, task_group& clients) {
    auto accepting = accept_clients(listener, offered, clients);
    if (stop)
        co_await when_any(stop->wait(), std::move(accepting));
    else
        co_await std::move(accepting);
}

template <class = if_used>
task<> drain_clients(task_group& clients, duration limit) {
    co_await try_for(limit, clients.join());
    clients.cancel();
    co_await clients.join();
}

} // namespace detail

template <class L, handles<L> F>
task<> serve(L& listener, F handler, serve_options options) {
    if (options.max_connections == 0) raise<std::invalid_argument>("serve: no connection allowed");
    detail::service<F> offered{handler, semaphore(options.max_connections)};
    task_group clients(on_error::report);
    const auto drain = [&] { return detail::drain_clients(clients, options.drain); };
    auto accepting = detail::accept_until(options.stop, listener, offered, clients);
    co_await finally(std::move(accepting), drain);
}

} // namespace weft
