// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

#include <netdb.h>
#include <sys/socket.h>

#include <weft/testing/byte_queue.hpp>
#include <weft/testing/no_faults.hpp>
#include <weft/testing/virtual_files.hpp>
#include <weft/testing/virtual_names.hpp>
#include <weft/testing/virtual_network.hpp>
#include <weft/testing/virtual_options.hpp>
#include <weft/testing/virtual_place.hpp>
#include <weft/testing/virtual_socket.hpp>
#include <weft/testing/virtual_tcp.hpp>
#include <weft/testing/virtual_udp.hpp>
#include <weft/testing/virtual_unix.hpp>
#include <weft/testing/virtual_world.hpp>

namespace weft::testing {

/// The system of the simulated hosts: sockets whose other ends are in this program, and the names
/// by which hosts find each other. What concerns files of any kind is in testing/virtual_files.hpp.
class virtual_kernel final : public virtual_files {
public:
    using virtual_files::virtual_files;

    virtual_network& network() noexcept { return world_.network; }
    void add_node(node_id node, std::string name) {
        names_.add(std::move(name), node);
        world_.set_up(node, true);
    }
    /// Both ends of all TCP connections between the two get ECONNRESET.
    void reset_connections(node_id a, node_id b);
    void restart(node_id node) { world_.set_up(node, true); }

    inline int socket(int domain, int type, int protocol) noexcept override;
    inline int bind(int fd, const sockaddr* address, socklen_t size) noexcept override;
    inline int listen(int fd, int backlog) noexcept override;
    inline int accept(int fd, sockaddr* address, socklen_t* size) noexcept override;
    inline int connect(int fd, const sockaddr* address, socklen_t size) noexcept override;
    inline int shutdown(int fd, int how) noexcept override;

    inline ssize_t recv(int fd, void* data, std::size_t size, int flags) noexcept override;
    inline ssize_t send(int fd, const void* data, std::size_t size, int flags) noexcept override;
    inline ssize_t recvmsg(int fd, msghdr* message, int flags) noexcept override;
    inline ssize_t sendmsg(int fd, const msghdr* message, int flags) noexcept override;

    inline int getsockname(int fd, sockaddr* address, socklen_t* size) noexcept override;
    inline int getpeername(int fd, sockaddr* address, socklen_t* size) noexcept override;
    inline int getsockopt(int fd, int level, int name, void* value,
                          socklen_t* size) noexcept override;
    inline int setsockopt(int fd, int level, int name, const void* value,
                          socklen_t size) noexcept override;

    int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                    addrinfo** found) noexcept override {
        const no_faults scope;
        return names_.look_up(host, service, hints, found);
    }
    void freeaddrinfo(addrinfo* found) noexcept override { virtual_names::free(found); }
    bool look_up_blocks() const noexcept override { return false; }

private:
    /// Calls `f(virtual_socket&)`; an error if there is none.
    template <class F>
    auto with(int fd, F f) noexcept -> decltype(f(std::declval<virtual_socket&>())) {
        return with_file(fd, [&](virtual_file& file) -> decltype(f(*file.as_socket())) {
            auto* const socket = file.as_socket();
            if (!socket) return -ENOTSOCK;
            return f(*socket);
        });
    }

    virtual_names names_;
};

// Implementation ------------------------------------------------------------

inline void virtual_kernel::reset_connections(node_id a, node_id b) {
    const no_faults scope;
    world_.cut_off(a, b);
    world_.cut_off(b, a);
}

inline int virtual_kernel::socket(int domain, int type, int protocol) noexcept {
    const no_faults scope;
    type &= ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    const bool is_ip = domain == AF_INET || domain == AF_INET6;
    if (!is_ip && domain != AF_UNIX) return -EAFNOSUPPORT;
    if (type != SOCK_STREAM && !(is_ip && type == SOCK_DGRAM)) return -EPROTONOSUPPORT;
    if (!descriptors_.has_room_for(1)) return -EMFILE;
    const auto node = this_host();
    if (!is_ip) return descriptors_.add(world_.make<virtual_unix>(node, domain, type, protocol));
    if (type == SOCK_STREAM)
        return descriptors_.add(world_.make<virtual_tcp>(node, domain, type, protocol));
    return descriptors_.add(world_.make<virtual_udp>(node, domain, type, protocol));
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
        if (!descriptors_.has_room_for(1)) return -EMFILE;
        virtual_socket* accepted = nullptr;
        if (const int error = one.accept(accepted); error < 0) return error;
        if (address) accepted->remote().write(address, size, accepted->family());
        return descriptors_.add(*accepted);
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
        if (!knows_option(one, level)) return -EOPNOTSUPP;
        const int result = get_option(one, level, name);
        std::memcpy(value, &result, std::min<std::size_t>(*size, sizeof result));
        *size = sizeof result;
        return 0;
    });
}

inline int virtual_kernel::setsockopt(int fd, int level, int name, const void* value,
                                      socklen_t size) noexcept {
    return with(fd, [&](virtual_socket& one) {
        if (!knows_option(one, level)) return -EOPNOTSUPP;
        set_option(one, level, name, value, size);
        return 0;
    });
}

} // namespace weft::testing
