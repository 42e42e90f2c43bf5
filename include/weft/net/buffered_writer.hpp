// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

#include <weft/core/branch.hpp>
#include <weft/core/prepared.hpp>
#include <weft/coro/task.hpp>
#include <weft/net/async_stream.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/shortcut.hpp>
#include <weft/net/write_all.hpp>
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
///           `flush` goes on from there.
/// Cancel    A cancelled `write` has written nothing, if its data is not larger than the capacity,
///           and a cancelled `flush` has lost nothing.
/// Lifetime  The stream must outlive it.
template <async_stream S>
class buffered_writer {
    struct writing;

public:
    explicit buffered_writer(S& stream, std::size_t capacity = 16384)
        : stream_(stream), capacity_(capacity),
          buffer_(std::make_unique_for_overwrite<std::byte[]>(capacity)) {}
    buffered_writer(buffered_writer&&) = delete;

    /// Puts `data` behind what was written before; waits for the stream only if there is no room.
    auto write(const_buffer data) noexcept {
        return prepared<shortcut<writing>, writing>(writing{this, data});
    }
    auto write(std::string_view data) noexcept { return write(bytes(data)); }

    /// Waits until the stream has taken everything that was written.
    task<> flush() {
        const lock_guard turn = co_await turn_.lock();
        co_await send();
    }

    /// Flushes, and says that no more will be written.
    task<> shutdown_write() {
        const lock_guard turn = co_await turn_.lock();
        co_await send();
        co_await stream_.shutdown_write();
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
    task<> send();

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

    bool attempt(branch&) noexcept {
        const auto turn = writer->turn_.try_lock();
        return turn && writer->append(data);
    }
    void result() const noexcept {}
    task<> rest() { return write(*writer, data); }

private:
    static task<> write(buffered_writer& writer, const_buffer data) {
        const lock_guard turn = co_await writer.turn_.lock();
        if (writer.append(data)) co_return;
        co_await writer.send();
        if (!writer.append(data)) co_await write_all(writer.stream_, data);
    }
};

template <async_stream S>
task<> buffered_writer<S>::send() {
    while (first_ != last_) {
        const std::size_t written =
            co_await stream_.write_some(const_buffer(buffer_.get() + first_, last_ - first_));
        first_ += written;
    }
    first_ = last_ = 0;
}

} // namespace weft
