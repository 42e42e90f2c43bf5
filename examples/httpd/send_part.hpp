// SPDX-License-Identifier: MIT
// Sends a file part by part: by the system, if the stream is a socket.
#pragma once

#include <algorithm>
#include <cerrno>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include <sys/types.h>
#include <unistd.h>

#include <weft/coro/task.hpp>
#include <weft/net/async_stream.hpp>
#include <weft/net/send_file.hpp>
#include <weft/net/stream_operations.hpp>
#include <weft/net/write_all.hpp>

#include "reply.hpp"

namespace httpd {

/// Reads the next part of it, at most `most` bytes, to the end of `to`; takes it off `part`.
/// Errors  std::system_error; std::runtime_error if the file has become shorter: what was promised
///         cannot be kept.
inline void append_part(std::string& to, file_part& part, std::size_t most) {
    const auto before = to.size();
    to.resize(before + static_cast<std::size_t>(std::min<std::uint64_t>(part.size, most)));
    const ssize_t size = ::pread(part.file.get(), to.data() + before, to.size() - before,
                                 static_cast<off_t>(part.offset));
    if (size < 0) throw std::system_error(errno, std::generic_category(), "reading a file");
    to.resize(before + static_cast<std::size_t>(size));
    part.skip(static_cast<std::size_t>(size));
}

/// Sends the next part of it, at most 256 KiB, so that it can be given a time limit; takes it off
/// `part`.
/// Errors  As above, and what the stream throws.
template <weft::async_stream S>
weft::task<> send_part(S& stream, file_part& part) {
    if constexpr (std::derived_from<S, weft::stream_operations>) {
        constexpr std::uint64_t most = 256 * 1024;
        const auto size = static_cast<std::size_t>(std::min(part.size, most));
        const auto sent = co_await weft::send_file(stream, part.file.get(), part.offset, size);
        part.skip(sent);
    } else {
        std::string bytes;
        append_part(bytes, part, 64 * 1024);
        co_await weft::write_all(stream, std::string_view(bytes));
    }
}

} // namespace httpd
