// SPDX-License-Identifier: MIT
// Questions and answers over a TCP connection that is made when it is needed.
#pragma once

#include <optional>
#include <string>

#include <weft/coro/task.hpp>
#include <weft/loop/loop_clock.hpp>
#include <weft/net/buffered_reader.hpp>
#include <weft/net/endpoint.hpp>
#include <weft/net/tcp_stream.hpp>

#include "messages.hpp"

namespace replicated_log {

class connection {
public:
    connection(weft::endpoint to, weft::duration patience) : to_(to), patience_(patience) {}

    /// Returns nothing if the answer does not come in time, or the connection breaks: then nobody
    /// knows whether the question has arrived. The next one goes over a new connection, so that a
    /// late answer is not taken for that to the next question.
    weft::task<std::optional<reply>> ask(request question);

private:
    struct line {
        explicit line(weft::tcp_stream connected) : stream(std::move(connected)) {}
        weft::tcp_stream stream;
        weft::buffered_reader<weft::tcp_stream> answers{stream};
    };
    weft::task<std::optional<reply>> exchange(std::string question);

    weft::endpoint to_;
    weft::duration patience_;
    std::optional<line> line_;
};

} // namespace replicated_log
