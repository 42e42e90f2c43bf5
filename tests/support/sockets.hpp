// SPDX-License-Identifier: MIT
//
// Real connections on loopback; and a system whose calls fail when a test says so.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <system_error>
#include <utility>

#include <sys/socket.h>

#include <weft/coro/task.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/system_calls.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/connect.hpp>
#include <weft/net/tcp_listener.hpp>
#include <weft/net/tcp_stream.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/reactors.hpp"
#include "support/run_on.hpp"
#include "support/streams.hpp"

/// Lets everybody go on who can.
inline weft::task<> settle() {
    for (int turn = 0; turn < 5; ++turn) co_await weft::yield();
}

/// Both ends of a connection.
template <class Stream>
struct stream_pair {
    Stream ours, theirs;
    stream_pair(Stream a, Stream b) : ours(std::move(a)), theirs(std::move(b)) {}
};
using tcp_pair = stream_pair<weft::tcp_stream>;

inline weft::task<tcp_pair> make_tcp_pair() {
    weft::tcp_listener listener(weft::endpoint::loopback(0));
    auto ours = co_await weft::connect(listener.local_endpoint());
    auto theirs = co_await listener.accept();
    co_return tcp_pair(std::move(ours), std::move(theirs));
}

template <class Stream>
weft::task<> write_text(Stream& to, std::string text) {
    auto rest = weft::bytes(text);
    while (!rest.empty()) {
        const auto size = co_await to.write_some(rest);
        rest = rest.subspan(size);
    }
}

/// Returns what `failing` threw, as text; what was expected of it is an error.
template <class T>
weft::task<std::string> error_of(weft::task<T> failing) {
    std::string what = "no error";
    try {
        co_await std::move(failing);
    } catch (const std::system_error& error) {
        what = error.what();
    }
    co_return what;
}

/// The system, but calls fail as a test says: first with the errors in a list, then not any more.
class failing_calls : public weft::system_calls {
public:
    std::deque<int> on_socket, on_accept, on_recv, on_send, on_connect;

    int socket(int domain, int type, int protocol) noexcept override {
        const int error = next(on_socket);
        return error ? -error : system_calls::socket(domain, type, protocol);
    }
    int accept(int fd, sockaddr* address, socklen_t* size) noexcept override {
        const int error = next(on_accept);
        return error ? -error : system_calls::accept(fd, address, size);
    }
    int connect(int fd, const sockaddr* address, socklen_t size) noexcept override {
        const int error = next(on_connect);
        return error ? -error : system_calls::connect(fd, address, size);
    }
    ssize_t recv(int fd, void* data, std::size_t size, int flags) noexcept override {
        const int error = next(on_recv);
        return error ? -error : system_calls::recv(fd, data, size, flags);
    }
    ssize_t send(int fd, const void* data, std::size_t size, int flags) noexcept override {
        const int error = next(on_send);
        return error ? -error : system_calls::send(fd, data, size, flags);
    }

private:
    static int next(std::deque<int>& errors) noexcept {
        if (errors.empty()) return 0;
        const int first = errors.front();
        errors.pop_front();
        return first;
    }
};
