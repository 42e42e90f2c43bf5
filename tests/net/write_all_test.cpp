// SPDX-License-Identifier: MIT
#include <weft/net/write_all.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <weft/compose/when_all.hpp>
#include <weft/core/error.hpp>
#include <weft/coro/task.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/duplex.hpp>
#include <weft/testing/tracked.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/sweep.hpp"

using weft::bytes;
using weft::task;

namespace {

/// A stream of a user: takes at most three bytes at a time, gives at most two, and knows neither
/// codes nor lists.
struct slow_stream {
    std::string input, written;
    int writes = 0;

    task<std::size_t> read_some(weft::mutable_buffer into) {
        const auto size = std::min({into.size(), input.size(), std::size_t{2}});
        std::copy_n(bytes(input).data(), size, into.data());
        input.erase(0, size);
        co_return size;
    }
    task<std::size_t> write_some(weft::const_buffer from) {
        const auto size = std::min(from.size(), std::size_t{3});
        written += weft::text(from.first(size));
        ++writes;
        co_return size;
    }
    task<> shutdown_write() { co_return; }
};

/// One that takes lists, and counts.
struct listing_stream : slow_stream {
    using slow_stream::write_some;
    task<std::size_t> write_some(std::span<const weft::const_buffer> parts) {
        std::size_t size = 0;
        for (const auto& each : parts) {
            written += weft::text(each.first(std::min(each.size(), 5 - size)));
            size += std::min(each.size(), 5 - size);
        }
        ++writes;
        co_return size;
    }
};

static_assert(weft::async_stream<slow_stream> && !weft::gathering_stream<slow_stream>);
static_assert(!weft::reporting_stream<slow_stream>);
static_assert(weft::gathering_stream<listing_stream>);
static_assert(!weft::async_stream<std::string>);

} // namespace

TEST_CASE("write_all writes all, however little the stream takes at a time", "[net][write_all]") {
    run([]() -> task<> {
        slow_stream stream;
        co_await weft::write_all(stream, "hello, ");
        co_await weft::write_all(stream, bytes("world"));
        co_await weft::write_all(stream, std::string("!"));
        co_await weft::write_all(stream, "");
        CHECK(stream.written == "hello, world!");
    });
}

TEST_CASE("several parts are written in order", "[net][write_all]") {
    run([]() -> task<> {
        slow_stream plain;
        listing_stream gathers;
        const std::vector<std::byte> raw{std::byte{'r'}, std::byte{'a'}, std::byte{'w'}};

        co_await weft::write_all(plain, "one", std::string(), raw, std::string("four"));
        co_await weft::write_all(gathers, "one", "", raw, std::string("four"));
        co_await weft::write_all(gathers, "", "");

        CHECK(plain.written == "onerawfour");
        CHECK(gathers.written == "onerawfour");
        CHECK(gathers.writes == 2);
    });
}

TEST_CASE("read_exactly reads until it is full", "[net][write_all]") {
    run([]() -> task<> {
        slow_stream stream{"12345678", "", 0};
        std::array<char, 5> into{};
        co_await weft::read_exactly(stream, std::as_writable_bytes(std::span(into)));
        CHECK(std::string_view(into.data(), 5) == "12345");
        CHECK(stream.input == "678");
    });
}

TEST_CASE("a stream that ends too soon is an error that has what arrived", "[net][write_all]") {
    run([]() -> task<> {
        slow_stream stream{"123", "", 0};
        std::array<std::byte, 5> into{};
        std::string partial, what;
        std::error_code code;
        try {
            co_await weft::read_exactly(stream, into);
        } catch (const weft::end_of_stream_error& error) {
            partial = error.partial();
            what = error.what();
            code = error.code();
        }
        CHECK(partial == "123");
        CHECK(code == weft::errc::closed);
        CHECK_THAT(what, Catch::Matchers::ContainsSubstring("after 3 bytes"));
    });
}

TEST_CASE("the forms with a code throw nothing", "[net][write_all]") {
    run([]() -> task<> {
        auto [left, right] = weft::make_duplex();
        std::error_code code = weft::errc::busy;
        std::array<std::byte, 4> into{};

        std::size_t size = co_await weft::write_all(left, "123456", code);
        CHECK(size == 6);
        CHECK_FALSE(code);
        size = co_await weft::read_exactly(right, into, code);
        CHECK(size == 4);
        CHECK_FALSE(code);
        co_await left.shutdown_write();
        size = co_await weft::read_exactly(right, into, code);
        CHECK(size == 2);
        CHECK(code == weft::errc::closed);
        left.close();
        size = co_await weft::write_all(right, bytes("x"), code);
        CHECK(size == 0);
        CHECK(code == std::errc::broken_pipe);
        right.close();
        size = co_await weft::read_exactly(right, into, code);
        CHECK(size == 0);
        CHECK(code == std::errc::bad_file_descriptor);
    });
}

TEST_CASE("write_all and read_exactly can end at any point", "[net][write_all]") {
    sweep([]() -> task<> {
        const weft::testing::tracked local;
        auto [left, right] = weft::make_duplex(2);
        std::array<std::byte, 9> into{};
        co_await weft::when_all(weft::write_all(left, "12", "3456", "789"),
                                weft::read_exactly(right, into));
        CHECK(weft::text(into) == "123456789");
    });
}
