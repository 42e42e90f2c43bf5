// SPDX-License-Identifier: MIT
// Reading without blocking the loop: regular files, pipes, terminals, and files that grow.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weft/weft.hpp>

#include "progress.hpp"

namespace logstat {

[[noreturn]] inline void throw_errno(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

/// Where the lines come from. "-" is standard input.
class input {
public:
    /// Keeps `progress` up to date.
    /// Errors: std::system_error when it cannot be opened.
    input(std::string path, bool follow, read_state& progress)
        : path_(std::move(path)), follow_(follow), progress_(progress) {
        if (path_ == "-")
            fd_ = STDIN_FILENO;
        else
            open_file();
        inspect();
    }
    input(input&&) = delete;
    ~input() { close_file(); }

    /// Reads what is there, at most `buffer`; waits while there is nothing. Returns 0 at the end,
    /// which a file that is followed does not have.
    weft::task<std::size_t> read(std::span<char> buffer) {
        for (;;) {
            // A regular file is always ready: it gives the others their turn instead.
            if (regular_)
                co_await weft::yield();
            else
                co_await weft::wait_readable(fd_);

            const ssize_t size = ::read(fd_, buffer.data(), buffer.size());
            if (size > 0) {
                progress_.bytes += static_cast<std::uint64_t>(size);
                last_byte_ = buffer[static_cast<std::size_t>(size) - 1];
                co_return static_cast<std::size_t>(size);
            }
            if (size < 0 && errno != EINTR && errno != EAGAIN) throw_errno("cannot read " + name());
            if (size < 0) continue;
            if (!follow_ || !regular_) co_return std::size_t{0};

            if (!was_replaced()) {
                co_await weft::sleep_for(std::chrono::milliseconds(100));
            } else if (std::exchange(last_byte_, '\n') != '\n') {
                buffer[0] = '\n'; // the old file's last line ends here
                co_return std::size_t{1};
            }
        }
    }

    /// From now on it has an end.
    void stop_following() noexcept { follow_ = false; }

    /// For people.
    std::string name() const { return path_ == "-" ? "standard input" : path_; }

private:
    using file_status = struct stat;

    void open_file() {
        // Without O_NONBLOCK, opening a FIFO nobody writes to would stop the whole loop.
        fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd_ < 0) throw_errno("cannot open " + path_);
    }

    void close_file() noexcept {
        if (fd_ > STDIN_FILENO) ::close(fd_);
    }

    void inspect() {
        file_status status{};
        if (::fstat(fd_, &status) != 0) throw_errno("cannot read " + name());
        // read(2) refuses a directory, with the right message.
        regular_ = S_ISREG(status.st_mode) || S_ISDIR(status.st_mode);
        if (S_ISREG(status.st_mode) && status.st_size != 0)
            progress_.expected_bytes += static_cast<std::uint64_t>(status.st_size);
        else
            progress_.size_known = false;
    }

    /// A log that was rotated (another file has its name now) or cut is read from its beginning.
    bool was_replaced() {
        file_status open{}, named{};
        if (::fstat(fd_, &open) != 0 || path_ == "-" || ::stat(path_.c_str(), &named) != 0)
            return false;
        if (open.st_dev != named.st_dev || open.st_ino != named.st_ino) {
            close_file();
            open_file();
            return true;
        }
        return open.st_size < ::lseek(fd_, 0, SEEK_CUR) && ::lseek(fd_, 0, SEEK_SET) == 0;
    }

    std::string path_;
    bool follow_;
    read_state& progress_;
    bool regular_ = false;
    char last_byte_ = '\n';
    int fd_ = -1;
};

} // namespace logstat
