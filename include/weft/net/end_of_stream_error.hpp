// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include <weft/core/error.hpp>
#include <weft/net/buffer.hpp>

namespace weft {

/// Thrown to a reader when the stream ends in the middle of what was to be read: `errc::closed`,
/// with what had arrived of it.
class end_of_stream_error : public error {
public:
    explicit end_of_stream_error(const_buffer arrived)
        : error(errc::closed,
                "the stream ended too soon, after " + std::to_string(arrived.size()) + " bytes"),
          partial_(text(arrived)) {}

    /// What had arrived of what was to be read.
    std::string_view partial() const noexcept { return partial_; }

private:
    std::string partial_;
};

} // namespace weft
