// SPDX-License-Identifier: MIT
#include <weft/net/buffered_writer.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <weft/compose/when_all.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/core/error.hpp>
#include <weft/coro/task.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/duplex.hpp>
#include <weft/net/write_all.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using weft::buffered_writer;
using weft::duplex;
using weft::task;

namespace {

/// Reads what is there, without waiting for more.
task<std::string> read_now(duplex& from) {
    std::string all;
    for (;;) {
        std::array<std::byte, 64> into{};
        auto size = co_await weft::try_for(1ns, from.read_some(into));
        if (!size || *size == 0) co_return all;
        all += weft::text(std::span(into).first(*size));
    }
}

} // namespace

TEST_CASE("small writes are gathered until they are flushed", "[net][buffered_writer]") {
    run([]() -> task<> {
        auto [left, right] = weft::make_duplex();
        buffered_writer writer(left, 10);

        co_await writer.write("abc");
        co_await writer.write(weft::bytes("def"));
        co_await writer.write("");
        std::string got = co_await read_now(right);
        CHECK(got.empty());
        CHECK(writer.buffered() == 6);
        co_await writer.flush();

        CHECK(writer.buffered() == 0);
        got = co_await read_now(right);
        CHECK(got == "abcdef");
    });
}

TEST_CASE("a write that finds no room flushes what was before", "[net][buffered_writer]") {
    run([]() -> task<> {
        auto [left, right] = weft::make_duplex();
        buffered_writer writer(left, 10);

        co_await writer.write("1234567");
        co_await writer.write("890");
        CHECK(writer.buffered() == 10);
        co_await writer.write("abcd");
        CHECK(writer.buffered() == 4);
        std::string got = co_await read_now(right);
        CHECK(got == "1234567890");

        co_await writer.write("more than its capacity");
        got = co_await read_now(right);
        CHECK(got == "abcdmore than its capacity");
    });
}

TEST_CASE("a writer whose peer does not read waits, and holds no more than its capacity",
          "[net][buffered_writer]") {
    branches b;
    auto [left, right] = weft::make_duplex(4);
    buffered_writer writer(left, 8);
    const auto busy = b.spawn([&]() -> task<> {
        for (int i = 0; i < 100; ++i) co_await writer.write("abc");
    });
    b.run();

    CHECK(b.is_alive(busy));
    CHECK(writer.buffered() <= 8);
    b.cancel(busy);
    b.run();
}

TEST_CASE("a cancelled write has written nothing, a cancelled flush has lost nothing",
          "[net][buffered_writer]") {
    run([]() -> task<> {
        auto [left, right] = weft::make_duplex(3);
        buffered_writer writer(left, 8);

        co_await writer.write("12345678");
        auto flushed = co_await weft::try_for(1s, writer.flush());
        CHECK_FALSE(flushed);
        auto written = co_await weft::try_for(1s, writer.write("never"));
        CHECK_FALSE(written);
        CHECK(writer.buffered() == 5);

        auto results = co_await weft::when_all(read_now(right), writer.flush());
        CHECK(std::get<0>(results) == "12345678");
    });
}

TEST_CASE("several branches may write, and each write stays whole, in order",
          "[net][buffered_writer]") {
    branches b;
    auto [left, right] = weft::make_duplex(2);
    buffered_writer writer(left, 6);
    const auto first = b.spawn([&]() -> task<> {
        co_await writer.write("aaaa");
        co_await writer.write("AAAAAAAAAA"); // does not fit at all
    });
    b.run();
    CHECK(b.is_alive(first));
    b.spawn([&]() -> task<> { co_await writer.write("bbbb"); });
    b.spawn([&]() -> task<> {
        co_await writer.write("cc");
        co_await writer.shutdown_write();
    });

    std::string got;
    b.spawn([&]() -> task<> {
        std::array<std::byte, 64> into{};
        while (const std::size_t size = co_await right.read_some(into))
            got += weft::text(std::span(into).first(size));
    });
    b.run();

    CHECK(got == "aaaaAAAAAAAAAAbbbbcc");
}

TEST_CASE("after an error of the stream, what it has not taken is still there",
          "[net][buffered_writer]") {
    run([]() -> task<> {
        auto [left, right] = weft::make_duplex();
        buffered_writer writer(left, 10);
        co_await writer.write("abc");
        right.close();
        std::error_code code;
        try {
            co_await writer.flush();
        } catch (const std::system_error& error) {
            code = error.code();
        }
        CHECK(code == std::errc::broken_pipe);
        CHECK(writer.buffered() == 3);
    });
}

TEST_CASE("a writer stores the error of its stream where that is wanted",
          "[net][buffered_writer]") {
    run([]() -> task<> {
        auto [left, right] = weft::make_duplex();
        buffered_writer writer(left, 4);
        std::error_code code = weft::errc::busy;
        co_await writer.write("abc", code);
        CHECK_FALSE(code);
        code = weft::errc::busy;
        co_await writer.flush(code);
        CHECK_FALSE(code);
        co_await writer.write(weft::bytes("larger than the capacity"), code);
        CHECK_FALSE(code);
        std::string got = co_await read_now(right);
        CHECK(got == "abclarger than the capacity");

        co_await writer.write("abc", code);
        right.close();
        co_await writer.write("does not fit", code);
        CHECK(code == std::errc::broken_pipe);
        co_await writer.write("d", code); // room enough
        CHECK_FALSE(code);
        co_await writer.flush(code);
        CHECK(code == std::errc::broken_pipe);
        CHECK(writer.buffered() == 4);
        code.clear();
        co_await writer.shutdown_write(code);
        CHECK(code == std::errc::broken_pipe);
    });
}

TEST_CASE("a writer that stores errors ends its stream", "[net][buffered_writer]") {
    run([]() -> task<> {
        auto [left, right] = weft::make_duplex();
        buffered_writer writer(left);
        std::error_code code = weft::errc::busy;
        co_await writer.write("the end", code);
        code = weft::errc::busy;
        co_await writer.shutdown_write(code);
        CHECK_FALSE(code);
        std::array<std::byte, 8> into{};
        co_await weft::read_exactly(right, into, code);
        CHECK(code == weft::errc::closed);
        CHECK(weft::text(std::span(into).first(7)) == "the end");

        left.close();
        co_await writer.shutdown_write(code);
        CHECK(code == std::errc::bad_file_descriptor);
    });
}

TEST_CASE("writing through a buffer can end at any point", "[net][buffered_writer]") {
    sweep([]() -> task<> {
        const weft::testing::tracked local;
        auto [left, right] = weft::make_duplex(3);
        buffered_writer writer(left, 4);
        const auto write = [&]() -> task<> {
            co_await writer.write("one");
            co_await writer.write("two");
            co_await writer.write("eleven");
            co_await writer.shutdown_write();
        };
        std::array<std::byte, 12> into{};
        co_await weft::when_all(write(), weft::read_exactly(right, into));
        CHECK(weft::text(into) == "onetwoeleven");
    });
}
