// SPDX-License-Identifier: MIT
// The half of a connection that receives: bytes become requests, in time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <tuple>

#include <weft/compose/when_any.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task.hpp>
#include <weft/loop/loop_clock.hpp>
#include <weft/net/async_stream.hpp>

#include "input_buffer.hpp"
#include "request_parser.hpp"
#include "service.hpp"

namespace httpd {

template <weft::async_stream S>
class receiver {
public:
    receiver(S& stream, service& on)
        : stream_(stream), on_(on),
          input_(std::max<std::size_t>(on.wanted().max_header, 15 * 1024) + 1024),
          parser_(on.wanted().max_header, on.wanted().max_body) {}

    /// Waits for a request to begin, but not for ever, and at the end of the server not for long.
    /// Then `has_input` says whether it has.
    weft::task<> wait();
    bool has_input() const noexcept { return !input_.empty(); }

    /// Errors  http_error: what is wrong with it; 408, if it does not come in time.
    weft::task<> read_head();
    /// The next piece of the body; an empty one at its end.
    /// Errors  As above.
    weft::task<std::string> read_body();

    const request_parser& parser() const noexcept { return parser_; }
    const request& head() const noexcept { return parser_.head(); }

    /// Reads, until then, what nobody will look at: up to the end of the stream.
    weft::task<> ignore_until(weft::time_point end);

private:
    weft::task<> read_more();

    static constexpr std::chrono::milliseconds grace{500}; // for what is on its way at the end

    S& stream_;
    service& on_;
    input_buffer input_;
    request_parser parser_;
    weft::time_point deadline_{}; // of what is being read
    bool at_end_ = false;         // the client sends nothing more
};

// Implementation ------------------------------------------------------------

template <weft::async_stream S>
weft::task<> receiver<S>::wait() {
    if (has_input()) co_return;
    const auto room = input_.room();
    std::optional<std::size_t> size;
    if (!on_.stopping.is_set()) {
        auto first =
            co_await weft::try_for(on_.wanted().idle_timeout,
                                   weft::when_any(stream_.read_some(room), on_.stopping.wait()));
        if (!first) co_return;
        size = std::get<0>(*first);
    }
    if (!size) size = co_await weft::try_for(grace, stream_.read_some(room));
    at_end_ = size == 0u;
    input_.filled(size.value_or(0));
}

template <weft::async_stream S>
weft::task<> receiver<S>::read_head() {
    parser_.restart();
    const auto begun = weft::loop_clock::now();
    deadline_ = begun + weft::to_duration(on_.wanted().header_timeout);
    for (;;) {
        const auto size = parser_.parse(input_.text());
        input_.consume(size);
        if (parser_.head_is_complete()) break;
        if (size == 0 || input_.empty()) co_await read_more();
    }
    deadline_ = begun + weft::to_duration(on_.wanted().request_timeout);
}

template <weft::async_stream S>
weft::task<std::string> receiver<S>::read_body() {
    std::string piece;
    while (piece.empty() && !parser_.is_complete()) {
        const auto size = input_.empty() ? 0 : parser_.parse(input_.text());
        input_.consume(size);
        piece = parser_.take_body();
        if (size == 0) co_await read_more();
    }
    co_return piece;
}

template <weft::async_stream S>
weft::task<> receiver<S>::read_more() {
    const auto room = input_.room();
    if (room.empty()) throw http_error(400, "a line is too long");
    const auto size = co_await weft::try_until(deadline_, stream_.read_some(room));
    if (!size) throw http_error(408, "the request did not come in time");
    at_end_ = *size == 0;
    if (at_end_) throw http_error(400, "the request is incomplete");
    input_.filled(*size);
}

template <weft::async_stream S>
weft::task<> receiver<S>::ignore_until(weft::time_point end) {
    while (!at_end_) {
        input_.consume(input_.text().size());
        const auto size = co_await weft::try_until(end, stream_.read_some(input_.room()));
        at_end_ = size.value_or(0) == 0;
    }
}

} // namespace httpd
