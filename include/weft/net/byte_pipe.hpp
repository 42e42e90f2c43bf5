// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <type_traits>

#include <weft/net/buffer.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft {

/// One direction of a connection in memory: a ring of bytes, who waits at its two ends, and what
/// either end has said. `duplex` is two of these.
///
/// Nothing here waits: an operation asks `obstacle` and `must_wait`, waits at its end if it must,
/// and moves the bytes when its turn has come. A buffer tells which end is meant.
class byte_pipe {
public:
    struct end {
        wait_queue waiter;
        bool taken = false; // by who waits, or was woken and has not resumed
        bool closed = false;

        void wake() noexcept {
            if (!waiter.empty()) waiter.serve_one();
        }
    };

    explicit byte_pipe(std::size_t capacity)
        : ring_(std::make_unique_for_overwrite<std::byte[]>(capacity)),
          capacity_(capacity) {}

    bool has_bytes() const noexcept { return size_ != 0; }
    bool is_closed() const noexcept { return reader_.closed; }

    template <class Buffer>
    end& end_for() noexcept {
        if constexpr (std::is_same_v<Buffer, mutable_buffer>)
            return reader_;
        else
            return writer_;
    }
    /// Why nothing can be moved, as an errno, or 0.
    int obstacle(mutable_buffer) const noexcept {
        if (reader_.closed) return EBADF;
        return size_ == 0 && reset_ ? ECONNRESET : 0;
    }
    int obstacle(const_buffer) const noexcept {
        if (writer_.closed) return EBADF;
        if (finished_) return EPIPE;
        if (reset_) return ECONNRESET;
        return reader_.closed ? EPIPE : 0;
    }
    bool must_wait(mutable_buffer) const noexcept { return size_ == 0 && !finished_; }
    bool must_wait(const_buffer) const noexcept { return size_ == capacity_; }
    /// Moves what can be moved, and wakes the other end. Returns how many bytes.
    std::size_t move(mutable_buffer to) noexcept;
    std::size_t move(const_buffer from) noexcept;

    /// The writer has said that no more will come.
    void finish() noexcept {
        finished_ = true;
        wake();
    }
    /// `reset`: the other end is to get ECONNRESET.
    void close_reader(bool reset) noexcept {
        reader_.closed = true;
        reset_ = reset_ || reset;
        size_ = 0;
        wake();
    }
    void close_writer(bool reset) noexcept {
        writer_.closed = true;
        reset_ = reset_ || reset;
        finish();
    }

private:
    void wake() noexcept {
        reader_.wake();
        writer_.wake();
    }

    std::unique_ptr<std::byte[]> ring_;
    std::size_t capacity_;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
    bool finished_ = false; // by the writer: no more will come
    bool reset_ = false;
    end reader_, writer_;
};

// Implementation ------------------------------------------------------------

inline std::size_t byte_pipe::move(mutable_buffer to) noexcept {
    const auto size = std::min(to.size(), size_);
    const auto until_wrap = std::min(size, capacity_ - first_);
    std::copy_n(ring_.get() + first_, until_wrap, to.data());
    std::copy_n(ring_.get(), size - until_wrap, to.data() + until_wrap);
    size_ -= size;
    first_ = (first_ + size) % capacity_;
    if (size != 0) writer_.wake();
    return size;
}

inline std::size_t byte_pipe::move(const_buffer from) noexcept {
    const auto size = std::min(from.size(), capacity_ - size_);
    const auto last = (first_ + size_) % capacity_;
    const auto until_wrap = std::min(size, capacity_ - last);
    std::copy_n(from.data(), until_wrap, ring_.get() + last);
    std::copy_n(from.data() + until_wrap, size - until_wrap, ring_.get());
    size_ += size;
    if (size != 0) reader_.wake();
    return size;
}

} // namespace weft
