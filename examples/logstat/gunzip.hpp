// SPDX-License-Identifier: MIT
// Compressed inputs: gzip(1) runs beside this program, its output is read as a stream.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <weft/weft.hpp>

#include "input.hpp"

namespace logstat {

inline bool is_gzip(std::string_view name, std::string_view beginning) {
    return name.ends_with(".gz") || beginning.starts_with("\x1f\x8b");
}

/// What zcat makes of an input. The process ends no later than this object does.
class gunzip {
public:
    /// `beginning` is what has been read of `from`, which must outlive this object.
    /// Errors: std::runtime_error when there is no gzip.
    gunzip(input& from, std::string beginning) : from_(from), process_(start(from)) {
        feeding_.spawn(feed(std::move(beginning)));
    }
    gunzip(gunzip&&) = delete;

    /// Reads what has been decompressed; 0 at the end.
    /// Errors: std::runtime_error when the input is damaged or cut off: at the end of what could
    /// be decompressed.
    weft::task<std::size_t> read(std::span<char> buffer) {
        auto& text = process_.standard_output();
        const std::size_t size = co_await text.read_some(std::as_writable_bytes(buffer));
        if (size != 0) co_return size;

        const auto ended = co_await process_.communicate();
        feeding_.cancel(); // it may have ended in the middle of a pipe that goes on
        co_await feeding_.join();
        if (ended.status != 0)
            throw std::runtime_error("cannot decompress " + from_.name() + ": " + reason(ended));
        co_return std::size_t{0};
    }

private:
    static weft::child_process start(const input& from) {
        try {
            return weft::spawn_process({"gzip", "-dc"}, {.input = weft::redirect::pipe(),
                                                         .error = weft::redirect::pipe()});
        } catch (const std::system_error& problem) {
            throw std::runtime_error("cannot decompress " + from.name() + ": " + problem.what());
        }
    }

    weft::task<> feed(std::string beginning) {
        // Closed when this ends, in whatever way: so gzip ends as well.
        auto compressed = std::move(process_.standard_input());
        std::error_code refused; // a gzip that has ended: read() finds out why
        co_await weft::write_all(compressed, beginning, refused);
        std::vector<char> buffer(std::size_t{64} << 10);
        while (!refused) {
            const std::size_t size = co_await from_.read(buffer);
            if (size == 0) break;
            const std::string_view piece(buffer.data(), size);
            co_await weft::write_all(compressed, piece, refused);
        }
    }

    static std::string reason(const weft::process_result& ended) {
        std::string_view text = ended.err;
        text.remove_prefix(std::min(text.find_first_not_of('\n'), text.size()));
        text = text.substr(0, text.find('\n'));
        if (constexpr std::string_view prefix = "gzip: stdin: "; text.starts_with(prefix))
            text.remove_prefix(prefix.size());
        if (!text.empty()) return std::string(text);
        return ended.status < 0 ? "gzip was ended by signal " + std::to_string(-ended.status)
                                : "gzip failed with exit code " + std::to_string(ended.status);
    }

    input& from_;
    weft::child_process process_;
    weft::task_group feeding_; // joined before the process goes when the reader is cancelled
};

/// An input as text: as it is, or decompressed if its name or its first bytes say so.
class text_input {
public:
    /// `from` must outlive this object.
    explicit text_input(input& from) : from_(from) {}

    /// As `input::read`. What is compressed has an end: it is not followed.
    weft::task<std::size_t> read(std::span<char> buffer) {
        if (unpacked_) co_return co_await unpacked_->read(buffer);
        if (std::exchange(begun_, true)) co_return co_await from_.read(buffer);

        std::size_t size = 0;
        for (;;) {
            const std::size_t more = co_await from_.read(buffer.subspan(size));
            size += more;
            if (more == 0 || size >= 2 || buffer[0] != '\x1f') break;
        }
        const std::string_view beginning(buffer.data(), size);
        if (!is_gzip(from_.name(), beginning)) co_return size;
        from_.stop_following();
        unpacked_.emplace(from_, std::string(beginning));
        co_return co_await unpacked_->read(buffer);
    }

private:
    input& from_;
    bool begun_ = false;
    std::optional<gunzip> unpacked_;
};

} // namespace logstat
