// SPDX-License-Identifier: MIT
// What has arrived and is not yet parsed.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

#include <weft/net/buffer.hpp>

namespace httpd {

class input_buffer {
public:
    explicit input_buffer(std::size_t capacity)
        : bytes_(std::make_unique_for_overwrite<std::byte[]>(capacity)), capacity_(capacity) {}

    std::string_view text() const noexcept {
        return weft::text({bytes_.get() + first_, last_ - first_});
    }
    bool empty() const noexcept { return first_ == last_; }
    void consume(std::size_t size) noexcept { first_ += size; }

    /// Where to read to: empty if all of it is in use. `filled` says how much was read.
    weft::mutable_buffer room() noexcept {
        if (first_ != 0) std::memmove(bytes_.get(), bytes_.get() + first_, last_ - first_);
        last_ -= first_;
        first_ = 0;
        return {bytes_.get() + last_, capacity_ - last_};
    }
    void filled(std::size_t size) noexcept { last_ += size; }

private:
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t capacity_;
    std::size_t first_ = 0, last_ = 0;
};

} // namespace httpd
