// SPDX-License-Identifier: MIT
//
// What becomes of a connection that its client gives up before it is accepted: on simulated hosts
// as in the system.
#include <weft/testing/simulation.hpp>

#include <string_view>
#include <system_error>

#include <sys/socket.h>

#include <weft/coro/task.hpp>
#include <weft/net/connect.hpp>
#include <weft/net/tcp_listener.hpp>
#include <weft/net/write_all.hpp>

#include "support/catch.hpp"
#include "support/parity.hpp"
#include "support/sockets.hpp"

using weft::endpoint;
using weft::task;
using weft::tcp_listener;

namespace {

/// Connects, writes, and aborts; returns when the other side knows.
task<> give_up(tcp_listener& listener, std::string_view written, bool ends_first = false) {
    auto stream = co_await weft::connect(listener.local_endpoint());
    co_await weft::write_all(stream, written);
    if (ends_first) co_await stream.shutdown_write();
    stream.abort();
    co_await settle();
}

template <class Stream>
task<> write(transcript& log, Stream& to) {
    std::error_code code;
    co_await weft::write_all(to, "x", code);
    say(log, "write", code);
}

} // namespace

TEST_CASE("parity: a connection that was aborted is accepted, and reset", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        co_await give_up(listener, "");
        auto accepted = co_await listener.accept();
        log.push_back(accepted.remote_endpoint().address());
        co_await read(log, accepted);
        co_await read(log, accepted);
        co_await write(log, accepted);

        co_await give_up(listener, "");
        auto second = co_await listener.accept();
        co_await write(log, second);
        co_await write(log, second);
        co_await read(log, second);
    });
}

TEST_CASE("parity: what was written before the connection was aborted", "[testing][parity]") {
    const bool ends_first = GENERATE(false, true);
    check_parity([&](transcript& log) -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        co_await give_up(listener, "early", ends_first);
        auto accepted = co_await listener.accept();
        co_await read(log, accepted);
        co_await read(log, accepted);
        co_await read(log, accepted);
    });
}

TEST_CASE("parity: those that were aborted keep their places", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        auto first = co_await weft::connect(listener.local_endpoint());
        co_await weft::write_all(first, "first");
        co_await give_up(listener, "");
        auto third = co_await weft::connect(listener.local_endpoint());
        co_await weft::write_all(third, "third");
        for (int i = 0; i != 3; ++i) {
            auto accepted = co_await listener.accept();
            co_await read(log, accepted);
        }
        co_await give_up(listener, "");
        listener.close(); // with one that is dead in it
    });
}

TEST_CASE("parity: what calls on a connection that was aborted answer", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        call_log call(log);
        auto& calls = call.calls;
        tcp_listener listener(endpoint::loopback(0));
        call.ready("listener", listener.native_handle());
        co_await give_up(listener, "");
        call.ready("listener", listener.native_handle());
        const int accepted = call.accept(listener.native_handle());
        call.ready("accepted", accepted);
        call.name("peer", accepted, true);
        call.option(accepted, SOL_SOCKET, SO_ERROR);
        call.option(accepted, SOL_SOCKET, SO_ERROR);
        call.recv(accepted);
        call.send(accepted, "x");
        call("shutdown", calls.shutdown(accepted, SHUT_WR));
        call.ready("listener", listener.native_handle());
        call.accept(listener.native_handle());
    });
}

TEST_CASE("parity: a listener closes with connections that have written", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        auto stream = co_await weft::connect(listener.local_endpoint());
        co_await weft::write_all(stream, "unread");
        listener.close();
        co_await settle();
        co_await read(log, stream);
        co_await read(log, stream);
        co_await write(log, stream);
    });
}

TEST_CASE("parity: both ends abort at once", "[testing][parity]") {
    check_parity([](transcript& log) -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        auto stream = co_await weft::connect(listener.local_endpoint());
        auto accepted = co_await listener.accept();
        co_await weft::write_all(stream, "unread");
        co_await weft::write_all(accepted, "unread");
        stream.abort();
        accepted.abort();
        co_await settle();
        auto next = co_await weft::connect(listener.local_endpoint());
        auto other = co_await listener.accept();
        co_await weft::write_all(next, "alive");
        co_await read(log, other);
    });
}
