// SPDX-License-Identifier: MIT
// One client: requests come in, replies go out, one after the other.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task.hpp>
#include <weft/loop/loop_clock.hpp>
#include <weft/net/async_stream.hpp>
#include <weft/net/write_all.hpp>

#include "pages.hpp"
#include "receiver.hpp"
#include "send_part.hpp"
#include "service.hpp"

namespace httpd {

/// Talks HTTP over any stream: TCP, TLS, or in memory.
template <weft::async_stream S>
class connection final : private body_reader {
public:
    /// The requests of `peer` are logged, unless that is empty.
    connection(S& stream, std::string_view peer, service& on)
        : stream_(stream), peer_(peer), on_(on), input_(stream, on) {}

    /// Until the client has gone, or has been sent away.
    /// Errors  What the stream throws; weft::timeout_error for a client that does not read.
    weft::task<> talk();

private:
    using kind = reply::ending;

    weft::task<> answer_one();
    weft::task<reply> make_reply();
    weft::task<std::string> read_body() override;
    weft::task<> skip_body();
    weft::task<> send(reply& answer);
    weft::task<> send_pieces(reply& answer);
    void begin(const reply& answer, kind how);
    weft::task<> flush();
    weft::task<> part();
    void log(std::string_view what) const;

    static constexpr std::size_t small = 16 * 1024; // goes with the head, in one system call

    S& stream_;
    std::string_view peer_;
    service& on_;
    receiver<S> input_;
    std::string output_;
    unsigned status_ = 0; // what was answered; 0: nothing yet
    bool goes_on_ = true;
    bool wants_go_ahead_ = false; // the client waits for "100 Continue"
};

// Implementation ------------------------------------------------------------

template <weft::async_stream S>
weft::task<> connection<S>::talk() {
    while (goes_on_) {
        co_await input_.wait();
        if (!input_.has_input()) break;
        co_await answer_one();
    }
    co_await part();
}

template <weft::async_stream S>
weft::task<> connection<S>::answer_one() {
    status_ = 0;
    std::optional<http_error> problem;
    try {
        reply answer = co_await make_reply();
        co_await send(answer);
        co_await skip_body();
    } catch (const http_error& caught) {
        problem = caught;
    }
    if (!problem) co_return;
    goes_on_ = false;
    if (status_ != 0) { // too late to tell: the body ends without its end
        log(problem->what());
        co_return;
    }
    reply refusal = error_reply(problem->status(), problem->what());
    co_await send(refusal);
}

template <weft::async_stream S>
weft::task<reply> connection<S>::make_reply() {
    co_await input_.read_head();
    ++on_.shared.requests;
    const request& asked = input_.head();
    goes_on_ = asked.keep_alive;
    wants_go_ahead_ = asked.expects_continue && !input_.parser().is_complete();
    try {
        reply result = co_await answer(asked, *this, on_);
        co_return result;
    } catch (const http_error&) {
        throw;
    } catch (const std::exception& problem) {
        fmt::print(stderr, "httpd: {} {}: {}\n", asked.method, asked.target, problem.what());
    }
    throw http_error(500, "something went wrong here");
}

template <weft::async_stream S>
weft::task<std::string> connection<S>::read_body() {
    if (std::exchange(wants_go_ahead_, false)) {
        output_ += "HTTP/1.1 100 Continue\r\n\r\n";
        co_await flush();
    }
    std::string piece = co_await input_.read_body();
    co_return piece;
}

/// Nobody wanted it, but the next request comes after it.
template <weft::async_stream S>
weft::task<> connection<S>::skip_body() {
    while (goes_on_ && !input_.parser().is_complete()) co_await read_body();
}

template <weft::async_stream S>
void connection<S>::begin(const reply& answer, kind how) {
    const request& asked = input_.head();
    status_ = answer.status();
    // A client that has not been told to go ahead may send the body, or leave it out.
    if (wants_go_ahead_ || how == kind::by_closing || on_.stopping.is_set()) goes_on_ = false;
    const bool is_new = asked.version >= 11;
    answer.append_head(output_, how, !goes_on_ ? "close" : is_new ? "" : "keep-alive");
    log("");
}

template <weft::async_stream S>
weft::task<> connection<S>::send(reply& answer) {
    if (std::holds_alternative<stream_of_pieces>(answer.body())) {
        co_await send_pieces(answer);
        co_return;
    }
    begin(answer, kind::by_length);
    const bool has_body = !input_.head().is_head();
    const auto* text = std::get_if<std::string>(&answer.body());
    auto* file = std::get_if<file_part>(&answer.body());
    if (text && has_body) output_ += *text;
    if (file && has_body && file->size <= small) append_part(output_, *file, small);
    co_await flush();
    while (file && has_body && file->size != 0)
        co_await weft::with_timeout(on_.wanted().send_timeout, send_part(stream_, *file));
}

template <weft::async_stream S>
weft::task<> connection<S>::send_pieces(reply& answer) {
    auto& pieces = std::get<stream_of_pieces>(answer.body());
    const bool is_chunked = input_.head().version >= 11;
    const auto how = is_chunked ? kind::by_chunks : kind::by_closing;
    if (input_.head().is_head()) {
        begin(answer, how);
        co_await flush();
        co_return;
    }
    std::string* piece = co_await pieces.next(); // if this fails, it can still be told
    for (begin(answer, how); piece; piece = co_await pieces.next()) {
        if (is_chunked) output_ += fmt::format("{:x}\r\n", piece->size());
        output_ += *piece;
        if (is_chunked) output_ += "\r\n";
        co_await flush();
    }
    if (is_chunked) output_ += "0\r\n\r\n";
    co_await flush();
}

template <weft::async_stream S>
weft::task<> connection<S>::flush() {
    co_await weft::with_timeout(on_.wanted().send_timeout,
                                weft::write_all(stream_, std::string_view(output_)));
    output_.clear();
}

/// Ends the stream, and reads what still comes: otherwise the system would throw away what the
/// client has not read yet.
template <weft::async_stream S>
weft::task<> connection<S>::part() {
    const auto end = weft::loop_clock::now() + std::chrono::seconds(1);
    co_await weft::with_deadline(end, stream_.shutdown_write());
    co_await input_.ignore_until(end);
}

template <weft::async_stream S>
void connection<S>::log(std::string_view what) const {
    if (peer_.empty()) return;
    const request& asked = input_.head();
    fmt::print(stderr, "{} \"{} {} HTTP/{}.{}\" {}{}{}\n", peer_, asked.method, asked.target,
               asked.version / 10, asked.version % 10, status_, what.empty() ? "" : " ", what);
}

} // namespace httpd
