// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <system_error>

#include <weft/core/awaitable.hpp>
#include <weft/net/buffer.hpp>

namespace weft {

namespace detail {
template <class A>
concept awaits_size = awaits<A> && std::convertible_to<await_result_t<A>, std::size_t>;
} // namespace detail

/// A connection that carries bytes both ways, in order: `tcp_stream`, `unix_stream`, `duplex`,
/// `tls_stream`, and what users write. Everything that reads or writes takes one.
///
///     read_some(buffer)    waits for at least one byte; returns how many, 0 at the end of stream
///     write_some(bytes)    waits for room for at least one byte; returns how many were taken
///     shutdown_write()     says that no more will be written; the peer reads what is left, then
///                          the end of stream; this side may go on reading
///
/// One branch may read while another writes. What is cancelled has moved no byte, unless the stream
/// says otherwise.
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
    };

/// A stream that can write several buffers at once, as if they were one.
template <class S>
concept gathering_stream =
    async_stream<S> && requires(S& stream, std::span<const const_buffer> out) {
        { stream.write_some(out) } -> detail::awaits_size;
    };

} // namespace weft
