// SPDX-License-Identifier: MIT
// A listener that closes in good order.
#pragma once

#include <chrono>
#include <system_error>
#include <tuple>
#include <utility>

#include <weft/compose/when_any.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task.hpp>
#include <weft/net/tcp_listener.hpp>
#include <weft/net/tcp_stream.hpp>
#include <weft/sync/event.hpp>
#include <weft/time/yield.hpp>

namespace httpd {

/// What weft::serve accepts from. When the server is to stop, the system may hold connections that
/// it has accepted in our name: these come in, then the door is closed, and `closed()` says so.
class door {
public:
    door(weft::tcp_listener listener, weft::event& stopping)
        : listener_(std::move(listener)), stopping_(stopping) {}

    weft::task<weft::tcp_stream> accept(std::error_code& code) {
        if (!stopping_.is_set()) {
            auto next = co_await weft::when_any(listener_.accept(code), stopping_.wait());
            auto& client = std::get<0>(next);
            if (client) co_return std::move(*client);
        }
        // Not by a wait: the loop would hear of some too late.
        if (auto late = listener_.try_accept(code)) co_return std::move(*late);
        close();
        co_await weft::sleep_forever();
        co_return weft::tcp_stream();
    }
    weft::task<weft::tcp_stream> accept() {
        std::error_code code;
        auto client = co_await accept(code);
        if (code) throw std::system_error(code, "accepting a connection");
        co_return client;
    }

    /// Closes it soon after the server is to stop, even if nobody accepts because there are as many
    /// connections as may be.
    weft::task<> close_in_time() {
        co_await stopping_.wait();
        co_await weft::try_for(patience, closed_.wait());
        close();
    }
    weft::event& closed() noexcept { return closed_; }
    const weft::tcp_listener& listener() const noexcept { return listener_; }

private:
    static constexpr std::chrono::milliseconds patience{500};

    void close() noexcept {
        closed_.set();
        listener_.close();
    }

    weft::tcp_listener listener_;
    weft::event& stopping_;
    weft::event closed_;
};

} // namespace httpd
