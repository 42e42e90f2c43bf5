// SPDX-License-Identifier: MIT
//
// The client that measures all echo servers: each of its connections sends 64 bytes, waits until
// they are back, and sends the next.
//
//     echo_client PORT SERVER_PID CONNECTIONS MESSAGES SECONDS [poll]
//
// It sends so many messages or for so long, whichever is less, after a tenth of that to begin with.
// Prints the round trips per second and the nanoseconds of CPU time, user and system, that the
// server process took per message. `poll`: it never blocks, so that only the server has to be
// woken. It gives up when that takes 20 s longer than it should.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

namespace {

constexpr std::size_t message_size = 64;
constexpr double patience = 20; // seconds

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

double seconds(clockid_t clock) {
    timespec now{};
    if (::clock_gettime(clock, &now) != 0) fail("clock_gettime");
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void send_message(int fd) {
    static constexpr std::array<char, message_size> message{};
    if (::send(fd, message.data(), message.size(), MSG_NOSIGNAL) != message_size) fail("send");
}

class client {
public:
    client(int port, int connections, int wait)
        : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wait_(wait) {
        for (int i = 0; i != connections; ++i) connect(port);
    }
    client(const client&) = delete;
    ~client() {
        for (const auto& each : connections_) ::close(each.fd);
        ::close(epoll_);
    }

    /// Returns how many messages came back: at most so many, or all that were sent in so long.
    long exchange(long messages, double duration) {
        const double end = seconds(CLOCK_MONOTONIC) + duration;
        long sent = 0;
        for (const auto& each : connections_)
            if (sent < messages) {
                send_message(each.fd);
                ++sent;
            }
        long done = 0;
        while (done != sent) {
            std::array<epoll_event, 256> events;
            const int count = ::epoll_wait(epoll_, events.data(), 256, wait_);
            const bool more = seconds(CLOCK_MONOTONIC) < end;
            for (int i = 0; i < count; ++i) {
                auto& from = connections_[events[static_cast<std::size_t>(i)].data.u64];
                if (!receive(from)) continue;
                ++done;
                if (!more || sent == messages) continue;
                send_message(from.fd);
                ++sent;
            }
        }
        return done;
    }

private:
    struct connection {
        int fd;
        std::size_t received = 0;
    };

    void connect(int port) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            fail("connect");
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = connections_.size();
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
        connections_.push_back({fd});
    }

    /// Returns whether a message is complete.
    bool receive(connection& from) {
        std::array<char, message_size> into;
        const auto size = ::recv(from.fd, into.data(), into.size() - from.received, 0);
        if (size <= 0) fail("recv");
        from.received += static_cast<std::size_t>(size);
        if (from.received != message_size) return false;
        from.received = 0;
        return true;
    }

    int epoll_;
    int wait_;
    std::vector<connection> connections_;
};

} // namespace

int main(int argc, char** argv) {
    if (argc < 6) return 2;
    const long messages = std::atol(argv[4]);
    const double duration = std::atof(argv[5]);
    const bool polls = argc > 6 && std::string_view(argv[6]) == "poll";
    ::alarm(static_cast<unsigned>(duration + patience));
    clockid_t server;
    if (::clock_getcpuclockid(std::atoi(argv[2]), &server) != 0) fail("the server's clock");
    client all(std::atoi(argv[1]), std::atoi(argv[3]), polls ? 0 : -1);
    all.exchange(messages / 10, duration / 10);

    const double cpu = seconds(server);
    const double begin = seconds(CLOCK_MONOTONIC);
    const auto done = static_cast<double>(all.exchange(messages, duration));
    const double end = seconds(CLOCK_MONOTONIC);
    std::printf("%.0f %.1f\n", done / (end - begin), (seconds(server) - cpu) * 1e9 / done);
}
