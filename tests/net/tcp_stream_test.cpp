// SPDX-License-Identifier: MIT
#include <weft/net/tcp_stream.hpp>

#include <array>
#include <chrono>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include "support/catch.hpp"
#include "support/sockets.hpp"

using namespace std::chrono_literals;
using weft::task;
using weft::tcp_stream;
using weft::this_loop;

static_assert(std::is_nothrow_move_constructible_v<tcp_stream>);
static_assert(std::is_nothrow_move_assignable_v<tcp_stream>);
static_assert(!std::is_copy_constructible_v<tcp_stream>);
static_assert(sizeof(tcp_stream) <= 80, "ten thousand of them are held");

namespace {

task<> reads(tcp_stream& from) {
    std::array<std::byte, 16> room;
    co_await from.read_some(room);
}
task<> writes_for_ever(tcp_stream& to) {
    const std::vector<std::byte> data(1 << 16);
    for (;;) co_await to.write_some(data);
}

} // namespace

TEST_CASE("a stream knows both its addresses", "[net][tcp_stream]") {
    run_on([]() -> task<> {
        auto pair = co_await make_tcp_pair();

        CHECK(pair.ours.local_endpoint() == pair.theirs.remote_endpoint());
        CHECK(pair.theirs.local_endpoint() == pair.ours.remote_endpoint());
        CHECK(pair.ours.remote_endpoint().address() == "127.0.0.1");
        const auto peer = pair.ours.remote_endpoint();
        pair.ours.close();
        CHECK(pair.ours.remote_endpoint() == peer);
    });
}

TEST_CASE("small writes are not held back, unless one asks for it", "[net][tcp_stream]") {
    run_on([]() -> task<> {
        auto pair = co_await make_tcp_pair();

        CHECK(pair.ours.no_delay());
        CHECK(pair.theirs.no_delay());
        pair.ours.set_no_delay(false);
        CHECK_FALSE(pair.ours.no_delay());
    });
}

TEST_CASE("a silent peer can be asked whether it lives", "[net][tcp_stream]") {
    run_on([]() -> task<> {
        auto pair = co_await make_tcp_pair();
        auto& socket = pair.ours.socket();
        CHECK_FALSE(pair.ours.keep_alive());

        pair.ours.set_keep_alive(60s, 10s, 3);
        CHECK(pair.ours.keep_alive());
        CHECK(socket.option(IPPROTO_TCP, TCP_KEEPIDLE, "idle") == 60);
        CHECK(socket.option(IPPROTO_TCP, TCP_KEEPINTVL, "interval") == 10);
        CHECK(socket.option(IPPROTO_TCP, TCP_KEEPCNT, "probes") == 3);
        pair.ours.set_keep_alive(false);
        CHECK_FALSE(pair.ours.keep_alive());
    });
}

TEMPLATE_TEST_CASE("a peer that aborts is an error that names it, and no signal",
                   "[net][tcp_stream]", SYSTEM_REACTORS) {
    run_on<TestType>([]() -> task<> {
        auto pair = co_await make_tcp_pair();
        const auto name = pair.ours.remote_endpoint().to_string();

        SECTION("before the read") {
            pair.theirs.abort();
            const auto what = co_await error_of(reads(pair.ours));
            CHECK(what == "reading from " + name + ": Connection reset by peer");
        }
        SECTION("during the read") {
            auto reader = this_loop().spawn(error_of(reads(pair.ours)));
            co_await settle();
            pair.theirs.abort();
            const auto what = co_await reader;
            CHECK(what == "reading from " + name + ": Connection reset by peer");
        }
        SECTION("with data left to read") {
            co_await write_text(pair.theirs, "last words");
            pair.theirs.abort();
            const auto text = co_await read_text(pair.ours); // Linux keeps them
            CHECK(text == "last words");
            const auto what = co_await error_of(reads(pair.ours));
            CHECK(what == "reading from " + name + ": Connection reset by peer");
        }
        SECTION("during the write") {
            auto writer = this_loop().spawn(error_of(writes_for_ever(pair.ours)));
            co_await settle();
            pair.theirs.abort();
            const auto what = co_await writer;
            CHECK(what == "writing to " + name + ": Connection reset by peer");
        }
        SECTION("before the writes") {
            pair.theirs.abort();
            const auto first = co_await error_of(writes_for_ever(pair.ours));
            CHECK(first == "writing to " + name + ": Connection reset by peer");
            const auto second = co_await error_of(writes_for_ever(pair.ours));
            CHECK(second == "writing to " + name + ": Broken pipe");
        }
        SECTION("after we ended our half") {
            co_await pair.ours.shutdown_write();
            pair.theirs.abort();
            const auto what = co_await error_of(reads(pair.ours));
            CHECK(what == "reading from " + name + ": Connection reset by peer");
        }
        SECTION("after it ended its half") {
            co_await pair.theirs.shutdown_write();
            co_await reads(pair.ours);
            pair.theirs.abort();
            const auto what = co_await error_of(writes_for_ever(pair.ours));
            CHECK(what == "writing to " + name + ": Broken pipe");
        }
        SECTION("before we end our half") {
            pair.theirs.abort();
            ::pollfd reset{pair.ours.native_handle(), 0, 0};
            CHECK(::poll(&reset, 1, -1) == 1); // it has come
            std::error_code code;
            co_await pair.ours.shutdown_write(code);
            CHECK(code == std::errc::not_connected);
        }
    });
}

TEMPLATE_TEST_CASE("both ends may end their halves, in either order", "[net][tcp_stream]",
                   SYSTEM_REACTORS) {
    run_on<TestType>([]() -> task<> {
        auto pair = co_await make_tcp_pair();

        co_await pair.ours.shutdown_write();
        co_await pair.theirs.shutdown_write();
        const auto ours = co_await read_text(pair.ours);
        const auto theirs = co_await read_text(pair.theirs);

        CHECK((ours + theirs).empty());
    });
}

TEST_CASE("a stream of nothing is closed", "[net][tcp_stream]") {
    run_on([]() -> task<> {
        tcp_stream stream;
        CHECK_FALSE(stream.is_open());
        CHECK(stream.remote_endpoint() == weft::endpoint());
        const auto what = co_await error_of(reads(stream));
        CHECK(what == "reading: Bad file descriptor");

        auto pair = co_await make_tcp_pair();
        stream = std::move(pair.ours);
        CHECK(stream.is_open());
        CHECK_FALSE(pair.ours.is_open());
        co_await write_text(pair.theirs, "hello");
        const auto text = co_await read_text(stream);
        CHECK(text == "hello");
    });
}
