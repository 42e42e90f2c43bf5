// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace weft {

/// Bytes to write, and room to read into. They are somebody else's: see the README about lifetimes.
using const_buffer = std::span<const std::byte>;
using mutable_buffer = std::span<std::byte>;

/// The bytes of a text: `co_await out.write_some(weft::bytes("hello"))`.
inline const_buffer bytes(std::string_view text) noexcept {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// Bytes as text.
inline std::string_view text(const_buffer bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

} // namespace weft
