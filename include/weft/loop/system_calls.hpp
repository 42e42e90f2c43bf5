// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstddef>
#include <ctime>

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/sendfile.h>
#endif

#include <weft/loop/readiness.hpp>

namespace weft {

/// The system calls that sockets, pipes and files of weft make: they make no others, so a
/// simulated network or a test of faults puts another system in this one's place.
///
/// Each does what the call of its name in POSIX does and returns what that returns, but `-errno`
/// where that returns -1. None blocks: all descriptors are non-blocking and close-on-exec. None
/// raises SIGPIPE.
///
/// Lifetime  Outlives the reactor that it is given to, and every descriptor that came from it.
class system_calls {
public:
    inline virtual int socket(int domain, int type, int protocol) noexcept;
    inline virtual int bind(int fd, const sockaddr* address, socklen_t size) noexcept;
    inline virtual int listen(int fd, int backlog) noexcept;
    inline virtual int accept(int fd, sockaddr* address, socklen_t* size) noexcept;
    inline virtual int connect(int fd, const sockaddr* address, socklen_t size) noexcept;
    inline virtual int shutdown(int fd, int how) noexcept;
    inline virtual int close(int fd) noexcept;

    inline virtual ssize_t recv(int fd, void* data, std::size_t size, int flags) noexcept;
    inline virtual ssize_t send(int fd, const void* data, std::size_t size, int flags) noexcept;
    inline virtual ssize_t recvmsg(int fd, msghdr* message, int flags) noexcept;
    inline virtual ssize_t sendmsg(int fd, const msghdr* message, int flags) noexcept;
    inline virtual ssize_t read(int fd, void* data, std::size_t size) noexcept;
    inline virtual ssize_t write(int fd, const void* data, std::size_t size) noexcept;
    inline virtual ssize_t sendfile(int to, int from, off_t* offset, std::size_t size) noexcept;
    inline virtual int pipe(int (&ends)[2]) noexcept;
    inline virtual int lstat(const char* path, struct ::stat* what) noexcept;
    inline virtual int unlink(const char* path) noexcept;

    inline virtual int getsockname(int fd, sockaddr* address, socklen_t* size) noexcept;
    inline virtual int getpeername(int fd, sockaddr* address, socklen_t* size) noexcept;
    inline virtual int getsockopt(int fd, int level, int name, void* value,
                                  socklen_t* size) noexcept;
    inline virtual int setsockopt(int fd, int level, int name, const void* value,
                                  socklen_t size) noexcept;

    /// Looks up the addresses of a host: this one does block, so call it on another thread, unless
    /// `look_up_blocks` says that it need not be.
    virtual int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                            addrinfo** found) noexcept {
        return ::getaddrinfo(host, service, hints, found);
    }
    virtual void freeaddrinfo(addrinfo* found) noexcept { ::freeaddrinfo(found); }
    virtual bool look_up_blocks() const noexcept { return true; }
    /// Whether its descriptors mean anything to other programs, so that these can be started.
    virtual bool has_processes() const noexcept { return true; }

    /// What of `interest` holds for `fd` right now: see `weft::ready_now`.
    virtual readiness ready_now(int fd, readiness interest) noexcept {
        return weft::ready_now(fd, interest);
    }

    system_calls(const system_calls&) = delete;

    /// The operating system's.
    static system_calls& of_this_system() noexcept {
        static constinit system_calls calls;
        return calls;
    }

protected:
    constexpr system_calls() noexcept = default;
    ~system_calls() = default;
};

// Implementation ------------------------------------------------------------

namespace detail {

template <class Result>
Result or_error(Result result) noexcept {
    return result >= 0 ? result : static_cast<Result>(-errno);
}

/// Makes a system call that has no flag against SIGPIPE, as `send` has: the signal is for this
/// thread only, so it is held back and taken away, unless the program does so by itself.
template <class Call>
ssize_t without_sigpipe(Call call) noexcept {
    ::sigset_t sigpipe, before;
    ::sigemptyset(&sigpipe);
    ::sigaddset(&sigpipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
    const ssize_t result = or_error(call());
    if (::sigismember(&before, SIGPIPE) == 0) {
        const ::timespec at_once{};
        if (result == -EPIPE) ::sigtimedwait(&sigpipe, nullptr, &at_once);
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    return result;
}

} // namespace detail

inline int system_calls::socket(int domain, int type, int protocol) noexcept {
    return detail::or_error(::socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}
inline int system_calls::bind(int fd, const sockaddr* address, socklen_t size) noexcept {
    return detail::or_error(::bind(fd, address, size));
}
inline int system_calls::listen(int fd, int backlog) noexcept {
    return detail::or_error(::listen(fd, backlog));
}
inline int system_calls::accept(int fd, sockaddr* address, socklen_t* size) noexcept {
    return detail::or_error(::accept4(fd, address, size, SOCK_NONBLOCK | SOCK_CLOEXEC));
}
inline int system_calls::connect(int fd, const sockaddr* address, socklen_t size) noexcept {
    return detail::or_error(::connect(fd, address, size));
}
inline int system_calls::shutdown(int fd, int how) noexcept {
    return detail::or_error(::shutdown(fd, how));
}
inline int system_calls::close(int fd) noexcept { return detail::or_error(::close(fd)); }

inline ssize_t system_calls::recv(int fd, void* data, std::size_t size, int flags) noexcept {
    return detail::or_error(::recv(fd, data, size, flags));
}
inline ssize_t system_calls::send(int fd, const void* data, std::size_t size, int flags) noexcept {
    return detail::or_error(::send(fd, data, size, flags | MSG_NOSIGNAL));
}
inline ssize_t system_calls::recvmsg(int fd, msghdr* message, int flags) noexcept {
    return detail::or_error(::recvmsg(fd, message, flags));
}
inline ssize_t system_calls::sendmsg(int fd, const msghdr* message, int flags) noexcept {
    return detail::or_error(::sendmsg(fd, message, flags | MSG_NOSIGNAL));
}
inline ssize_t system_calls::read(int fd, void* data, std::size_t size) noexcept {
    return detail::or_error(::read(fd, data, size));
}
inline ssize_t system_calls::write(int fd, const void* data, std::size_t size) noexcept {
    return detail::without_sigpipe([&] { return ::write(fd, data, size); });
}
inline ssize_t system_calls::sendfile(int to, int from, off_t* offset, std::size_t size) noexcept {
#ifdef __linux__
    return detail::without_sigpipe([&] { return ::sendfile(to, from, offset, size); });
#else
    static_cast<void>(to), static_cast<void>(from), static_cast<void>(offset);
    static_cast<void>(size);
    return -ENOSYS;
#endif
}
inline int system_calls::pipe(int (&ends)[2]) noexcept {
    return detail::or_error(::pipe2(ends, O_NONBLOCK | O_CLOEXEC));
}

inline int system_calls::lstat(const char* path, struct ::stat* what) noexcept {
    return detail::or_error(::lstat(path, what));
}
inline int system_calls::unlink(const char* path) noexcept {
    return detail::or_error(::unlink(path));
}

inline int system_calls::getsockname(int fd, sockaddr* address, socklen_t* size) noexcept {
    return detail::or_error(::getsockname(fd, address, size));
}
inline int system_calls::getpeername(int fd, sockaddr* address, socklen_t* size) noexcept {
    return detail::or_error(::getpeername(fd, address, size));
}
inline int system_calls::getsockopt(int fd, int level, int name, void* value,
                                    socklen_t* size) noexcept {
    return detail::or_error(::getsockopt(fd, level, name, value, size));
}
inline int system_calls::setsockopt(int fd, int level, int name, const void* value,
                                    socklen_t size) noexcept {
    return detail::or_error(::setsockopt(fd, level, name, value, size));
}

} // namespace weft
