// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <system_error>
#include <type_traits>

#include <weft/core/branch.hpp>
#include <weft/core/error.hpp>
#include <weft/core/prepared.hpp>
#include <weft/core/raise.hpp>
#include <weft/coro/task.hpp>
#include <weft/net/async_stream.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/end_of_stream_error.hpp>
#include <weft/net/shortcut.hpp>

namespace weft {

namespace detail {
template <class S, class Buffer>
auto move_all(S& stream, Buffer data);
template <class S, class Buffer>
auto move_all(S& stream, Buffer data, std::error_code& code);
} // namespace detail

/// Writes all of `data`.
///
///     co_await weft::write_all(client, "220 ready\r\n");
///
/// Errors  What the stream throws; how much was written is not known then.
/// Cancel  A part of it may have been written.
template <async_stream S>
auto write_all(S& stream, const_buffer data) {
    return detail::move_all(stream, data);
}
template <async_stream S>
auto write_all(S& stream, std::string_view data) {
    return write_all(stream, bytes(data));
}

/// The same, but a failure is stored in `code`, which is cleared otherwise. Returns how much was
/// written.
template <reporting_stream S>
auto write_all(S& stream, const_buffer data, std::error_code& code) {
    return detail::move_all(stream, data, code);
}
template <reporting_stream S>
auto write_all(S& stream, std::string_view data, std::error_code& code) {
    return write_all(stream, bytes(data), code);
}

/// Something to be written: bytes, or text.
template <class T>
concept writable_part =
    std::convertible_to<const T&, const_buffer> || std::convertible_to<const T&, std::string_view>;

/// Writes several parts, one after the other; with one system call, if the stream can.
///
///     co_await weft::write_all(client, head, "\r\n", body);
///
/// Errors and Cancel  As above.
template <async_stream S, writable_part... Parts>
    requires(sizeof...(Parts) > 1)
task<> write_all(S& stream, const Parts&... parts);

/// Reads until `into` is full.
///
/// Errors  Throws `end_of_stream_error` if the stream ends before, and what the stream throws.
/// Cancel  What has arrived is in `into`, and lost to other readers: where that matters, read by a
///         `buffered_reader`.
template <async_stream S>
auto read_exactly(S& stream, mutable_buffer into) {
    return detail::move_all(stream, into);
}

/// The same, but a failure is stored in `code`, `errc::closed` if the stream ends too soon. Returns
/// how much has arrived.
template <reporting_stream S>
auto read_exactly(S& stream, mutable_buffer into, std::error_code& code) {
    return detail::move_all(stream, into, code);
}

// Implementation ------------------------------------------------------------

namespace detail {

/// Moves all of a buffer, in the direction that its type tells. As a rule a stream takes, or has,
/// everything at once: then no coroutine is needed.
template <async_stream S, class Buffer, bool Reports>
struct moving_all {
    static constexpr bool reads = std::is_same_v<Buffer, mutable_buffer>;
    using size_or_nothing = std::conditional_t<Reports, std::size_t, void>;
    struct nothing {};

    S* stream;
    Buffer data;
    [[no_unique_address]] std::conditional_t<Reports, std::error_code*, nothing> code{};
    std::size_t done = 0;

    auto move_some() const {
        const auto left = data.subspan(done);
        if constexpr (reads && Reports)
            return stream->read_some(left, *code);
        else if constexpr (reads)
            return stream->read_some(left);
        else if constexpr (Reports)
            return stream->write_some(left, *code);
        else
            return stream->write_some(left);
    }
    void take(std::size_t size) {
        done += size;
        if (!reads || size != 0 || is_over()) return;
        if constexpr (Reports)
            *code = errc::closed;
        else
            raise<end_of_stream_error>(data.first(done));
    }
    bool is_over() const noexcept {
        if constexpr (Reports)
            if (*code) return true;
        return done == data.size();
    }

    bool attempt(branch& on) {
        if constexpr (Reports) code->clear();
        if (is_over()) return true;
        if constexpr (awaits_operation<decltype(move_some())>)
            return use_if_complete(move_some(), on, [this](std::size_t size) { take(size); }) &&
                   is_over();
        else
            return false;
    }
    size_or_nothing result() const noexcept { return size_or_nothing(done); }
    task<size_or_nothing> rest() { return move_rest(*this); }

private:
    static task<size_or_nothing> move_rest(moving_all self);
};

template <class S, class Buffer>
auto move_all(S& stream, Buffer data) {
    using moving = moving_all<S, Buffer, false>;
    return prepared<shortcut<moving>, S*, Buffer>(&stream, data);
}
template <class S, class Buffer>
auto move_all(S& stream, Buffer data, std::error_code& code) {
    using moving = moving_all<S, Buffer, true>;
    return prepared<shortcut<moving>, S*, Buffer, std::error_code*>(&stream, data, &code);
}

template <async_stream S, class Buffer, bool Reports>
auto moving_all<S, Buffer, Reports>::move_rest(moving_all self) -> task<size_or_nothing> {
    if constexpr (Reports) self.code->clear();
    while (!self.is_over()) {
        const std::size_t size = co_await self.move_some();
        self.take(size);
    }
    if constexpr (Reports) co_return self.done;
}

template <writable_part T>
const_buffer to_buffer(const T& part) {
    if constexpr (std::convertible_to<const T&, const_buffer>)
        return part;
    else
        return bytes(part);
}

template <async_stream S, std::size_t N>
task<> write_parts(S& stream, std::array<const_buffer, N> parts) {
    std::span<const_buffer> left(parts);
    for (;;) {
        while (!left.empty() && left.front().empty()) left = left.subspan(1);
        if (left.empty()) co_return;
        std::size_t written = 0;
        if constexpr (gathering_stream<S>)
            written = co_await stream.write_some(std::span<const const_buffer>(left));
        else
            written = co_await stream.write_some(left.front());
        while (written != 0) {
            const auto taken = std::min(written, left.front().size());
            left.front() = left.front().subspan(taken);
            if (left.front().empty()) left = left.subspan(1);
            written -= taken;
        }
    }
}

} // namespace detail

template <async_stream S, writable_part... Parts>
    requires(sizeof...(Parts) > 1)
task<> write_all(S& stream, const Parts&... parts) {
    return detail::write_parts(
        stream, std::array<const_buffer, sizeof...(Parts)>{detail::to_buffer(parts)...});
}

} // namespace weft
