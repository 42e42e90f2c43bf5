// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include <weft/net/buffer.hpp>

namespace weft {

/// Bytes that were read and not consumed, in one piece, with room for more behind them.
class read_buffer {
public:
    /// How much it holds before it grows. The system gives memory only to what is used of it.
    static constexpr std::size_t first_capacity = 16384;

    std::string_view text() const noexcept {
        return weft::text({data_.get() + first_, size()});
    }
    std::size_t size() const noexcept { return last_ - first_; }

    /// Drops the first `size` bytes; they stay where they are until `room`.
    void consume(std::size_t size) noexcept {
        assert(size <= this->size());
        first_ += size;
    }
    /// Moves out what `to` has room for. Returns how many bytes.
    std::size_t take(mutable_buffer to) noexcept {
        const auto taken = std::min(to.size(), size());
        if (taken != 0) std::memcpy(to.data(), data_.get() + first_, taken);
        consume(taken);
        return taken;
    }

    /// Returns room for at least one byte more. What was in `text` may have moved.
    mutable_buffer room();
    /// The first `size` bytes of `room` have been read.
    void filled(std::size_t size) noexcept { last_ += size; }

private:
    std::unique_ptr<std::byte[]> data_;
    std::size_t capacity_ = 0;
    std::size_t first_ = 0, last_ = 0;
};

// Implementation ------------------------------------------------------------

inline mutable_buffer read_buffer::room() {
    const auto held = size();
    // Moved seldom: only if half of it is free then.
    if (first_ != 0 && (held == 0 || capacity_ - last_ < capacity_ / 2)) {
        std::memmove(data_.get(), data_.get() + first_, held);
        first_ = 0;
        last_ = held;
    }
    if (last_ == capacity_) {
        const auto larger = std::max(first_capacity, 2 * capacity_);
        auto fresh = std::make_unique_for_overwrite<std::byte[]>(larger);
        if (held != 0) std::memcpy(fresh.get(), data_.get() + first_, held);
        data_ = std::move(fresh);
        capacity_ = larger;
        first_ = 0;
        last_ = held;
    }
    return {data_.get() + last_, capacity_ - last_};
}

} // namespace weft
