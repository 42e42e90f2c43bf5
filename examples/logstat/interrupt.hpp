// SPDX-License-Identifier: MIT
// Ctrl-C as something that can be awaited.
#pragma once

#include <cerrno>
#include <system_error>

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <weft/weft.hpp>

namespace logstat {

/// While it lives, SIGINT and SIGTERM do not end the program but complete `next()`.
class interrupt {
public:
    interrupt() {
        sigset_t wanted;
        sigemptyset(&wanted);
        sigaddset(&wanted, SIGINT);
        sigaddset(&wanted, SIGTERM);
        sigprocmask(SIG_BLOCK, &wanted, &before_);
        fd_ = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
        if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
    }
    interrupt(interrupt&&) = delete;
    ~interrupt() {
        ::close(fd_);
        sigprocmask(SIG_SETMASK, &before_, nullptr);
    }

    /// Returns the number of the signal.
    weft::task<int> next() {
        signalfd_siginfo info{};
        while (::read(fd_, &info, sizeof info) != sizeof info) co_await weft::wait_readable(fd_);
        co_return static_cast<int>(info.ssi_signo);
    }

private:
    sigset_t before_{};
    int fd_ = -1;
};

} // namespace logstat
