// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weft/loop/readiness.hpp>
#include <weft/loop/system_calls.hpp>
#include <weft/testing/byte_queue.hpp>
#include <weft/testing/no_faults.hpp>
#include <weft/testing/virtual_names.hpp>
#include <weft/testing/virtual_network.hpp>
#include <weft/testing/virtual_options.hpp>
#include <weft/testing/virtual_socket.hpp>
#include <weft/testing/virtual_tcp.hpp>
#include <weft/testing/virtual_udp.hpp>

namespace weft::testing {

/// The system of the simulated hosts: sockets whose other ends are in this program. All hosts take
/// their descriptor numbers from one table.
class virtual_kernel final : public system_calls {
public:
    /// `current_host()` tells to which host a new socket belongs.
    using host_function = node_id (*)() noexcept;
    virtual_kernel(simulated_loop& loop, host_function current_host)
        : world_(loop), current_host_(current_host) {}
    ~virtual_kernel() = default;

    virtual_network& network() noexcept { return world_.network; }
    void add_node(node_id node, std::string name) {
        names_.add(std::move(name), node);
        world_.set_up(node, true);
    }
    /// Its sockets are gone, and nobody is told. Their descriptors remain to be closed.
    void crash(node_id node);
    /// Both ends of all TCP connections between the two get ECONNRESET.
    void reset_connections(node_id a, node_id b);
    void restart(node_id node) { world_.set_up(node, true); }
    bool is_up(node_id node) const noexcept { return world_.is_up(node); }

    /// Descriptors that are open, of all hosts.
    std::size_t open_descriptors() const noexcept { return open_; }
    /// How many may be open at most.
    void set_descriptor_limit(std::size_t most) noexcept { most_open_ = most; }

    int socket(int domain, int type, int protocol) noexcept override;
    int bind(int fd, const sockaddr* address, socklen_t size) noexcept override;
    int listen(int fd, int backlog) noexcept override;
    int accept(int fd, sockaddr* address, socklen_t* size) noexcept override;
    int connect(int fd, const sockaddr* address, socklen_t size) noexcept override;
    int shutdown(int fd, int how) noexcept override;
    int close(int fd) noexcept override;

    ssize_t recv(int fd, void* data, std::size_t size, int flags) noexcept override;
    ssize_t send(int fd, const void* data, std::size_t size, int flags) noexcept override;
    ssize_t recvmsg(int fd, msghdr* message, int flags) noexcept override;
    ssize_t sendmsg(int fd, const msghdr* message, int flags) noexcept override;
    ssize_t read(int fd, void* data, std::size_t size) noexcept override {
        return recv(fd, data, size, 0);
    }
    ssize_t write(int fd, const void* data, std::size_t size) noexcept override {
        return send(fd, data, size, 0);
    }
    /// `from` is a file of the real system.
    ssize_t sendfile(int to, int from, off_t* offset, std::size_t size) noexcept override;
    int pipe(int (&)[2]) noexcept override { return -ENOSYS; }

    int getsockname(int fd, sockaddr* address, socklen_t* size) noexcept override;
    int getpeername(int fd, sockaddr* address, socklen_t* size) noexcept override;
    int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept override;
    int setsockopt(int fd, int level, int name, const void* value,
                   socklen_t size) noexcept override;
    readiness ready_now(int fd, readiness interest) noexcept override;

    int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                    addrinfo** found) noexcept override {
        const no_faults scope;
        return names_.look_up(host, service, hints, found);
    }
    void freeaddrinfo(addrinfo* found) noexcept override { virtual_names::free(found); }
    bool look_up_blocks() const noexcept override { return false; }

private:
    static constexpr int first_descriptor = 3;

    struct descriptor {
        bool open = false;
        virtual_socket* socket = nullptr; // null: its host has crashed
    };
    int allocate(virtual_socket& socket);
    /// Calls `f(virtual_socket&)`; an error if there is none.
    template <class F>
    auto with(int fd, F f) noexcept -> decltype(f(std::declval<virtual_socket&>())) {
        const no_faults scope;
        const auto index = static_cast<std::size_t>(fd - first_descriptor);
        if (fd < first_descriptor || index >= table_.size() || !table_[index].open) return -EBADF;
        if (!table_[index].socket) return -ENETDOWN;
        return f(*table_[index].socket);
    }

    virtual_world world_;
    host_function current_host_;
    std::vector<descriptor> table_;
    std::size_t open_ = 0;
    std::size_t most_open_ = SIZE_MAX;
    virtual_names names_;
};

// Implementation ------------------------------------------------------------

inline void virtual_kernel::crash(node_id node) {
    world_.set_up(node, false);
    for (auto& each : table_)
        if (each.socket && each.socket->node() == node) each.socket = nullptr;
    world_.destroy_all(node);
}

inline void virtual_kernel::reset_connections(node_id a, node_id b) {
    const no_faults scope;
    for (const auto& [from, to] : {std::pair(a, b), std::pair(b, a)})
        for (auto* each : world_.connections(from, to))
            if (each->type() == SOCK_STREAM) static_cast<virtual_tcp*>(each)->cut_off();
}

inline int virtual_kernel::allocate(virtual_socket& socket) {
    auto index = table_.size();
    for (std::size_t i = 0; i != table_.size(); ++i)
        if (!table_[i].open) {
            index = i;
            break;
        }
    if (index == table_.size()) table_.emplace_back();
    table_[index] = {true, &socket};
    ++open_;
    socket.fd = first_descriptor + static_cast<int>(index);
    return socket.fd;
}

inline int virtual_kernel::socket(int domain, int type, int protocol) noexcept {
    const no_faults scope;
    type &= ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (domain != AF_INET && domain != AF_INET6) return -EAFNOSUPPORT;
    if (type != SOCK_STREAM && type != SOCK_DGRAM) return -EPROTONOSUPPORT;
    if (open_ >= most_open_) return -EMFILE;
    const auto node = current_host_();
    if (type == SOCK_STREAM)
        return allocate(world_.make<virtual_tcp>(node, domain, type, protocol));
    return allocate(world_.make<virtual_udp>(node, domain, type, protocol));
}

inline int virtual_kernel::bind(int fd, const sockaddr* address, socklen_t size) noexcept {
    return with(fd, [&](virtual_socket& one) {
        const auto at = place::read(address, size, one.node());
        return at ? one.bind(*at) : -EINVAL;
    });
}

inline int virtual_kernel::listen(int fd, int backlog) noexcept {
    return with(fd, [&](virtual_socket& one) { return one.listen(backlog); });
}

inline int virtual_kernel::accept(int fd, sockaddr* address, socklen_t* size) noexcept {
    return with(fd, [&](virtual_socket& one) -> int {
        if (open_ >= most_open_) return -EMFILE;
        virtual_socket* accepted = nullptr;
        if (const int error = one.accept(accepted); error < 0) return error;
        if (address) accepted->remote().write(address, size, accepted->family());
        return allocate(*accepted);
    });
}

inline int virtual_kernel::connect(int fd, const sockaddr* address, socklen_t size) noexcept {
    return with(fd, [&](virtual_socket& one) {
        const auto to = place::read(address, size, one.node());
        return to ? one.connect(*to) : -EAFNOSUPPORT;
    });
}

inline int virtual_kernel::shutdown(int fd, int how) noexcept {
    return with(fd, [&](virtual_socket& one) { return one.shutdown(how); });
}

inline int virtual_kernel::close(int fd) noexcept {
    const int result = with(fd, [&](virtual_socket& one) {
        one.fd = -1;
        one.close();
        return 0;
    });
    if (result == -EBADF) return result;
    table_[static_cast<std::size_t>(fd - first_descriptor)] = {};
    --open_;
    return 0;
}

inline ssize_t virtual_kernel::recv(int fd, void* data, std::size_t size, int flags) noexcept {
    const iovec part{data, size};
    return with(fd, [&](virtual_socket& one) {
        return one.receive({&part, 1}, flags, nullptr, nullptr);
    });
}

inline ssize_t virtual_kernel::send(int fd, const void* data, std::size_t size, int) noexcept {
    const iovec part{const_cast<void*>(data), size};
    return with(fd, [&](virtual_socket& one) { return one.send({&part, 1}, nullptr); });
}

inline ssize_t virtual_kernel::recvmsg(int fd, msghdr* message, int flags) noexcept {
    return with(fd, [&](virtual_socket& one) {
        place from;
        const auto result = one.receive({message->msg_iov, message->msg_iovlen}, flags, &from,
                                        &message->msg_flags);
        if (result >= 0 && from.family != AF_UNSPEC)
            from.write(static_cast<sockaddr*>(message->msg_name), &message->msg_namelen,
                       one.family());
        return result;
    });
}

inline ssize_t virtual_kernel::sendmsg(int fd, const msghdr* message, int) noexcept {
    return with(fd, [&](virtual_socket& one) -> ssize_t {
        const gathered_buffers from{message->msg_iov, message->msg_iovlen};
        if (!message->msg_name) return one.send(from, nullptr);
        const auto to = place::read(static_cast<const sockaddr*>(message->msg_name),
                                    message->msg_namelen, one.node());
        return to ? one.send(from, &*to) : -EAFNOSUPPORT;
    });
}

inline ssize_t virtual_kernel::sendfile(int to, int from, off_t* offset,
                                        std::size_t size) noexcept {
    std::byte piece[16384];
    const auto most = std::min(size, sizeof piece);
    const auto got = offset ? ::pread(from, piece, most, *offset) : ::read(from, piece, most);
    if (got <= 0) return got == 0 ? 0 : -errno;
    const auto sent = send(to, piece, static_cast<std::size_t>(got), 0);
    if (offset && sent > 0) *offset += sent;
    if (!offset && sent < got) ::lseek(from, std::max<ssize_t>(sent, 0) - got, SEEK_CUR);
    return sent;
}

inline int virtual_kernel::getsockname(int fd, sockaddr* address, socklen_t* size) noexcept {
    return with(fd, [&](virtual_socket& one) {
        auto local = one.local();
        if (local.family == AF_UNSPEC) local.family = one.family();
        local.write(address, size, one.family());
        return 0;
    });
}

inline int virtual_kernel::getpeername(int fd, sockaddr* address, socklen_t* size) noexcept {
    return with(fd, [&](virtual_socket& one) {
        if (!one.is_connected()) return -ENOTCONN;
        one.remote().write(address, size, one.family());
        return 0;
    });
}

inline int virtual_kernel::getsockopt(int fd, int level, int name, void* value,
                                      socklen_t* size) noexcept {
    return with(fd, [&](virtual_socket& one) {
        const int result = get_option(one, level, name);
        std::memcpy(value, &result, std::min<std::size_t>(*size, sizeof result));
        *size = sizeof result;
        return 0;
    });
}

inline int virtual_kernel::setsockopt(int fd, int level, int name, const void* value,
                                      socklen_t size) noexcept {
    return with(fd, [&](virtual_socket& one) {
        set_option(one, level, name, value, size);
        return 0;
    });
}

inline readiness virtual_kernel::ready_now(int fd, readiness interest) noexcept {
    auto what = readiness::closed;
    with(fd, [&](virtual_socket& one) {
        what = one.ready();
        if (!any(what & readiness::hangup)) what = what & interest;
        return 0;
    });
    return what;
}

} // namespace weft::testing
