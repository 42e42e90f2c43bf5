// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <system_error>

#include <weft/core/awaitable.hpp>
#include <weft/coro/task.hpp>
#include <weft/net/buffer.hpp>

namespace weft {

namespace detail {
template <class A>
concept awaits_size = awaits<A> && std::convertible_to<await_result_t<A>, std::size_t>;
} // namespace detail

/// A connection that carries bytes both ways, in order: `tcp_stream`, `unix_stream`, `duplex`,
/// `tls_stream`, and what users write. Everything that reads or writes takes one.
///
///     read_some(buffer)    waits for at least one byte; returns how many: 0 at the end of stream,
///                          and, at once, if the buffer is empty
///     write_some(bytes)    waits for room for at least one byte; returns how many were taken
///     shutdown_write()     says that no more will be written; the peer reads what is left, then
///                          the end of stream; this side may go on reading
///
/// One branch may read while another writes; a second reader is refused with an error, and what is
/// cancelled has moved no byte, unless the stream says otherwise.
template <class S>
concept async_stream = requires(S& stream, mutable_buffer in, const_buffer out) {
    { stream.read_some(in) } -> detail::awaits_size;
    { stream.write_some(out) } -> detail::awaits_size;
    { stream.shutdown_write() } -> awaits;
};

/// A stream that can also report its failures, in an error code, instead of throwing them.
template <class S>
concept reporting_stream =
    async_stream<S> &&
    requires(S& stream, mutable_buffer in, const_buffer out, std::error_code& error) {
        { stream.read_some(in, error) } -> detail::awaits_size;
        { stream.write_some(out, error) } -> detail::awaits_size;
        { stream.shutdown_write(error) } -> awaits;
    };

/// A stream that can write several buffers at once, as if they were one.
template <class S>
concept gathering_stream =
    async_stream<S> && requires(S& stream, std::span<const const_buffer> out) {
        { stream.write_some(out) } -> detail::awaits_size;
    };

// Implementation ------------------------------------------------------------
// For what has both forms and one body: the form that stores an error if `error` is not null.

namespace detail {

inline bool has_failed(const std::error_code* error) noexcept { return error && *error; }

template <async_stream S>
task<std::size_t> read_some(S& stream, mutable_buffer into, std::error_code* error) {
    std::size_t size = 0;
    if constexpr (reporting_stream<S>) {
        if (error) {
            size = co_await stream.read_some(into, *error);
            if (*error) size = 0;
            co_return size;
        }
    }
    size = co_await stream.read_some(into);
    co_return size;
}

template <async_stream S>
task<std::size_t> write_some(S& stream, const_buffer from, std::error_code* error) {
    std::size_t size = 0;
    if constexpr (reporting_stream<S>) {
        if (error) {
            size = co_await stream.write_some(from, *error);
            if (*error) size = 0;
            co_return size;
        }
    }
    size = co_await stream.write_some(from);
    co_return size;
}

template <async_stream S>
task<> shutdown_write(S& stream, std::error_code* error) {
    if constexpr (reporting_stream<S>) {
        if (error) {
            co_await stream.shutdown_write(*error);
            co_return;
        }
    }
    co_await stream.shutdown_write();
}

} // namespace detail

} // namespace weft
