// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include <sys/types.h>

#include <weft/coro/task.hpp>
#include <weft/loop/readiness.hpp>
#include <weft/net/socket.hpp>
#include <weft/net/socket_operation.hpp>
#include <weft/net/stream_operations.hpp>

namespace weft {

/// Sends `count` bytes of a file, from `offset` on; the system copies them, they never come here.
/// Returns how many were sent: less than `count` if the file ends before.
///
///     auto sent = co_await weft::send_file(client, file.get(), first, last - first + 1);
///
/// `file` is the descriptor of a regular file, whose own position is neither used nor moved.
/// Errors  Throws `std::system_error` that names the peer. EINVAL, ESPIPE, ENOSYS: such a file, or
///         on this system any, cannot be sent like this; read and write it.
/// Cancel  A part was sent, and nobody knows how much.
template <class = if_used>
task<std::size_t> send_file(stream_operations& to, int file, std::uint64_t offset = 0,
                            std::size_t count = std::numeric_limits<std::size_t>::max());

// Implementation ------------------------------------------------------------

namespace detail {

struct send_file_call : socket_call {
    // Disks are slower than memory, and the loop waits for them: so much at once, not more.
    static constexpr std::size_t piece = 256 * 1024;

    int file;
    std::uint64_t offset;
    std::size_t count;

    // `most` says nothing: less is sent at the end of the file, too.
    static constexpr auto direction = readiness::writable;
    static constexpr const char* name = "send_file";
    std::size_t result(std::size_t size) const noexcept { return size; }
    std::string what(const unique_socket& on) const {
        return with_peer("sending a file", " to ", on);
    }
    ssize_t operator()(unique_socket& on) const noexcept {
        auto from = static_cast<off_t>(offset);
        return on.calls().sendfile(on.fd(), file, &from, std::min(count, piece));
    }
};

} // namespace detail

template <class>
task<std::size_t> send_file(stream_operations& to, int file, std::uint64_t offset,
                            std::size_t count) {
    std::size_t sent = 0;
    while (sent < count) {
        const auto size = co_await operate<detail::send_file_call>(
            to.socket(), nullptr, file, offset + sent, count - sent);
        if (size == 0) break;
        sent += size;
    }
    co_return sent;
}

} // namespace weft
