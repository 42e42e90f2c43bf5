// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include <sys/uio.h>

namespace weft::testing {

/// The buffers of a system call, one behind the other.
struct gathered_buffers {
    const iovec* parts;
    std::size_t count;

    std::size_t size() const noexcept {
        std::size_t total = 0;
        for (std::size_t i = 0; i != count; ++i) total += parts[i].iov_len;
        return total;
    }
    /// Calls `f(data, size)` for the parts of the first `most` bytes.
    template <class F>
    void each(std::size_t most, F f) const {
        for (std::size_t i = 0; i != count && most != 0; ++i) {
            const auto size = std::min(most, parts[i].iov_len);
            if (size != 0) f(static_cast<std::byte*>(parts[i].iov_base), size);
            most -= size;
        }
    }
};

/// Bytes in the order in which they came.
class byte_queue {
public:
    std::size_t size() const noexcept { return bytes_.size() - head_; }
    bool empty() const noexcept { return size() == 0; }
    const std::byte* data() const noexcept { return bytes_.data() + head_; }

    void push(const void* data, std::size_t size) {
        if (size == 0) return;
        const auto* first = static_cast<const std::byte*>(data);
        bytes_.insert(bytes_.end(), first, first + size);
    }
    /// Adds the first `most` bytes of `from`.
    void push(const gathered_buffers& from, std::size_t most) {
        from.each(most, [this](const std::byte* data, std::size_t size) { push(data, size); });
    }
    /// Copies to `to` what fits, and takes that out unless `keep`. Returns how much it was.
    std::size_t pop(const gathered_buffers& to, bool keep = false) noexcept {
        const auto total = std::min(size(), to.size());
        const auto* from = data();
        to.each(total, [&from](std::byte* part, std::size_t size) {
            std::memcpy(part, from, size);
            from += size;
        });
        if (!keep) drop(total);
        return total;
    }
    /// Takes out the first `most` bytes.
    std::vector<std::byte> pop(std::size_t most) {
        const auto count = static_cast<std::ptrdiff_t>(std::min(most, size()));
        const auto first = bytes_.begin() + static_cast<std::ptrdiff_t>(head_);
        std::vector<std::byte> result(first, first + count);
        drop(result.size());
        return result;
    }
    void clear() noexcept {
        bytes_.clear();
        head_ = 0;
    }

private:
    void drop(std::size_t count) noexcept {
        head_ += count;
        if (head_ == bytes_.size()) {
            clear();
        } else if (head_ > 65536 && head_ > bytes_.size() / 2) {
            bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(head_));
            head_ = 0;
        }
    }

    std::vector<std::byte> bytes_;
    std::size_t head_ = 0; // those before have been taken
};

} // namespace weft::testing
