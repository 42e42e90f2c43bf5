// SPDX-License-Identifier: MIT
// Lines out of chunks: whole ones are cut off together, and taken apart elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <weft/weft.hpp>

namespace logstat {

/// In bytes; longer lines are malformed.
inline constexpr std::size_t line_limit = std::size_t{1} << 20;

struct line {
    std::string_view text; // without the newline; empty if it is too long
    bool too_long = false;
};

/// Yields the lines of `block`, which must outlive them.
inline weft::generator<line> lines_of(std::string_view block) {
    while (!block.empty()) {
        const std::size_t end = block.find('\n');
        const std::string_view text = block.substr(0, end);
        block.remove_prefix(end == std::string_view::npos ? block.size() : end + 1);
        if (text.size() > line_limit)
            co_yield line{{}, true};
        else
            co_yield line{text};
    }
}

inline std::uint64_t count_lines(std::string_view block) {
    std::uint64_t lines = block.empty() || block.ends_with('\n') ? 0 : 1;
    for (std::size_t at = 0; (at = block.find('\n', at)) != std::string_view::npos; ++at) ++lines;
    return lines;
}

/// Cuts a stream of chunks into blocks of whole lines; a line may begin in one chunk and end in a
/// later one. Of a line that is too long it keeps just enough to show that.
class line_cutter {
public:
    /// Returns the lines that end in `chunk`; what follows the last newline waits for the next
    /// one.
    std::string cut(std::string_view chunk) {
        const std::size_t first = chunk.find('\n'), end = chunk.rfind('\n') + 1;
        std::string block;
        if (first != std::string_view::npos) {
            keep(chunk.substr(0, first));
            block = std::exchange(rest_, {});
            block.append(chunk.substr(first, end - first));
            chunk.remove_prefix(end);
        }
        keep(chunk);
        return block;
    }

    /// Returns the last line if the input does not end in a newline.
    std::string finish() { return std::exchange(rest_, {}); }

private:
    void keep(std::string_view piece) {
        rest_.append(piece.substr(0, line_limit + 1 - rest_.size()));
    }

    std::string rest_;
};

} // namespace logstat
