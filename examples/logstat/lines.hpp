// SPDX-License-Identifier: MIT
// Lines out of chunks: the generator at the head of the pipeline.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <weft/weft.hpp>

namespace logstat {

struct line {
    std::string_view text; // without the newline; valid until the next line is asked for
    bool too_long = false; // more than `line_splitter::limit` bytes: `text` is empty
};

/// Cuts a stream of chunks into lines; a line may begin in one chunk and end in a later one.
/// Keeps at most `limit` bytes, however long a line is.
class line_splitter {
public:
    static constexpr std::size_t limit = std::size_t{1} << 20;

    /// Yields every line that ends in `chunk`; what follows the last newline waits for the next
    /// one.
    weft::generator<line> split(std::string_view chunk) {
        while (!chunk.empty()) {
            const std::size_t end = chunk.find('\n');
            const std::string_view piece = chunk.substr(0, end);
            if (end == std::string_view::npos) {
                keep(piece);
                co_return;
            }
            chunk.remove_prefix(end + 1);
            if (rest_.empty() && !skipping_) {
                co_yield line{piece}; // the common case: a whole line inside the chunk, not copied
            } else {
                keep(piece);
                co_yield line{rest_, skipping_};
                rest_.clear();
                skipping_ = false;
            }
        }
    }

    /// Yields the last line if the input does not end in a newline.
    weft::generator<line> finish() {
        if (!rest_.empty() || skipping_) co_yield line{rest_, skipping_};
        rest_.clear();
        skipping_ = false;
    }

private:
    void keep(std::string_view piece) {
        if (skipping_ || rest_.size() + piece.size() > limit) {
            skipping_ = true;
            rest_.clear();
        } else {
            rest_.append(piece);
        }
    }

    std::string rest_;
    bool skipping_ = false;
};

} // namespace logstat
