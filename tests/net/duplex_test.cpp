// SPDX-License-Identifier: MIT
#include <weft/net/duplex.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include <weft/compose/when_all.hpp>
#include <weft/core/error.hpp>
#include <weft/coro/task.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/write_all.hpp>
#include <weft/testing/tracked.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/streams.hpp"
#include "support/sweep.hpp"

using weft::bytes;
using weft::duplex;
using weft::make_duplex;
using weft::task;

namespace {

/// The error code of an awaitable that fails; no error if it does not.
template <class A> task<std::error_code> code_of(A awaitable) {
    std::error_code code;
    try {
        co_await std::move(awaitable);
    } catch (const std::system_error& error) {
        code = error.code();
    }
    co_return code;
}

constexpr std::string_view hello = "hello";

} // namespace

TEST_CASE("bytes go both ways, in order", "[net][duplex]") {
    run([]() -> task<> {
        auto [left, right] = make_duplex();

        const std::size_t there = co_await left.write_some(bytes("hello"));
        CHECK(there == 5);
        co_await weft::write_all(left, " world");
        co_await weft::write_all(right, "good day");

        std::string text = co_await read_text(right, 8);
        CHECK(text == "hello wo");
        text = co_await read_text(right);
        CHECK(text == "rld");
        text = co_await read_text(left);
        CHECK(text == "good day");
    });
}

TEST_CASE("a reader waits for bytes", "[net][duplex]") {
    branches b;
    auto [left, right] = make_duplex();
    std::string got;
    const auto reader = b.spawn([&]() -> task<> { got = co_await read_text(right); });

    b.run();
    CHECK(b.is_alive(reader));
    b.spawn([&]() -> task<> { co_await weft::write_all(left, "now"); });
    b.run();

    CHECK(got == "now");
}

TEST_CASE("a writer waits for room, and never for more than a byte of it", "[net][duplex]") {
    branches b;
    auto [left, right] = make_duplex(4);
    std::size_t first = 0, second = 0;
    const auto writer = b.spawn([&]() -> task<> {
        first = co_await left.write_some(bytes("123456"));
        second = co_await left.write_some(bytes("56"));
    });

    b.run();
    CHECK(first == 4);
    CHECK(b.is_alive(writer));
    std::string got;
    b.spawn([&]() -> task<> { got = co_await read_text(right, 1); });
    b.run();

    CHECK(got == "1");
    CHECK(second == 1);
}

TEST_CASE("much goes through little room", "[net][duplex]") {
    const auto capacity = GENERATE(std::size_t{1}, std::size_t{3}, std::size_t{4096});
    run([](std::size_t room) -> task<> {
        auto [left, right] = make_duplex(room);
        std::string sent;
        for (int i = 0; i < 5000; ++i) sent.push_back(static_cast<char>('a' + i % 26));
        auto& writing = left;
        const auto write = [&]() -> task<> {
            co_await weft::write_all(writing, sent);
            co_await writing.shutdown_write();
        };

        auto results = co_await weft::when_all(write(), read_rest(right, 7));

        CHECK(std::get<1>(results) == sent);
    }, capacity);
}

TEST_CASE("shutdown_write ends one direction, behind what was written", "[net][duplex]") {
    run([]() -> task<> {
        auto [left, right] = make_duplex();
        co_await weft::write_all(left, "last words");
        co_await left.shutdown_write();
        co_await left.shutdown_write();

        const std::string said = co_await read_rest(right, 7);
        CHECK(said == "last words");
        const std::string again = co_await read_text(right);
        CHECK(again.empty());
        co_await weft::write_all(right, "answer");
        const std::string answer = co_await read_text(left);
        CHECK(answer == "answer");
        const auto refused = co_await code_of(left.write_some(bytes("more")));
        CHECK(refused == std::errc::broken_pipe);
    });
}

TEST_CASE("shutdown_write wakes a reader, and a writer at the same end", "[net][duplex]") {
    branches b;
    auto [left, right] = make_duplex(1);
    std::optional<std::string> got;
    std::error_code code;
    b.spawn([&]() -> task<> { co_await weft::write_all(left, "x"); });
    b.run();
    b.spawn([&]() -> task<> { code = co_await code_of(left.write_some(bytes("y"))); });
    b.run();

    b.spawn([&]() -> task<> { co_await left.shutdown_write(); });
    b.run();
    b.spawn([&]() -> task<> { got = co_await read_rest(right); });
    b.run();

    CHECK(code == std::errc::broken_pipe);
    CHECK(got == "x");
}

TEST_CASE("after the peer has closed, what it wrote is read, then the end", "[net][duplex]") {
    run([]() -> task<> {
        auto [left, right] = make_duplex();
        co_await weft::write_all(left, "bye");
        left.close();
        left.close();

        const std::string said = co_await read_rest(right);
        CHECK(said == "bye");
        const auto code = co_await code_of(right.write_some(bytes("are you there?")));
        CHECK(code == std::errc::broken_pipe);
    });
}

TEST_CASE("a peer that closes with bytes unread resets the connection", "[net][duplex]") {
    run([]() -> task<> {
        auto [left, right] = make_duplex();
        co_await weft::write_all(left, "bye");
        co_await weft::write_all(right, "never read");
        {
            const auto gone = std::move(left);
        }

        const std::string said = co_await read_text(right);
        CHECK(said == "bye");
        const auto code = co_await code_of(right.read_some(weft::mutable_buffer()));
        CHECK_FALSE(code); // nothing was asked for
        const auto reading = co_await code_of(read_text(right));
        CHECK(reading == std::errc::connection_reset);
        const auto writing = co_await code_of(right.write_some(bytes("x")));
        CHECK(writing == std::errc::connection_reset);
    });
}

TEST_CASE("abort resets the connection, also for who waits", "[net][duplex]") {
    branches b;
    auto [left, right] = make_duplex(1);
    std::error_code reading, writing;
    b.spawn([&]() -> task<> { reading = co_await code_of(read_text(right)); });
    b.spawn([&]() -> task<> {
        writing = co_await code_of(weft::write_all(right, "too much"));
    });
    b.run();

    left.abort();
    b.run();

    CHECK(reading == std::errc::connection_reset);
    CHECK(writing == std::errc::connection_reset);
}

TEST_CASE("who waits for an end that is closed or destroyed gets an error, once",
          "[net][duplex]") {
    const bool destroyed = GENERATE(false, true);
    branches b;
    auto ends = make_duplex(1);
    std::optional<duplex> left(std::move(ends.first));
    std::error_code reading, writing;
    b.spawn([&]() -> task<> {
        reading = co_await code_of(left->read_some(weft::mutable_buffer()));
    });
    b.run();
    CHECK_FALSE(reading);
    b.spawn([&]() -> task<> {
        std::array<std::byte, 8> into{};
        reading = co_await code_of(left->read_some(into));
    });
    b.spawn([&]() -> task<> { writing = co_await code_of(weft::write_all(*left, "too much")); });
    b.run();

    if (destroyed)
        left.reset();
    else
        left->close();
    b.run();

    CHECK(reading == std::errc::bad_file_descriptor);
    CHECK(writing == std::errc::bad_file_descriptor);
}

TEST_CASE("both ends may go while somebody is about to resume", "[net][duplex]") {
    branches b;
    auto ends = make_duplex();
    std::optional<std::pair<duplex, duplex>> both(std::move(ends));
    std::error_code reading;
    std::array<std::byte, 8> into{};
    b.spawn([&]() -> task<> { reading = co_await code_of(both->second.read_some(into)); });
    b.run();

    both.reset();
    b.run();

    CHECK(reading == std::errc::bad_file_descriptor);
}

TEST_CASE("an end can be moved while somebody waits for it", "[net][duplex]") {
    branches b;
    auto [left, right] = make_duplex();
    std::string got;
    b.spawn([&]() -> task<> { got = co_await read_text(right); });
    b.run();

    auto elsewhere = std::move(right);
    b.spawn([&]() -> task<> { co_await weft::write_all(left, "found you"); });
    b.run();

    CHECK(got == "found you");
}

TEST_CASE("a second reader is refused, a reader and a writer are not", "[net][duplex]") {
    branches b;
    auto [left, right] = make_duplex(1);
    std::string got;
    std::error_code second, second_writer;
    b.spawn([&]() -> task<> { got = co_await read_text(right); });
    b.spawn([&]() -> task<> { co_await weft::write_all(right, "ab"); });
    b.run();
    b.spawn([&]() -> task<> { second = co_await code_of(read_text(right)); });
    b.spawn([&]() -> task<> { second_writer = co_await code_of(right.write_some(bytes("c"))); });
    b.run();
    CHECK(second == weft::errc::busy);
    CHECK(second_writer == weft::errc::busy);

    b.spawn([&]() -> task<> { co_await weft::write_all(left, "first"); });
    b.run();

    CHECK(got == "f");
}

TEST_CASE("a reader that was woken is still the reader until it resumes", "[net][duplex]") {
    branches b;
    auto [left, right] = make_duplex();
    std::string got;
    std::error_code second;
    b.spawn([&]() -> task<> { got = co_await read_text(right); });
    b.run();

    b.spawn([&]() -> task<> {
        co_await weft::write_all(left, "hello");            // wakes it
        second = co_await code_of(read_text(right)); // before it could resume
    });
    b.run();

    CHECK(second == weft::errc::busy);
    CHECK(got == "hello");
}

TEST_CASE("a cancelled or dropped read or write moves no byte", "[net][duplex]") {
    const bool drop = GENERATE(false, true);
    const auto end = [&](branches& b, std::size_t number) {
        if (drop)
            b.drop(number);
        else
            b.cancel(number);
    };
    branches b;
    auto [left, right] = make_duplex(5);
    std::string got;

    SECTION("while it waits to read") {
        const auto reader = b.spawn([&]() -> task<> { got = co_await read_text(right); });
        b.run();
        end(b, reader);
        b.run();
        CHECK(b.was_destroyed(reader));
        b.spawn([&]() -> task<> { co_await weft::write_all(left, hello); });
        b.run();
    }
    SECTION("while it waits to write") {
        b.spawn([&]() -> task<> { co_await weft::write_all(left, hello); });
        const auto writer = b.spawn([&]() -> task<> { co_await weft::write_all(left, "lost"); });
        b.run();
        end(b, writer);
        b.run();
        CHECK(b.was_destroyed(writer));
    }
    SECTION("woken, and not resumed") {
        const auto reader = b.spawn([&]() -> task<> { got = co_await read_text(right); });
        b.run();
        b.spawn([&]() -> task<> {
            co_await weft::write_all(left, hello);
            end(b, reader);
        });
        b.run();
        // A cancel comes too late: what was completed is delivered.
        CHECK(b.was_destroyed(reader) == drop);
        CHECK(got == (drop ? "" : hello));
        if (!drop) return;
    }
    std::string next;
    b.spawn([&]() -> task<> { next = co_await read_text(right); });
    b.run();
    CHECK(next == hello);
}

TEST_CASE("failures are reported in a code, if one is given", "[net][duplex]") {
    run([]() -> task<> {
        auto [left, right] = make_duplex();
        std::error_code code = std::make_error_code(std::errc::io_error);
        std::array<std::byte, 8> into{};

        std::size_t size = co_await left.write_some(bytes("hi"), code);
        CHECK_FALSE(code);
        CHECK(size == 2);
        size = co_await right.read_some(into, code);
        CHECK_FALSE(code);
        CHECK(size == 2);
        left.abort();
        size = co_await right.read_some(into, code);
        CHECK(code == std::errc::connection_reset);
        CHECK(size == 0);
        size = co_await left.write_some(bytes("hi"), code);
        CHECK(code == std::errc::bad_file_descriptor);
        CHECK(size == 0);
        const auto shut = co_await code_of(left.shutdown_write());
        CHECK(shut == std::errc::bad_file_descriptor);
    });
}

TEST_CASE("several buffers are moved as if they were one", "[net][duplex]") {
    run([]() -> task<> {
        auto [left, right] = make_duplex(8);
        const std::array<weft::const_buffer, 4> words{bytes("a"), bytes(""), bytes("bcd"),
                                                      bytes("efghij")};
        std::array<char, 3> first{};
        std::array<char, 9> second{};
        const std::array<weft::mutable_buffer, 2> places{
            std::as_writable_bytes(std::span(first)), std::as_writable_bytes(std::span(second))};
        std::error_code code;

        const std::size_t written = co_await left.write_some(std::span(words));
        CHECK(written == 8);
        const std::size_t read = co_await right.read_some(std::span(places), code);
        CHECK(read == 8);
        CHECK(std::string_view(first.data(), 3) == "abc");
        CHECK(std::string_view(second.data(), 5) == "defgh");
    });
}

TEST_CASE("an end that was made from nothing, or moved from, is closed", "[net][duplex]") {
    run([]() -> task<> {
        duplex none;
        none.close();
        CHECK_FALSE(none.is_open());
        auto code = co_await code_of(read_text(none));
        CHECK(code == std::errc::bad_file_descriptor);
        code = co_await code_of(none.write_some(bytes("x")));
        CHECK(code == std::errc::bad_file_descriptor);
        co_await none.shutdown_write(code);
        CHECK(code == std::errc::bad_file_descriptor);

        auto [left, right] = make_duplex();
        CHECK(left.is_open());
        none = std::move(left);
        CHECK(none.is_open());
        CHECK_FALSE(left.is_open()); // NOLINT: what is left of it is the subject
        right.close();
        CHECK(none.is_open());
    });
}

TEST_CASE("a closed end that is asked for ever does not starve others", "[net][duplex]") {
    branches b;
    duplex none;
    int asked = 0;
    std::error_code code;
    b.spawn([&]() -> task<> {
        for (; asked < 300; ++asked) co_await none.write_some(bytes("x"), code);
    });
    b.run();
    CHECK(asked == 300);
}

TEST_CASE("what fails says what it did", "[net][duplex]") {
    run([]() -> task<> {
        auto [left, right] = make_duplex();
        right.close();
        std::string what;
        try {
            co_await weft::write_all(left, "x");
        } catch (const std::system_error& error) {
            what = error.what();
        }
        CHECK_THAT(what, Catch::Matchers::ContainsSubstring("writing to a duplex"));
    });
}

TEST_CASE("a pair without room is refused", "[net][duplex]") {
    CHECK_THROWS_AS(make_duplex(0), std::invalid_argument);
}

TEST_CASE("a reader whose every read is ready cannot starve others", "[net][duplex]") {
    branches b;
    auto [left, right] = make_duplex(1000);
    int reads = 0;
    bool other = false;
    int reads_before_other = 0;
    b.spawn([&]() -> task<> { co_await weft::write_all(left, std::string(1000, 'x')); });
    b.run();
    b.spawn([&]() -> task<> {
        for (; reads < 1000; ++reads) {
            const std::string one = co_await read_text(right, 1);
            CHECK(one == "x");
        }
    });
    b.spawn([&]() -> task<> {
        other = true;
        reads_before_other = reads;
        co_return;
    });
    b.run();

    CHECK(other);
    CHECK(reads == 1000);
    CHECK(reads_before_other < 100);
}

TEST_CASE("a conversation over a duplex can end at any point", "[net][duplex]") {
    sweep([]() -> task<> {
        const weft::testing::tracked local;
        auto [left, right] = make_duplex(3);
        auto& client = left;
        auto& server = right;
        const auto talk = [&]() -> task<> {
            co_await weft::write_all(client, "question");
            co_await client.shutdown_write();
            const std::string answer = co_await read_rest(client);
            CHECK(answer == "question");
        };
        const auto echo = [&]() -> task<> {
            for (;;) {
                const std::string part = co_await read_text(server, 2);
                if (part.empty()) break;
                co_await weft::write_all(server, part);
            }
            co_await server.shutdown_write();
        };
        co_await weft::when_all(talk(), echo());
    });
}
