// SPDX-License-Identifier: MIT
#include <weft/net/unix_stream.hpp>

#include <array>
#include <string>
#include <type_traits>

#include <weft/net/connect.hpp>
#include <weft/net/unix_listener.hpp>

#include "support/catch.hpp"
#include "support/sockets.hpp"

using weft::task;
using weft::unix_stream;

static_assert(std::is_nothrow_move_constructible_v<unix_stream>);
static_assert(!std::is_copy_constructible_v<unix_stream>);

namespace {

task<> reads(unix_stream& from) {
    std::array<std::byte, 16> room;
    co_await from.read_some(room);
}

} // namespace

TEMPLATE_TEST_CASE("two processes of one machine talk", "[net][unix_stream]", SYSTEM_REACTORS) {
    run_on<TestType>([]() -> task<> {
        weft::unix_listener listener("@weft-unix-stream-" + std::to_string(::getpid()));
        auto ours = co_await weft::connect_unix(listener.local_endpoint().address());
        auto theirs = co_await listener.accept();

        co_await write_text(ours, "hello");
        const auto text = co_await read_text(theirs);
        CHECK(text == "hello");
        co_await theirs.shutdown_write();
        const auto end = co_await read_text(ours);
        CHECK(end.empty());
        CHECK(theirs.local_endpoint() == listener.local_endpoint());
    });
}

TEST_CASE("a peer without a name fails without one", "[net][unix_stream]") {
    run_on([]() -> task<> {
        weft::unix_listener listener("@weft-unix-stream-" + std::to_string(::getpid()));
        auto ours = co_await weft::connect_unix(listener.local_endpoint().address());
        auto theirs = co_await listener.accept();
        co_await write_text(ours, "unread");

        theirs.close();

        const auto what = co_await error_of(reads(ours));
        CHECK(what == "reading: Connection reset by peer");
    });
}

TEST_CASE("a unix stream of nothing is closed", "[net][unix_stream]") {
    run_on([]() -> task<> {
        unix_stream stream;
        CHECK_FALSE(stream.is_open());
        const auto what = co_await error_of(reads(stream));
        CHECK(what == "reading: Bad file descriptor");
    });
}
