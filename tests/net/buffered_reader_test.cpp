// SPDX-License-Identifier: MIT
#include <weft/net/buffered_reader.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

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
using weft::buffered_reader;
using weft::task;

namespace {

/// A reader of `text`, which comes in pieces of `piece` bytes and then ends.
struct source {
    source(std::string content, std::size_t limit, std::size_t piece)
        : source(weft::make_duplex(piece), std::move(content), limit) {}

    weft::duplex sender, receiver;
    std::string text;
    buffered_reader<weft::duplex> reader;

    /// Sends everything; runs beside `body`, which is handed the reader.
    template <class Body> task<> with(Body body) {
        const auto send = [this]() -> task<> {
            std::error_code gone; // `body` may have seen enough
            co_await weft::write_all(sender, text, gone);
            if (!gone) co_await sender.shutdown_write();
        };
        co_await weft::when_all(send(), body(reader));
    }

private:
    source(std::pair<weft::duplex, weft::duplex> ends, std::string content, std::size_t limit)
        : sender(std::move(ends.first)), receiver(std::move(ends.second)),
          text(std::move(content)), reader(receiver, limit) {}
};

using reader_type = buffered_reader<weft::duplex>;

/// Runs `body` with a reader of `text`.
template <class Body>
void with_reader(std::string text, std::size_t limit, std::size_t piece, Body body) {
    run([&]() -> task<> {
        source from(std::move(text), limit, piece);
        co_await from.with([&](reader_type& reader) -> task<> {
            co_await body(reader);
            from.receiver.close();
        });
    });
}

task<std::vector<std::string>> all_lines(reader_type& reader) {
    std::vector<std::string> lines;
    while (auto line = co_await reader.read_line()) lines.emplace_back(*line);
    co_return lines;
}

/// The code of an awaitable that fails.
template <class A> task<std::error_code> code_of(A awaitable) {
    std::error_code code;
    try {
        co_await std::move(awaitable);
    } catch (const std::system_error& error) {
        code = error.code();
    }
    co_return code;
}

using lines = std::vector<std::string>;

} // namespace

TEST_CASE("read_line returns lines without their ends", "[net][buffered_reader]") {
    const auto piece = GENERATE(std::size_t{1}, std::size_t{2}, std::size_t{1000});
    with_reader("one\ntwo\r\n\n\r\nthe \rlast\n", 100, piece, [](reader_type& reader) -> task<> {
        const auto got = co_await all_lines(reader);
        CHECK(got == lines{"one", "two", "", "", "the \rlast"});
        const auto after = co_await reader.read_line();
        CHECK_FALSE(after);
    });
}

TEST_CASE("the last line may end with the stream", "[net][buffered_reader]") {
    with_reader("one\ntwo\r", 100, 1, [](reader_type& reader) -> task<> {
        const auto got = co_await all_lines(reader);
        CHECK(got == lines{"one", "two\r"});
    });
    with_reader("", 100, 1, [](reader_type& reader) -> task<> {
        const auto got = co_await all_lines(reader);
        CHECK(got.empty());
    });
}

TEST_CASE("read_until finds a separator that is split over pieces", "[net][buffered_reader]") {
    const auto piece = GENERATE(std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{1000});
    with_reader("head\r\n\r\n\r\r\n\r\n\r\n\r\n", 100, piece, [](reader_type& reader) -> task<> {
        auto got = co_await reader.read_until("\r\n\r\n");
        CHECK(got == "head");
        got = co_await reader.read_until("\r\n\r\n");
        CHECK(got == "\r");
        got = co_await weft::read_until(reader, "\r\n\r\n");
        CHECK(got == "");
        got = co_await reader.read_until("\r\n\r\n");
        CHECK_FALSE(got);
    });
}

TEST_CASE("the end of the stream in mid-record is an error that carries the partial",
          "[net][buffered_reader]") {
    with_reader("a;b;par", 100, 2, [](reader_type& reader) -> task<> {
        auto got = co_await reader.read_until(";");
        got = co_await reader.read_until(";");
        CHECK(got == "b");
        std::string partial;
        try {
            got = co_await reader.read_until(";");
        } catch (const weft::end_of_stream_error& error) {
            partial = error.partial();
        }
        CHECK(partial == "par");

        std::error_code code;
        got = co_await reader.read_until(";", code);
        CHECK(code == weft::errc::closed);
        CHECK_FALSE(got);
        CHECK(reader.buffered() == "par"); // nothing was consumed
        got = co_await weft::read_line(reader);
        CHECK(got == "par");
    });
}

TEST_CASE("a record over the limit is an error and consumes nothing", "[net][buffered_reader]") {
    const auto piece = GENERATE(std::size_t{1}, std::size_t{4}, std::size_t{1000});
    // Whatever the pieces: what counts is the record.
    with_reader("12345\n123456\nrest\n", 5, piece, [](reader_type& reader) -> task<> {
        auto line = co_await reader.read_line();
        CHECK(line == "12345");
        for (int i = 0; i < 2; ++i) {
            const auto code = co_await code_of(reader.read_line());
            CHECK(code == weft::errc::limit);
        }
        CHECK(reader.buffered().substr(0, 6) == "123456");

        reader.consume(3);
        line = co_await reader.read_line();
        CHECK(line == "456");
        std::error_code code;
        line = co_await reader.read_line(code);
        CHECK_FALSE(code);
        CHECK(line == "rest");
    });
}

TEST_CASE("an unterminated record over the limit is one, too", "[net][buffered_reader]") {
    with_reader("123456", 5, 3, [](reader_type& reader) -> task<> {
        std::error_code code;
        const auto line = co_await reader.read_line(code);
        CHECK(code == weft::errc::limit);
        CHECK_FALSE(line);
        code.clear();
        code = co_await code_of(reader.read_until(";;;"));
        CHECK(code == weft::errc::limit);
        CHECK(reader.buffered() == "123456");
    });
}

TEST_CASE("read_exactly takes what is buffered first, and may exceed the limit",
          "[net][buffered_reader]") {
    const std::string body(50'000, 'b');
    with_reader("line\n" + body + "after", 10, 700, [&](reader_type& reader) -> task<> {
        auto line = co_await reader.read_line();
        CHECK(line == "line");
        std::string into(body.size(), '?');
        co_await reader.read_exactly(std::as_writable_bytes(std::span(into)));
        CHECK(into == body);
        co_await reader.read_exactly({});
        line = co_await reader.read_line();
        CHECK(line == "after");
    });
}

TEST_CASE("read_exactly at the end of the stream has consumed nothing", "[net][buffered_reader]") {
    with_reader("abc", 10, 1, [](reader_type& reader) -> task<> {
        std::array<std::byte, 4> into{};
        std::string partial;
        try {
            co_await reader.read_exactly(into);
        } catch (const weft::end_of_stream_error& error) {
            partial = error.partial();
        }
        CHECK(partial == "abc");
        std::error_code code;
        co_await reader.read_exactly(into, code);
        CHECK(code == weft::errc::closed);
        co_await reader.read_exactly(std::span(into).first(3), code);
        CHECK_FALSE(code);
        CHECK(weft::text(std::span(into).first(3)) == "abc");
    });
}

TEST_CASE("read_some takes what is buffered, then what comes", "[net][buffered_reader]") {
    const auto size = GENERATE(std::size_t{3}, std::size_t{20'000});
    with_reader("l\nabcdef", 10, 1000, [&](reader_type& reader) -> task<> {
        std::string into(size, '?');
        const auto room = std::as_writable_bytes(std::span(into));
        const auto line = co_await reader.read_line();
        CHECK(line == "l");
        std::string all;
        std::error_code code;
        while (const std::size_t got = co_await reader.read_some(room, code))
            all.append(into, 0, got);
        CHECK(all == "abcdef");
        const std::size_t end = co_await reader.read_some(room);
        CHECK(end == 0);
    });
}

TEST_CASE("a cancelled read loses no byte", "[net][buffered_reader]") {
    run([]() -> task<> {
        auto [left, right] = weft::make_duplex();
        reader_type reader(right);
        std::array<std::byte, 7> into{};

        co_await weft::write_all(left, "hel");
        auto line = co_await weft::try_for(1s, reader.read_line());
        CHECK_FALSE(line);
        auto until = co_await weft::try_for(1s, reader.read_until("ld"));
        CHECK_FALSE(until);
        auto exactly = co_await weft::try_for(1s, reader.read_exactly(into));
        CHECK_FALSE(exactly);
        CHECK(reader.buffered() == "hel");
        co_await weft::write_all(left, "lo\n");

        const auto got = co_await reader.read_line();
        CHECK(got == "hello");
        auto nothing = co_await weft::try_for(1s, reader.read_some(into));
        CHECK_FALSE(nothing);
        co_await weft::write_all(left, "x");
        const std::size_t size = co_await reader.read_some(into);
        CHECK(size == 1);
    });
}

TEST_CASE("whatever is cancelled whenever, all bytes are read, once", "[net][buffered_reader]") {
    for (unsigned seed = 0; seed < 200; ++seed) {
        INFO("seed " << seed);
        run([seed]() -> task<> {
            std::mt19937 random(seed);
            std::string text;
            for (int i = 0; i < 40; ++i)
                text += std::string(random() % 9, static_cast<char>('a' + i % 26)) + "\r\n";
            source from(text, 100, 1 + random() % 20);
            std::string got;
            const auto send = [&]() -> task<> {
                for (std::size_t at = 0; at < text.size();) {
                    const auto size = std::min<std::size_t>(1 + random() % 12, text.size() - at);
                    co_await weft::write_all(from.sender, std::string_view(text).substr(at, size));
                    at += size;
                    co_await weft::sleep_for(std::chrono::milliseconds(random() % 5));
                }
                co_await from.sender.shutdown_write();
            };
            const auto receive = [&]() -> task<> {
                for (bool end = false; !end;) {
                    const auto patience = std::chrono::milliseconds(1 + random() % 4);
                    std::error_code code;
                    if (random() % 2 == 0) {
                        auto line =
                            co_await weft::try_for(patience, from.reader.read_until("\r\n", code));
                        if (line && *line) got.append(**line).append("\r\n");
                        end = line && !*line;
                    } else {
                        std::array<std::byte, 3> into{};
                        auto done =
                            co_await weft::try_for(patience, from.reader.read_exactly(into, code));
                        if (done && !code) got += weft::text(into);
                        end = done && code;
                    }
                    if (end) got += from.reader.buffered(); // too little for what was asked
                }
            };
            co_await weft::when_all(send(), receive());
            CHECK(got == text);
        });
    }
}

TEST_CASE("a second read while one waits is refused", "[net][buffered_reader]") {
    branches b;
    auto [left, right] = weft::make_duplex();
    reader_type reader(right);
    std::string got;
    std::error_code thrown, stored;
    b.spawn([&]() -> task<> {
        const auto line = co_await reader.read_line();
        got = line.value();
    });
    b.run();
    b.spawn([&]() -> task<> { thrown = co_await code_of(reader.read_line()); });
    b.spawn([&]() -> task<> {
        const auto line = co_await reader.read_line(stored);
        CHECK_FALSE(line);
    });
    b.run();
    CHECK(thrown == weft::errc::busy);
    CHECK(stored == weft::errc::busy);

    b.spawn([&]() -> task<> { co_await weft::write_all(left, "mine\n"); });
    b.run();

    CHECK(got == "mine");
}

TEST_CASE("errors of the stream pass through", "[net][buffered_reader]") {
    run([]() -> task<> {
        auto [left, right] = weft::make_duplex();
        reader_type reader(right);
        co_await weft::write_all(left, "half");
        left.abort();

        std::error_code code;
        const auto line = co_await reader.read_line(code);
        CHECK_FALSE(line);
        CHECK(code == std::errc::connection_reset);
        std::array<std::byte, 9> into{};
        co_await reader.read_exactly(into, code);
        CHECK(code == std::errc::connection_reset);
        code = co_await code_of(reader.read_until("x"));
        CHECK(code == std::errc::connection_reset);
        CHECK(reader.buffered() == "half");
        const std::size_t rest = co_await reader.read_some(into, code);
        CHECK(rest == 4);
        const std::size_t none = co_await reader.read_some(into, code);
        CHECK(none == 0);
        CHECK(code == std::errc::connection_reset);
    });
}

TEST_CASE("reading lines can end at any point", "[net][buffered_reader]") {
    sweep([]() -> task<> {
        const weft::testing::tracked local;
        source from("one\ntwo\nthree", 100, 2);
        co_await from.with([](reader_type& reader) -> task<> {
            const auto got = co_await all_lines(reader);
            CHECK(got == lines{"one", "two", "three"});
        });
    });
}

TEST_CASE("a reader need have no limit", "[net][buffered_reader]") {
    run([]() -> task<> {
        source from("one\nand a last one", std::size_t(-1), 3);
        co_await from.with([](auto& reader) -> task<> {
            const auto first = co_await reader.read_line();
            CHECK(first == "one");
            const auto last = co_await reader.read_line();
            CHECK(last == "and a last one");
            const auto end = co_await reader.read_line();
            CHECK_FALSE(end);
        });
    });
}
