// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstddef>
#include <iterator>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <weft/loop/readiness.hpp>
#include <weft/loop/system_calls.hpp>
#include <weft/testing/no_faults.hpp>
#include <weft/testing/virtual_reactor.hpp>

namespace weft::testing {

/// The calls that can fail.
enum class call_kind {
    socket, bind, listen, accept, connect, shutdown, close, receive, send, read, write, send_file,
    pipe, file_status, unlink, socket_name, peer_name, get_option, set_option, look_up
};

/// What can be wrong with one call: it fails with an errno (a look-up: with an EAI_ code), or does
/// one byte of what it could do.
struct call_fault {
    const char* name;
    int error; ///< 0: one byte
};

/// The faults that a call of this kind can have.
std::span<const call_fault> faults_of(call_kind kind) noexcept;
const char* name_of(call_kind kind) noexcept;

/// Another system, one of whose calls fails. The call has no effect then, but that `close` closes
/// nevertheless, as it does on Linux.
class faulty_system final : public system_calls {
public:
    /// Lets call number `at`, counted from 0, have `fault`; none if that is null.
    faulty_system(std::size_t at, const call_fault* fault) noexcept : at_(at), fault_(fault) {}

    /// Passes calls on to the system of `reactor`, and takes its place.
    void begin(virtual_reactor& reactor) noexcept {
        reactor_ = &reactor;
        system_ = &reactor.calls();
        reactor.set_calls(*this);
        counts_ = true;
    }
    /// From now on no call fails any more.
    void end() noexcept { counts_ = false; }

    /// The calls that were made between the two, by their kinds.
    const std::vector<call_kind>& made() const noexcept { return made_; }
    bool has_failed() const noexcept { return fault_ && made_.size() > at_; }

    int socket(int domain, int type, int protocol) noexcept override {
        return pass<call_kind::socket>([&] { return system_->socket(domain, type, protocol); });
    }
    int bind(int fd, const sockaddr* address, socklen_t size) noexcept override {
        return pass<call_kind::bind>([&] { return system_->bind(fd, address, size); });
    }
    int listen(int fd, int backlog) noexcept override {
        return pass<call_kind::listen>([&] { return system_->listen(fd, backlog); });
    }
    int accept(int fd, sockaddr* address, socklen_t* size) noexcept override {
        return pass<call_kind::accept>([&] { return system_->accept(fd, address, size); });
    }
    int connect(int fd, const sockaddr* address, socklen_t size) noexcept override {
        return pass<call_kind::connect>([&] { return system_->connect(fd, address, size); });
    }
    int shutdown(int fd, int how) noexcept override {
        return pass<call_kind::shutdown>([&] { return system_->shutdown(fd, how); });
    }
    int close(int fd) noexcept override {
        const int result = system_->close(fd);
        const int planned = pass<call_kind::close>([] { return 0; });
        return planned < 0 ? planned : result;
    }
    ssize_t recv(int fd, void* data, std::size_t size, int flags) noexcept override {
        return transfer<call_kind::receive>(
            fd, size, [&](std::size_t most) { return system_->recv(fd, data, most, flags); });
    }
    ssize_t send(int fd, const void* data, std::size_t size, int flags) noexcept override {
        return transfer<call_kind::send>(
            fd, size, [&](std::size_t most) { return system_->send(fd, data, most, flags); });
    }
    ssize_t recvmsg(int fd, msghdr* message, int flags) noexcept override {
        return transfer_message<call_kind::receive>(
            fd, *message, [&](msghdr& part) { return system_->recvmsg(fd, &part, flags); });
    }
    ssize_t sendmsg(int fd, const msghdr* message, int flags) noexcept override {
        msghdr copy = *message;
        return transfer_message<call_kind::send>(
            fd, copy, [&](msghdr& part) { return system_->sendmsg(fd, &part, flags); });
    }
    ssize_t read(int fd, void* data, std::size_t size) noexcept override {
        return transfer<call_kind::read>(
            fd, size, [&](std::size_t most) { return system_->read(fd, data, most); });
    }
    ssize_t write(int fd, const void* data, std::size_t size) noexcept override {
        return transfer<call_kind::write>(
            fd, size, [&](std::size_t most) { return system_->write(fd, data, most); });
    }
    ssize_t sendfile(int to, int from, off_t* offset, std::size_t size) noexcept override {
        return transfer<call_kind::send_file>(to, size, [&](std::size_t most) {
            return system_->sendfile(to, from, offset, most);
        });
    }
    int pipe(int (&ends)[2]) noexcept override {
        return pass<call_kind::pipe>([&] { return system_->pipe(ends); });
    }
    int lstat(const char* path, struct ::stat* what) noexcept override {
        return pass<call_kind::file_status>([&] { return system_->lstat(path, what); });
    }
    int unlink(const char* path) noexcept override {
        return pass<call_kind::unlink>([&] { return system_->unlink(path); });
    }
    int getsockname(int fd, sockaddr* address, socklen_t* size) noexcept override {
        return pass<call_kind::socket_name>(
            [&] { return system_->getsockname(fd, address, size); });
    }
    int getpeername(int fd, sockaddr* address, socklen_t* size) noexcept override {
        return pass<call_kind::peer_name>([&] { return system_->getpeername(fd, address, size); });
    }
    int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept override {
        return pass<call_kind::get_option>(
            [&] { return system_->getsockopt(fd, level, name, value, size); });
    }
    int setsockopt(int fd, int level, int name, const void* value,
                   socklen_t size) noexcept override {
        return pass<call_kind::set_option>(
            [&] { return system_->setsockopt(fd, level, name, value, size); });
    }
    int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                    addrinfo** found) noexcept override {
        const auto* fault = next(call_kind::look_up);
        return fault ? fault->error : system_->getaddrinfo(host, service, hints, found);
    }
    void freeaddrinfo(addrinfo* found) noexcept override { system_->freeaddrinfo(found); }
    bool look_up_blocks() const noexcept override { return system_->look_up_blocks(); }
    bool has_processes() const noexcept override { return system_->has_processes(); }
    readiness ready_now(int fd, readiness interest) noexcept override {
        return system_->ready_now(fd, interest);
    }

private:
    /// Counts a call; returns its fault, if it is to have one.
    const call_fault* next(call_kind kind) noexcept {
        if (!counts_) return nullptr;
        const no_faults scope;
        made_.push_back(kind);
        return made_.size() - 1 == at_ ? fault_ : nullptr;
    }
    template <call_kind Kind, class F>
    int pass(F call) noexcept {
        const auto* fault = next(Kind);
        return fault ? -fault->error : call();
    }
    template <call_kind Kind, class F>
    ssize_t transfer(int fd, std::size_t size, F call) noexcept {
        const auto* fault = next(Kind);
        if (fault && fault->error != 0) return -fault->error;
        if (!fault || size < 2 || is_datagram(fd)) return call(size);
        // The rest comes later, and is announced: as if it had been two packets.
        reactor_->report_again(fd);
        return call(1);
    }
    /// Which is never split.
    bool is_datagram(int fd) noexcept {
        int type = 0;
        socklen_t size = sizeof type;
        return system_->getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
               type == SOCK_DGRAM;
    }
    template <call_kind Kind, class F>
    ssize_t transfer_message(int fd, msghdr& message, F call) noexcept {
        const auto size = message.msg_iovlen != 0 ? message.msg_iov[0].iov_len : 0;
        return transfer<Kind>(fd, size, [&](std::size_t most) {
            if (most == size) return call(message);
            iovec part{message.msg_iov[0].iov_base, most};
            msghdr shorter = message;
            shorter.msg_iov = &part;
            shorter.msg_iovlen = 1;
            return call(shorter);
        });
    }

    std::size_t at_;
    const call_fault* fault_;
    virtual_reactor* reactor_ = nullptr;
    system_calls* system_ = nullptr;
    bool counts_ = false;
    std::vector<call_kind> made_;
};

// Implementation ------------------------------------------------------------

inline std::span<const call_fault> faults_of(call_kind kind) noexcept {
    static constexpr call_fault
        socket[] = {{"EMFILE", EMFILE}, {"ENFILE", ENFILE}, {"ENOBUFS", ENOBUFS}},
        bind[] = {{"EADDRINUSE", EADDRINUSE}, {"EACCES", EACCES}},
        listen[] = {{"EADDRINUSE", EADDRINUSE}},
        accept[] = {{"ECONNABORTED", ECONNABORTED}, {"EINTR", EINTR}, {"EMFILE", EMFILE},
                    {"ENFILE", ENFILE}, {"ENOBUFS", ENOBUFS}, {"ENOMEM", ENOMEM}},
        connect[] = {{"ECONNREFUSED", ECONNREFUSED}, {"ETIMEDOUT", ETIMEDOUT},
                     {"EHOSTUNREACH", EHOSTUNREACH}, {"ENETUNREACH", ENETUNREACH},
                     {"EADDRNOTAVAIL", EADDRNOTAVAIL}, {"EAGAIN", EAGAIN}},
        shutdown[] = {{"ENOTCONN", ENOTCONN}},
        close[] = {{"EINTR", EINTR}, {"EIO", EIO}},
        receive[] = {{"one byte", 0}, {"EINTR", EINTR}, {"ECONNRESET", ECONNRESET},
                     {"ETIMEDOUT", ETIMEDOUT}, {"ENOMEM", ENOMEM}},
        send[] = {{"one byte", 0}, {"EINTR", EINTR}, {"EPIPE", EPIPE}, {"ECONNRESET", ECONNRESET},
                  {"ENOBUFS", ENOBUFS}},
        read[] = {{"one byte", 0}, {"EINTR", EINTR}, {"EIO", EIO}, {"ENOMEM", ENOMEM}},
        write[] = {{"one byte", 0}, {"EINTR", EINTR}, {"EPIPE", EPIPE}, {"EIO", EIO},
                   {"ENOMEM", ENOMEM}},
        send_file[] = {{"one byte", 0}, {"EINTR", EINTR}, {"EIO", EIO}, {"EPIPE", EPIPE}},
        pipe[] = {{"EMFILE", EMFILE}, {"ENFILE", ENFILE}},
        file_status[] = {{"EACCES", EACCES}, {"ENOENT", ENOENT}, {"ENOMEM", ENOMEM}},
        unlink[] = {{"EACCES", EACCES}, {"EBUSY", EBUSY}, {"ENOENT", ENOENT}, {"EROFS", EROFS}},
        name[] = {{"ENOBUFS", ENOBUFS}},
        option[] = {{"ENOBUFS", ENOBUFS}, {"ENOPROTOOPT", ENOPROTOOPT}},
        look_up[] = {{"EAI_AGAIN", EAI_AGAIN}, {"EAI_FAIL", EAI_FAIL},
                     {"EAI_MEMORY", EAI_MEMORY}};
    switch (kind) {
    case call_kind::socket: return socket;
    case call_kind::bind: return bind;
    case call_kind::listen: return listen;
    case call_kind::accept: return accept;
    case call_kind::connect: return connect;
    case call_kind::shutdown: return shutdown;
    case call_kind::close: return close;
    case call_kind::receive: return receive;
    case call_kind::send: return send;
    case call_kind::read: return read;
    case call_kind::write: return write;
    case call_kind::send_file: return send_file;
    case call_kind::pipe: return pipe;
    case call_kind::file_status: return file_status;
    case call_kind::unlink: return unlink;
    case call_kind::socket_name:
    case call_kind::peer_name: return name;
    case call_kind::get_option:
    case call_kind::set_option: return option;
    case call_kind::look_up: return look_up;
    }
    return {};
}

inline const char* name_of(call_kind kind) noexcept {
    constexpr const char* names[] = {
        "socket",      "bind",        "listen",     "accept",     "connect",
        "shutdown",    "close",       "recv",       "send",       "read",
        "write",       "sendfile",    "pipe",       "lstat",      "unlink",
        "getsockname", "getpeername", "getsockopt", "setsockopt", "getaddrinfo"};
    static_assert(std::size(names) == static_cast<std::size_t>(call_kind::look_up) + 1);
    return names[static_cast<std::size_t>(kind)];
}

} // namespace weft::testing
