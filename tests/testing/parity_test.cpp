// SPDX-License-Identifier: MIT
//
// The simulated hosts do what the system does: the same scenario, on both, says the same. What
// concerns streams that are connected is in tests/net/stream_parity_test.cpp.
#include <weft/testing/simulation.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weft/coro/task.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/net/connect.hpp>
#include <weft/net/tcp_listener.hpp>
#include <weft/net/udp_socket.hpp>
#include <weft/net/unix_listener.hpp>
#include <weft/net/write_all.hpp>
#include <weft/os/pipe.hpp>

#include "support/catch.hpp"
#include "support/parity.hpp"
#include "support/sockets.hpp"
#include "support/streams.hpp"
#include "support/temporary.hpp"

using weft::endpoint;
using weft::task;
using weft::tcp_listener;
using weft::this_loop;
using weft::unix_listener;

namespace {

template <class Listener, class At>
void log_listening(transcript& log, At at) {
    std::error_code code;
    try {
        Listener listener(at);
    } catch (const std::system_error& error) {
        code = error.code();
    }
    say(log, "listen", code);
}

/// Both families, as far as they are alike.
struct over_tcp {
    using listener = tcp_listener;
    static listener listen() { return tcp_listener(endpoint::loopback(0)); }
    static auto connect(endpoint at, std::error_code& code) { return weft::connect(at, code); }
};
struct over_unix {
    using listener = unix_listener;
    static listener listen() {
        return unix_listener("@weft-parity-" + std::to_string(::getpid()));
    }
    static auto connect(endpoint at, std::error_code& code) {
        return weft::connect_unix(at.address(), code);
    }
};

bool exists(const std::string& path) {
    struct ::stat found {};
    return this_loop().system().calls().lstat(path.c_str(), &found) == 0 &&
           S_ISSOCK(found.st_mode) && found.st_ino != 0;
}

} // namespace

TEMPLATE_TEST_CASE("parity: nobody listens any more", "[testing][parity]", over_tcp, over_unix) {
    check_parity([](transcript& log) -> task<> {
        auto listener = TestType::listen();
        const auto at = listener.local_endpoint();
        listener.close();
        std::error_code code;
        auto stream = co_await TestType::connect(at, code);
        say(log, "connect", code);
    });
}

TEMPLATE_TEST_CASE("parity: connections that nobody has accepted are reset with their listener",
                   "[testing][parity]", over_tcp, over_unix) {
    check_parity([](transcript& log) -> task<> {
        auto listener = TestType::listen();
        std::error_code code;
        auto stream = co_await TestType::connect(listener.local_endpoint(), code);
        say(log, "connect", code);
        co_await settle();
        listener.close();
        co_await settle();
        co_await read(log, stream);
    });
}

TEMPLATE_TEST_CASE("parity: what was written before the connection was accepted is read after",
                   "[testing][parity]", over_tcp, over_unix) {
    check_parity([](transcript& log) -> task<> {
        auto listener = TestType::listen();
        std::error_code code;
        auto stream = co_await TestType::connect(listener.local_endpoint(), code);
        co_await weft::write_all(stream, "early");
        stream.close();
        auto accepted = co_await listener.accept();
        co_await read(log, accepted);
        co_await read(log, accepted);
    });
}

TEST_CASE("parity: a port is taken", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        log_listening<tcp_listener>(log, listener.local_endpoint());
        log_listening<tcp_listener>(log, endpoint::any(listener.local_endpoint().port()));
        log_listening<tcp_listener>(log, endpoint("192.0.2.1:0"));
        co_return;
    });
}

TEST_CASE("parity: a path is taken, left, and taken again", "[testing][parity]") {
    const temporary_folder folder;
    check_parity([&](transcript& log) -> task<> {
        const auto at = folder.path();
        std::error_code code;
        co_await weft::connect_unix(at, code);
        say(log, "nothing there", code);
        {
            unix_listener listener(at);
            log.push_back(exists(at) ? "there" : "gone");
            log.push_back(listener.local_endpoint().address() == at ? "its name" : "another name");
            log_listening<unix_listener>(log, at);
            auto probe = co_await listener.accept(); // the question whether somebody listens
            co_await read(log, probe);
            auto ours = co_await weft::connect_unix(at, code);
            say(log, "connect", code);
            auto theirs = co_await listener.accept();
            log.push_back(theirs.local_endpoint().to_string() == "unix:" + at ? "same" : "other");
            log.push_back(ours.local_endpoint().to_string());
        }
        log.push_back(exists(at) ? "there" : "gone");
        co_await weft::connect_unix(at, code);
        say(log, "closed", code);
    });
}

TEST_CASE("parity: a socket that nobody listens on any more is replaced", "[testing][parity]") {
    const temporary_folder folder;
    check_parity([&](transcript& log) -> task<> {
        const auto at = folder.path();
        {
            call_log call(log);
            const int left = call.socket(AF_UNIX);
            call.bind(left, endpoint::unix_path(at)); // and closed, but not removed
        }
        log.push_back(exists(at) ? "there" : "gone");
        std::error_code code;
        co_await weft::connect_unix(at, code);
        say(log, "stale", code);

        unix_listener first(at);
        this_loop().system().calls().unlink(at.c_str());
        unix_listener second(at);
        first.close(); // what is there is not its own
        log.push_back(exists(at) ? "there" : "gone");
        auto ours = co_await weft::connect_unix(at, code);
        say(log, "connect", code);
        auto theirs = co_await second.accept();
    });
}

TEST_CASE("parity: more than a unix listener lets wait are refused", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        unix_listener listener("@weft-parity-" + std::to_string(::getpid()), 1);
        std::vector<weft::unix_stream> streams;
        for (int i = 0; i != 4; ++i) {
            std::error_code code;
            auto stream = co_await weft::connect_unix(listener.local_endpoint().address(), code);
            say(log, "connect", code);
            streams.push_back(std::move(stream));
        }
        auto accepted = co_await listener.accept();
        std::error_code code;
        auto stream = co_await weft::connect_unix(listener.local_endpoint().address(), code);
        say(log, "connect", code);
    });
}

TEST_CASE("parity: what calls on unix sockets answer", "[testing][parity]") {
    const temporary_folder folder;
    check_parity([&](transcript& log) -> task<> {
        call_log call(log);
        auto& calls = call.calls;
        const auto at = endpoint::unix_path(folder.path());
        const int listener = call.socket(AF_UNIX), client = call.socket(AF_UNIX);
        // Neither bound nor connected.
        call.ready("fresh", client);
        call.recv(client);
        call.send(client, "x");
        call.accept(client);
        call("listen", calls.listen(client, 5));
        call("shutdown", calls.shutdown(call.socket(AF_UNIX), SHUT_RDWR));
        call.name("name", client);
        call.name("peer", client, true);
        call.connect(client, at);
        call.connect(client, endpoint::loopback(1));
        call.bind(client, endpoint::loopback(0));
        call.bind(call.socket(AF_INET), at);
        call.connect(call.socket(AF_INET), at);
        call.connect(client, endpoint::unix_path("@weft-nobody-" + std::to_string(::getpid())));
        // Bound, then listening.
        call.bind(listener, at);
        call.bind(listener, endpoint::unix_path("@weft-" + std::to_string(::getpid())));
        call.bind(client, at);
        call.connect(client, at);
        call.option(listener, SOL_SOCKET, SO_ACCEPTCONN);
        call("listen", calls.listen(listener, 5));
        call.option(listener, SOL_SOCKET, SO_ACCEPTCONN);
        call.ready("listener", listener);
        call.recv(listener);
        call.send(listener, "x");
        call.accept(listener);
        // Connected.
        call.connect(client, at);
        call.connect(client, at);
        call("listen", calls.listen(client, 5));
        call.ready("listener", listener);
        call.ready("client", client);
        call.recv(client);
        call.send(client, "before accept");
        const int accepted = call.accept(listener);
        call.ready("accepted", accepted);
        call.recv(accepted, MSG_PEEK);
        call.recv(accepted);
        call.recv(accepted);
        call.ready("accepted", accepted);
        call.name("name", client);
        call.name("peer", accepted, true);
        for (const int which : {SO_TYPE, SO_DOMAIN, SO_ERROR, SO_ACCEPTCONN})
            call.option(client, SOL_SOCKET, which);
        call.option(client, IPPROTO_TCP, TCP_NODELAY);
        const int on = 1;
        call("set", calls.setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
        // To somewhere else.
        char text[] = "x";
        iovec part{text, 1};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_name = const_cast<sockaddr*>(at.data());
        message.msg_namelen = at.size();
        call("sendmsg", calls.sendmsg(client, &message, 0));
        call("sendmsg", calls.sendmsg(call.socket(AF_UNIX), &message, 0));
        // One direction ends, then the other.
        call("shutdown", calls.shutdown(client, SHUT_RD));
        call.send(accepted, "x");
        call.recv(client);
        call.send(client, "still goes");
        call.recv(accepted);
        call.ready("client", client);
        call.ready("accepted", accepted);
        call("shutdown", calls.shutdown(client, SHUT_WR));
        call.recv(accepted);
        call.send(client, "x");
        call.close(client);
        call.recv(accepted);
        call.send(accepted, "x");
        call.ready("accepted", accepted);

        // Closed with something unread.
        const int second = call.socket(AF_UNIX);
        call.connect(second, at);
        const int other = call.accept(listener);
        call.send(second, "unread");
        call.send(other, "read");
        call.close(other);
        call.ready("second", second);
        call.send(second, "x");
        call.recv(second);
        call.recv(second);
        call.recv(second);
        call.ready("second", second);
        // The file stays, and so does who was connected.
        call.close(listener);
        call.connect(call.socket(AF_UNIX), at);
        call("unlink", calls.unlink(folder.path().c_str()));
        call("unlink", calls.unlink(folder.path().c_str()));
        call.connect(call.socket(AF_UNIX), at);
        co_return;
    });
}

TEST_CASE("parity: what calls on a pipe answer", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        call_log call(log);
        auto& calls = call.calls;
        auto ends = call.pipe();
        auto [in, out] = ends;
        call.ready("in", in);
        call.ready("out", out);
        call.read(in, 10);
        call.write(in, 10);
        call.read(out, 10);
        call.recv(in);
        call.send(out, "x");
        call.name("name", in);
        call.option(out, SOL_SOCKET, SO_TYPE);
        call("shutdown", calls.shutdown(out, SHUT_WR));
        call.write(out, 0);
        call.write(out, 10);
        call.read(in, 0);
        call.ready("in", in);
        call.read(in, 4);
        call.read(in, 10);
        call.read(in, 10);

        call.write(out, 10);
        call.close(out);
        call.ready("in", in);
        call.read(in, 10);
        call.read(in, 10);
        call.ready("in", in);
        call.close(in);
        call.read(in, 10);

        ends = call.pipe();
        call.write(ends[1], 10);
        call.close(ends[0]);
        call.ready("out", ends[1]);
        call.write(ends[1], 0);
        call.write(ends[1], 10);
        co_return;
    });
}

TEST_CASE("parity: what a pipe holds", "[testing][parity]") {
    {
        const weft::event_loop loop;
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        const bool is_usual = ::fcntl(ends[0], F_GETPIPE_SZ) == 65536 && ::getpagesize() == 4096;
        ::close(ends[0]);
        ::close(ends[1]);
        if (!is_usual) return; // the simulated ones are as most are
    }
    check_parity([](transcript& log) -> task<> {
        call_log call(log);
        auto [in, out] = call.pipe();
        call.write(out, 100'000);
        call.write(out, 1);
        call.ready("out", out);
        call.read(in, 100); // no page is free
        call.write(out, 1);
        call.ready("out", out);
        call.read(in, 3996);
        call.ready("out", out);
        call.write(out, 5000); // of which a page fits
        call.write(out, 1);
        call.read(in, 100'000);

        for (const auto size : {3000, 1000, 200, 3896, 1, 4095, 4096, 8191, 8193})
            call.write(out, static_cast<std::size_t>(size));
        call.write(out, 100'000);
        call.read(in, 5);
        call.write(out, 4096);
        call.read(in, 100'000);
        call.ready("in", in);
        co_return;
    });
}

TEST_CASE("parity: a pipe carries all that is written, and ends", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        auto ends = weft::make_pipe();
        std::string much(1 << 20, '?');
        for (std::size_t i = 0; i != much.size(); ++i)
            much[i] = static_cast<char>('a' + i * 7 % 26);
        bool written = false;
        weft::task_group group;
        group.spawn([&]() -> task<> {
            co_await weft::write_all(ends.second, much);
            written = true;
            co_await ends.second.shutdown_write();
        });
        co_await settle();
        log.push_back(written ? "written" : "waits");
        const std::string got = co_await read_rest(ends.first, 10'000);
        log.push_back(got == much ? "equal" : "different");
        co_await group.join();
    });
}

TEST_CASE("parity: who waits for a pipe hears that the other end goes", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        auto ends = weft::make_pipe();
        weft::task_group group;
        group.spawn([&]() -> task<> {
            co_await read(log, ends.first);
            co_await read(log, ends.first);
        });
        co_await settle();
        co_await weft::write_all(ends.second, "hello");
        co_await settle();
        ends.second.close();
        co_await group.join();

        auto others = weft::make_pipe();
        group.spawn([&]() -> task<> {
            std::error_code code;
            co_await weft::write_all(others.second, std::string(1 << 20, 'x'), code);
            say(log, "write", code);
        });
        co_await settle();
        others.first.close();
        co_await group.join();
    });
}

TEST_CASE("parity: addresses of both ends", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        tcp_listener listener(endpoint::any(0));
        log.push_back(listener.local_endpoint().address());
        const auto port = listener.local_endpoint().port();
        auto ours = co_await weft::connect(endpoint::loopback(port));
        auto theirs = co_await listener.accept();
        log.push_back(ours.local_endpoint().address());
        log.push_back(theirs.local_endpoint().address());
        log.push_back(ours.local_endpoint() == theirs.remote_endpoint() ? "same" : "other");
        log.push_back(ours.remote_endpoint() == theirs.local_endpoint() ? "same" : "other");

        tcp_listener both(endpoint::any_v6(0));
        auto four = co_await weft::connect(endpoint::loopback(both.local_endpoint().port()));
        auto peer = co_await both.accept();
        log.push_back(peer.remote_endpoint().address());
    });
}

TEST_CASE("parity: datagrams", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        weft::udp_socket server(endpoint::loopback(0));
        std::optional<weft::udp_socket> client(std::in_place, endpoint::loopback(0));
        const auto to = server.local_endpoint();
        for (const std::string_view text : {"first", "a longer one", ""})
            co_await client->send_to(weft::bytes(text), to);
        std::array<std::byte, 8> buffer;
        for (int i = 0; i < 3; ++i) {
            const auto got = co_await server.receive_from(buffer);
            log.push_back(std::string(weft::text(std::span(buffer).first(got.size))) +
                          (got.truncated ? " cut" : ""));
            log.push_back(got.from == client->local_endpoint() ? "from it" : "from elsewhere");
        }
        const std::vector<std::byte> large(70'000);
        std::error_code code;
        co_await client->send_to(large, to, code);
        say(log, "large", code);

        weft::udp_socket connected(endpoint::loopback(0));
        connected.connect(client->local_endpoint());
        client.reset();
        co_await connected.send(weft::bytes("anybody?"));
        co_await connected.receive_from(buffer, code);
        say(log, "nobody", code);
    });
}
