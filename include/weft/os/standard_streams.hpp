// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <weft/loop/event_loop.hpp>
#include <weft/os/file_stream.hpp>

namespace weft {

/// The standard streams of the process, as streams of this thread's loop: terminals, pipes,
/// sockets, regular files.
///
/// Closing them leaves the descriptors 0, 1 and 2 open, with the flags that they had, and where the
/// system can open them anew (terminals, pipes) these never change: std::cout and printf work as
/// ever in the meantime. What those keep in their buffers is not known here: flush it before you
/// write here, and read by one of the two only. Where two are one socket, `file_stream::borrow`
/// says in which order to close them.
///
///     auto in = weft::standard_input();
///     weft::buffered_reader lines(in);
///     while (auto line = co_await lines.read_line()) handle(*line);
///
/// Errors  Throws `std::system_error` with EBADF if the program was started without.
inline input_stream standard_input() {
    return file_stream::borrow(this_loop(), STDIN_FILENO, "standard input");
}
inline output_stream standard_output() {
    return file_stream::borrow(this_loop(), STDOUT_FILENO, "standard output");
}
inline output_stream standard_error() {
    return file_stream::borrow(this_loop(), STDERR_FILENO, "standard error");
}

} // namespace weft
