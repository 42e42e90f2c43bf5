// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>

#include <weft/core/branch.hpp>
#include <weft/core/prepared.hpp>
#include <weft/coro/task.hpp>
#include <weft/net/async_stream.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/shortcut.hpp>
#include <weft/sync/mutex.hpp>

namespace weft {

/// Gathers small writes to a stream, up to `capacity` bytes, into few large ones.
///
///     weft::buffered_writer writer(client);
///
///     for (auto& line : lines) co_await writer.write(line);
///     co_await writer.flush();                    // what was not flushed dies with the writer
///
/// Order     Any number of branches may write; each `write` is passed on whole, in the order of the
///           calls.
/// Errors    What the stream throws. What it has not taken is still in the writer, whose next
///           `flush` goes on from there; of data larger than the capacity it may have taken a part.
///           The forms with an `error_code` store the code instead; it is cleared otherwise.
/// Cancel    A cancelled `write` has written nothing, if its data is not larger than the capacity,
///           and a cancelled `flush` has lost nothing.
/// Lifetime  The stream must outlive it.
template <async_stream S>
class buffered_writer {
    struct writing;
    using writes = prepared<shortcut<writing>, writing>; // what finds room needs no coroutine

public:
    explicit buffered_writer(S& stream, std::size_t capacity = 16384)
        : stream_(stream), capacity_(capacity),
          buffer_(std::make_unique_for_overwrite<std::byte[]>(capacity)) {}
    buffered_writer(buffered_writer&&) = delete;

    /// Puts `data` behind what was written before; waits for the stream only if there is no room.
    auto write(const_buffer data) noexcept { return write(data, nullptr); }
    auto write(std::string_view data) noexcept { return write(bytes(data), nullptr); }
    auto write(const_buffer data, std::error_code& error) noexcept
        requires reporting_stream<S>
    {
        return write(data, &error);
    }
    auto write(std::string_view data, std::error_code& error) noexcept
        requires reporting_stream<S>
    {
        return write(bytes(data), &error);
    }

    /// Waits until the stream has taken everything that was written.
    task<> flush() { return flush(nullptr); }
    task<> flush(std::error_code& error)
        requires reporting_stream<S>
    {
        return flush(&error);
    }

    /// Flushes, and says that no more will be written.
    task<> shutdown_write() { return shutdown_write(nullptr); }
    task<> shutdown_write(std::error_code& error)
        requires reporting_stream<S>
    {
        return shutdown_write(&error);
    }

    /// How many bytes the stream has not taken.
    std::size_t buffered() const noexcept { return last_ - first_; }

    S& stream() const noexcept { return stream_; }

private:
    bool append(const_buffer data) noexcept {
        if (data.size() > capacity_ - last_) return false;
        if (!data.empty()) std::memcpy(buffer_.get() + last_, data.data(), data.size());
        last_ += data.size();
        return true;
    }
    writes write(const_buffer data, std::error_code* error) noexcept {
        return writes(writing{this, data, error});
    }
    task<> flush(std::error_code* error);
    task<> shutdown_write(std::error_code* error);
    task<> send(std::error_code* error);

    S& stream_;
    std::size_t capacity_;
    std::unique_ptr<std::byte[]> buffer_;
    std::size_t first_ = 0, last_ = 0; // what is buffered
    mutex turn_;
};

// Implementation ------------------------------------------------------------

template <async_stream S>
struct buffered_writer<S>::writing {
    buffered_writer* writer;
    const_buffer data;
    std::error_code* error; // null: throw

    bool attempt(branch&) noexcept {
        const auto turn = writer->turn_.try_lock();
        if (!turn || !writer->append(data)) return false;
        if (error) error->clear();
        return true;
    }
    void result() const noexcept {}
    task<> rest() { return write(*writer, data, error); }

private:
    static task<> write(buffered_writer& writer, const_buffer data, std::error_code* error) {
        const lock_guard turn = co_await writer.turn_.lock();
        if (error) error->clear();
        if (writer.append(data)) co_return;
        co_await writer.send(error);
        if (detail::has_failed(error) || writer.append(data)) co_return;
        while (!data.empty() && !detail::has_failed(error)) {
            const std::size_t written = co_await detail::write_some(writer.stream_, data, error);
            data = data.subspan(written);
        }
    }
};

template <async_stream S>
task<> buffered_writer<S>::flush(std::error_code* error) {
    const lock_guard turn = co_await turn_.lock();
    if (error) error->clear();
    co_await send(error);
}

template <async_stream S>
task<> buffered_writer<S>::shutdown_write(std::error_code* error) {
    const lock_guard turn = co_await turn_.lock();
    if (error) error->clear();
    co_await send(error);
    if (!detail::has_failed(error)) co_await detail::shutdown_write(stream_, error);
}

/// Has the stream take what is buffered. Precondition: `error` is null or clear.
template <async_stream S>
task<> buffered_writer<S>::send(std::error_code* error) {
    while (first_ != last_ && !detail::has_failed(error)) {
        const const_buffer left(buffer_.get() + first_, last_ - first_);
        const std::size_t written = co_await detail::write_some(stream_, left, error);
        first_ += written;
    }
    if (first_ == last_) first_ = last_ = 0;
}

} // namespace weft
