// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <unistd.h>

namespace weft {

/// Owns a file descriptor and closes it; or owns none.
class unique_fd {
public:
    unique_fd() noexcept = default;
    explicit unique_fd(int fd) noexcept : fd_(fd) {}
    unique_fd(unique_fd&& other) noexcept : fd_(other.release()) {}
    unique_fd& operator=(unique_fd&& other) noexcept {
        unique_fd(std::move(other)).swap(*this);
        return *this;
    }
    ~unique_fd() {
        // Not repeated when interrupted: on Linux the number is free by then, and may be in use.
        if (fd_ >= 0) ::close(fd_);
    }

    /// Returns -1 if there is none.
    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }

    /// Returns the descriptor, which is the caller's to close from now on.
    int release() noexcept { return std::exchange(fd_, -1); }

    void swap(unique_fd& other) noexcept { std::swap(fd_, other.fd_); }

private:
    int fd_ = -1;
};

} // namespace weft
