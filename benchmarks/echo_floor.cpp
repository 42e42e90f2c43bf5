// SPDX-License-Identifier: MIT
//
// The least that an echo server can do: epoll by hand, a buffer for all, and a write that is not
// finished ends the connection.
//
//     echo_floor [poll]     `poll`: never blocks
//
// Like all the echo servers it listens on a loopback port that is free, prints the port, and runs
// until it is killed.
#include <array>
#include <cstddef>
#include <cstdio>
#include <string_view>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

int listen_on_loopback() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener, generic, size) != 0 || ::listen(listener, 4096) != 0 ||
        ::getsockname(listener, generic, &size) != 0)
        return -1;
    std::printf("%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    return listener;
}

void watch(int epoll, int fd) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.fd = fd;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

void accept_all(int epoll, int listener) {
    for (;;) {
        const int client = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0) return;
        const int on = 1;
        ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(epoll, client);
    }
}

void echo(int client) {
    static std::array<std::byte, 4096> buffer;
    for (;;) {
        const auto size = ::recv(client, buffer.data(), buffer.size(), 0);
        if (size < 0) return; // the next event tells why
        if (size == 0 ||
            ::send(client, buffer.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL) != size) {
            ::close(client);
            return;
        }
        if (static_cast<std::size_t>(size) < buffer.size()) return; // no more is there
    }
}

} // namespace

int main(int argc, char** argv) {
    const int wait = argc > 1 && std::string_view(argv[1]) == "poll" ? 0 : -1;
    const int listener = listen_on_loopback();
    if (listener < 0) {
        std::perror("listening");
        return 1;
    }
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    watch(epoll, listener);
    std::array<epoll_event, 256> events;
    for (;;) {
        const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), wait);
        for (int i = 0; i < count; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd == listener)
                accept_all(epoll, listener);
            else
                echo(fd);
        }
    }
}
