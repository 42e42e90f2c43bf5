// SPDX-License-Identifier: MIT
//
// Reading text from a stream of any kind.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include <weft/coro/task.hpp>

/// Reads once. Empty: the stream has ended.
template <class Stream>
weft::task<std::string> read_text(Stream& from, std::size_t most = 4096) {
    std::string text(most, '\0');
    const std::size_t size = co_await from.read_some(std::as_writable_bytes(std::span(text)));
    text.resize(size);
    co_return text;
}

/// Reads until the end, at most so many bytes at a time.
template <class Stream>
weft::task<std::string> read_rest(Stream& from, std::size_t at_a_time = 4096) {
    std::string all;
    for (;;) {
        const std::string part = co_await read_text(from, at_a_time);
        if (part.empty()) co_return all;
        all += part;
    }
}
