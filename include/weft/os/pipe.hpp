// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weft/loop/event_loop.hpp>
#include <weft/loop/unique_fd.hpp>
#include <weft/net/socket.hpp>
#include <weft/os/file_stream.hpp>

namespace weft {

/// Makes a pipe: what is written to the second can be read from the first.
///
///     auto [in, out] = weft::make_pipe();
///
/// `in` ends when the last copy of the other end is closed, in this process and in others.
/// Errors  Throws `std::system_error`.
inline std::pair<input_stream, output_stream> make_pipe(event_loop& loop = this_loop()) {
    auto& calls = loop.system().calls();
    int ends[2];
    if (const int result = calls.pipe(ends); result < 0)
        raise_system_error(-result, "opening a pipe");
    unique_socket read(calls, ends[0]), write(calls, ends[1]);
    input_stream in(loop, std::move(read), "a pipe");
    return {std::move(in), output_stream(loop, std::move(write), "a pipe")};
}

} // namespace weft
