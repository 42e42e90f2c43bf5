// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weft/net/socket.hpp>
#include <weft/net/stream_operations.hpp>

namespace weft {

/// A connection to a process on this machine: `connect_unix` and `unix_listener::accept` make it.
///
/// Ownership  Closes the connection. Move-only; one that was moved from, or made from nothing, is
///            closed.
class unix_stream : public stream_operations {
public:
    unix_stream() noexcept = default;
    /// Takes over a connected socket.
    explicit unix_stream(unique_socket connected) noexcept
        : stream_operations(std::move(connected)) {}
};

} // namespace weft
