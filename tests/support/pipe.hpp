// SPDX-License-Identifier: MIT
//
// A pair of connected descriptors, neither of which ever blocks.
#pragma once

#include <array>
#include <cstddef>

#include <sys/socket.h>
#include <unistd.h>

#include <weft/loop/unique_fd.hpp>

#include "support/catch.hpp"

struct socket_pair {
    weft::unique_fd ours, theirs;

    socket_pair() {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
        ours = weft::unique_fd(ends[0]);
        theirs = weft::unique_fd(ends[1]);
    }

    /// Bytes arrive at our end.
    void arrives(std::size_t bytes = 1) const {
        const std::array<char, 64> data{};
        REQUIRE(bytes <= data.size());
        REQUIRE(::send(theirs.get(), data.data(), bytes, MSG_NOSIGNAL) ==
                static_cast<ssize_t>(bytes));
    }
    /// Returns how many of `most` bytes could be read; 0 too if none were there.
    std::size_t read(std::size_t most = 64) const {
        std::array<char, 64> data{};
        const auto got = ::recv(ours.get(), data.data(), most, 0);
        return got > 0 ? static_cast<std::size_t>(got) : 0;
    }
    /// Fills our end, so that no more can be written.
    void fill() const {
        const std::array<char, 4096> data{};
        while (::send(ours.get(), data.data(), data.size(), MSG_NOSIGNAL) > 0) {}
    }
    /// The peer reads all there is.
    void drain() const {
        std::array<char, 4096> data{};
        while (::recv(theirs.get(), data.data(), data.size(), 0) > 0) {}
    }
};
