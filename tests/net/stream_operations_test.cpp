// SPDX-License-Identifier: MIT
#include <weft/net/stream_operations.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include <weft/compose/when_all.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/loop/loop_clock.hpp>
#include <weft/net/tcp_stream.hpp>
#include <weft/net/unix_stream.hpp>
#include <weft/net/write_all.hpp>
#include <weft/time/sleep.hpp>

#include "support/catch.hpp"
#include "support/pipe.hpp"
#include "support/sockets.hpp"
#include "support/stepping_loop.hpp"

using namespace std::chrono_literals;
using weft::const_buffer;
using weft::mutable_buffer;
using weft::task;
using weft::tcp_stream;
using weft::this_loop;
using weft::unix_stream;

namespace {

unix_stream take_over(weft::unique_fd& fd) {
    weft::unique_socket socket(this_loop().system().calls(), fd.release());
    socket.attach(this_loop());
    return unix_stream(std::move(socket));
}
task<stream_pair<unix_stream>> make_unix_pair() {
    socket_pair pair;
    auto ours = take_over(pair.ours);
    auto theirs = take_over(pair.theirs);
    co_return stream_pair<unix_stream>(std::move(ours), std::move(theirs));
}

/// Makes pairs of one kind of stream, on one reactor.
template <class Reactor, class Stream> struct kind {
    using reactor = Reactor;
    using stream = Stream;
    static auto make() {
        if constexpr (std::is_same_v<Stream, tcp_stream>)
            return make_tcp_pair();
        else
            return make_unix_pair();
    }
};
#define EACH_STREAM                                                                                \
    (kind<weft::epoll_reactor, tcp_stream>), (kind<weft::poll_reactor, tcp_stream>),               \
        (kind<weft::epoll_reactor, unix_stream>), (kind<weft::poll_reactor, unix_stream>)

/// Nothing that was written is on its way: what can make room now is only that the peer reads.
bool has_settled(int fd) {
    int unconfirmed = 0, unsent = 0;
    if (::ioctl(fd, SIOCOUTQNSD, &unsent) != 0) return true; // of this kind nothing ever is
    REQUIRE(::ioctl(fd, SIOCOUTQ, &unconfirmed) == 0);
    return unconfirmed == unsent;
}

/// Writes until no more can be written.
template <class Stream> task<std::size_t> fill(Stream& to) {
    const std::vector<std::byte> data(1 << 16);
    std::size_t written = 0;
    for (;;) {
        const bool settled = has_settled(to.native_handle());
        const auto size = co_await weft::try_for(20ms, to.write_some(data));
        if (size)
            written += *size;
        else if (settled)
            co_return written;
    }
}

template <class Stream> task<> reads(Stream& from, std::string& log) {
    std::array<std::byte, 64> room;
    std::error_code code;
    const auto size = co_await from.read_some(room, code);
    log += code ? code.message() : size == 0 ? "end" : weft::text(std::span(room).first(size));
}
template <class Stream> task<> writes(Stream& to, std::string& log) {
    const std::vector<std::byte> data(1 << 16);
    std::error_code code;
    const auto size = co_await to.write_some(data, code);
    log += code ? code.message() : size == 0 ? "nothing" : "written";
}

} // namespace

TEMPLATE_TEST_CASE("what one end writes, the other one reads", "[net][stream_operations]",
                   EACH_STREAM) {
    run_on<typename TestType::reactor>([]() -> task<> {
        auto pair = co_await TestType::make();

        const auto written = co_await pair.ours.write_some(weft::bytes("hello"));
        CHECK(written == 5);
        const auto text = co_await read_text(pair.theirs);
        CHECK(text == "hello");
        co_await write_text(pair.theirs, "you too");
        const auto answer = co_await read_text(pair.ours, 3);
        CHECK(answer == "you");
        const auto rest = co_await read_text(pair.ours);
        CHECK(rest == " too");
    });
}

TEMPLATE_TEST_CASE("a read waits for data, and for the end of the stream",
                   "[net][stream_operations]", EACH_STREAM) {
    run_on<typename TestType::reactor>([]() -> task<> {
        auto pair = co_await TestType::make();
        std::string log;

        auto reader = this_loop().spawn(reads(pair.ours, log));
        co_await settle();
        CHECK(log.empty());
        co_await write_text(pair.theirs, "hello");
        co_await reader.wait();
        CHECK(log == "hello");

        auto last = this_loop().spawn(reads(pair.ours, log));
        co_await settle();
        pair.theirs.close();
        co_await last.wait();
        CHECK(log == "helloend");
        co_await reads(pair.ours, log);
        CHECK(log == "helloendend");
    });
}

TEMPLATE_TEST_CASE("a write waits for room", "[net][stream_operations]", EACH_STREAM) {
    run_on<typename TestType::reactor>([]() -> task<> {
        auto pair = co_await TestType::make();
        const auto written = co_await fill(pair.ours);
        CHECK(written > 0);
        std::string log;

        auto writer = this_loop().spawn(writes(pair.ours, log));
        co_await settle();
        CHECK(log.empty());
        std::vector<std::byte> room(1 << 20);
        while (log.empty()) {
            co_await pair.theirs.read_some(room);
            co_await weft::yield(); // it may have been all, and the writer has still to say so
        }

        CHECK(log == "written");
    });
}

TEMPLATE_TEST_CASE("empty buffers are done at once", "[net][stream_operations]", EACH_STREAM) {
    run_on<typename TestType::reactor>([]() -> task<> {
        auto pair = co_await TestType::make();
        co_await fill(pair.ours);

        const auto read = co_await pair.ours.read_some(mutable_buffer());
        const auto written = co_await pair.ours.write_some(const_buffer());
        const std::array<const_buffer, 2> nothing{};
        const auto gathered = co_await pair.ours.write_some(nothing);

        CHECK(read + written + gathered == 0);
    });
}

TEMPLATE_TEST_CASE("several buffers are sent and filled as one", "[net][stream_operations]",
                   EACH_STREAM) {
    run_on<typename TestType::reactor>([]() -> task<> {
        auto pair = co_await TestType::make();
        const std::array<const_buffer, 4> parts{weft::bytes("one "), weft::bytes(""),
                                                weft::bytes("two "), weft::bytes("three")};
        std::array<std::byte, 5> first;
        std::array<std::byte, 20> second;
        const std::array<mutable_buffer, 3> room{first, mutable_buffer(), second};

        const auto written = co_await pair.ours.write_some(parts);
        CHECK(written == 13);
        const auto read = co_await pair.theirs.read_some(room);
        CHECK(read == 13);
        CHECK(weft::text(first) == "one t");
        CHECK(weft::text(std::span(second).first(8)) == "wo three");

        std::error_code code = weft::errc::busy;
        co_await pair.theirs.write_some(parts, code);
        CHECK_FALSE(code);
        code = weft::errc::busy;
        const auto back = co_await pair.ours.read_some(room, code);
        CHECK(back == 13);
        CHECK_FALSE(code);
    });
}

TEMPLATE_TEST_CASE("of very many buffers the first are served", "[net][stream_operations]",
                   EACH_STREAM) {
    run_on<typename TestType::reactor>([]() -> task<> {
        auto pair = co_await TestType::make();
        const std::vector<const_buffer> many(1000, weft::bytes("ab"));
        std::array<std::byte, 2000> storage;
        std::vector<mutable_buffer> room;
        for (std::size_t i = 0; i < 1000; ++i) room.push_back(std::span(storage).subspan(2 * i, 2));

        for (std::size_t sent = 0; sent < 2000;) {
            const auto size = co_await pair.ours.write_some(std::span(many).subspan(sent / 2));
            REQUIRE(size > 0);
            REQUIRE(size % 2 == 0);
            sent += size;
        }
        for (std::size_t got = 0; got < 2000;) {
            const auto size = co_await pair.theirs.read_some(std::span(room).subspan(got / 2));
            REQUIRE(size > 0);
            got += size;
        }
        CHECK(weft::text(storage).substr(1990) == "ababababab");
    });
}

TEMPLATE_TEST_CASE("a second reader is refused, a writer beside it is not",
                   "[net][stream_operations]", EACH_STREAM) {
    run_on<typename TestType::reactor>([]() -> task<> {
        auto pair = co_await TestType::make();
        std::string first, second;
        auto reader = this_loop().spawn(reads(pair.ours, first));
        co_await settle();

        co_await reads(pair.ours, second);
        CHECK(second == make_error_code(weft::errc::busy).message());
        const auto written = co_await pair.ours.write_some(weft::bytes("x"));
        CHECK(written == 1);
        co_await write_text(pair.theirs, "mine");
        co_await reader.wait();
        CHECK(first == "mine");

        second.clear();
        co_await fill(pair.ours);
        auto writer = this_loop().spawn(writes(pair.ours, first));
        co_await settle();
        co_await writes(pair.ours, second);
        CHECK(second == make_error_code(weft::errc::busy).message());
        second.clear();
        writer.cancel();
        co_await write_text(pair.theirs, "all is well");
        co_await reads(pair.ours, second);
        CHECK(second == "all is well");
    });
}

TEMPLATE_TEST_CASE("half of a stream may end", "[net][stream_operations]", EACH_STREAM) {
    run_on<typename TestType::reactor>([]() -> task<> {
        auto pair = co_await TestType::make();
        co_await write_text(pair.ours, "last words");
        co_await pair.ours.shutdown_write();

        const auto text = co_await read_text(pair.theirs);
        CHECK(text == "last words");
        const auto end = co_await read_text(pair.theirs);
        CHECK(end.empty());
        co_await write_text(pair.theirs, "answer");
        const auto answer = co_await read_text(pair.ours);
        CHECK(answer == "answer");
        std::error_code code;
        co_await pair.ours.write_some(weft::bytes("x"), code);
        CHECK(code == std::errc::broken_pipe);

        co_await pair.theirs.shutdown_write(code);
        CHECK_FALSE(code);
        const auto over = co_await read_text(pair.ours);
        CHECK(over.empty());
    });
}

TEMPLATE_TEST_CASE("the end of a stream finds a reader and a writer who wait",
                   "[net][stream_operations]", EACH_STREAM) {
    run_on<typename TestType::reactor>([]() -> task<> {
        auto pair = co_await TestType::make();
        co_await fill(pair.ours);
        std::string reader, writer;
        auto reading = this_loop().spawn(reads(pair.ours, reader));
        auto writing = this_loop().spawn(writes(pair.ours, writer));
        co_await settle();
        CHECK((reader + writer).empty());

        SECTION("it is closed here: both fail, once") {
            pair.ours.close();
            CHECK((reader + writer).empty());
            co_await reading.wait();
            co_await writing.wait();
            CHECK(reader == "Bad file descriptor");
            CHECK(writer == "Bad file descriptor");
        }
        SECTION("the peer closes with our data unread: both fail, without a signal") {
            pair.theirs.close();
            co_await reading.wait();
            co_await writing.wait();
            CHECK(reader == "Connection reset by peer");
            CHECK_THAT(writer, Catch::Matchers::Equals("Broken pipe") ||
                                   Catch::Matchers::Equals("Connection reset by peer"));
        }
        SECTION("it is destroyed: both fail, once") {
            std::optional<typename TestType::stream> last(std::move(pair.ours));
            last.reset();
            co_await reading.wait();
            co_await writing.wait();
            CHECK(reader == "Bad file descriptor");
            CHECK(writer == "Bad file descriptor");
        }
    });
}

TEMPLATE_TEST_CASE("a closed stream refuses everything and may be closed again",
                   "[net][stream_operations]", EACH_STREAM) {
    run_on<typename TestType::reactor>([]() -> task<> {
        auto pair = co_await TestType::make();
        auto& closed = pair.ours;
        CHECK(closed.native_handle() >= 0);
        closed.close();
        closed.close();
        closed.abort();
        CHECK_FALSE(closed.is_open());
        CHECK(closed.native_handle() == -1);
        std::error_code code;
        std::array<std::byte, 4> room;

        co_await closed.read_some(room, code);
        CHECK(code == std::errc::bad_file_descriptor);
        code.clear();
        co_await closed.write_some(weft::bytes("x"), code);
        CHECK(code == std::errc::bad_file_descriptor);
        code.clear();
        co_await closed.shutdown_write(code);
        CHECK(code == std::errc::bad_file_descriptor);
        CHECK_THROWS_AS(closed.local_endpoint(), std::system_error);
        CHECK_THROWS_AS(closed.set_send_buffer(4096), std::system_error);
    });
}

namespace {

/// Sends `total` bytes through a send buffer of 4 KiB, and checks that they arrive.
template <class Stream> task<> send_much(stream_pair<Stream>& pair, std::size_t total) {
    std::vector<std::byte> pattern(1 << 16);
    for (std::size_t i = 0; i < pattern.size(); ++i)
        pattern[i] = static_cast<std::byte>((i * 2654435761u) >> 13 & 0xff);
    pair.ours.set_send_buffer(4096);
    CHECK(pair.ours.send_buffer() <= 16384);

    const auto sends = [&]() -> task<> {
        for (std::size_t sent = 0; sent < total;) {
            const auto from = sent % pattern.size();
            const auto most = std::min(pattern.size() - from, total - sent);
            sent += co_await pair.ours.write_some(std::span(pattern).subspan(from, most));
        }
        co_await pair.ours.shutdown_write();
    };
    const auto receives = [&]() -> task<> {
        std::vector<std::byte> room(pattern.size());
        std::size_t got = 0;
        for (;;) {
            const auto from = got % pattern.size();
            const auto most = pattern.size() - from;
            const auto size = co_await pair.theirs.read_some(std::span(room).subspan(from, most));
            if (size == 0) break;
            if (std::memcmp(&room[from], &pattern[from], size) != 0) FAIL("not what was sent");
            got += size;
            // So small a buffer waits for each confirmation: the system may put it off for 40 ms.
            if constexpr (std::is_same_v<Stream, tcp_stream>)
                pair.theirs.socket().set_option(IPPROTO_TCP, TCP_QUICKACK, 1, "confirming");
        }
        CHECK(got == total);
    };
    co_await weft::when_all(sends(), receives());
}

} // namespace

TEMPLATE_TEST_CASE("everything arrives whole through a small send buffer",
                   "[net][stream_operations]", EACH_STREAM) {
    run_on<typename TestType::reactor>([]() -> task<> {
        auto pair = co_await TestType::make();
        co_await send_much(pair, 1 << 20);
    });
}

TEST_CASE("256 MiB arrive whole through a send buffer of 4 KiB", "[net][stream_operations]") {
    run_on([]() -> task<> {
        auto pair = co_await make_tcp_pair();
        co_await send_much(pair, 256 << 20);
    });
}

TEST_CASE("the system's buffers have a size", "[net][stream_operations]") {
    run_on([]() -> task<> {
        auto pair = co_await make_tcp_pair();

        pair.ours.set_receive_buffer(10'000);
        CHECK(pair.ours.receive_buffer() >= 10'000);
        CHECK(pair.ours.receive_buffer() <= 40'000);
        pair.ours.set_send_buffer(100'000'000'000); // as much as the system lets one have
        CHECK(pair.ours.send_buffer() >= 10'000);
    });
}

// 100,000 rounds if WEFT_LONG is set.
TEST_CASE("a number that is used again gets no stale event", "[net][stream_operations]") {
    const auto rounds = []() -> task<> {
        for (int round = 0; round < 10'000; ++round) {
            socket_pair first;
            auto old = take_over(first.ours);
            const int number = old.native_handle();
            first.arrives(); // its event is on the way
            if (round % 2) co_await weft::yield();
            old.close();

            socket_pair second;
            auto fresh = take_over(second.ours);
            if (fresh.native_handle() != number) continue;
            std::array<std::byte, 4> room;
            const auto early = co_await weft::try_for(0s, fresh.read_some(room));
            if (early) FAIL("it read what was never sent");
            second.arrives(2);
            const auto size = co_await fresh.read_some(room);
            if (size != 2) FAIL("it did not read what was sent");
        }
        SUCCEED();
    };
    const int times = std::getenv("WEFT_LONG") ? 10 : 1;
    for (int i = 0; i != times; ++i) run_on(rounds); // each with a time limit of its own
}

namespace {

/// While it lives, a signal a millisecond interrupts what the system does for this thread.
class signal_storm {
public:
    /// After `most` of them it ends by itself, for those whom it holds up for ever.
    explicit signal_storm(int most) {
        left_ = most;
        struct sigaction action{};
        action.sa_handler = [](int) {
            if (left_ > 0) left_ = left_ - 1;
            if (left_ == 0) set_timer({});
        };
        ::sigaction(SIGALRM, &action, &before_); // without SA_RESTART
        set_timer({{0, 1000}, {0, 1000}});
    }
    signal_storm(signal_storm&&) = delete;
    ~signal_storm() {
        set_timer({});
        ::sigaction(SIGALRM, &before_, nullptr);
    }
    static int left() noexcept { return left_; }

private:
    static void set_timer(itimerval to) noexcept { ::setitimer(ITIMER_REAL, &to, nullptr); }

    static inline volatile std::sig_atomic_t left_ = 0;
    struct sigaction before_{};
};

} // namespace

// For 30 seconds if WEFT_LONG is set.
TEMPLATE_TEST_CASE("a storm of signals is no error and extends no deadline",
                   "[net][stream_operations]", SYSTEM_REACTORS) {
    const no_frame_leaks check;
    const auto length = std::getenv("WEFT_LONG") ? 30'000ms : 200ms;
    const int most = 10 * static_cast<int>(length.count());
    const signal_storm storm(most);
    weft::event_loop loop(std::make_unique<TestType>());
    int rounds = 0;
    const auto talk = [&]() -> task<> {
        for (;; ++rounds) {
            auto pair = co_await make_tcp_pair();
            co_await weft::write_all(pair.ours, "ping");
            const auto text = co_await read_text(pair.theirs);
            if (text != "ping") FAIL("it read " << text);
            co_await weft::sleep_for(2ms);
        }
    };
    loop.run([&]() -> task<> {
        auto silent = co_await make_tcp_pair();
        std::array<std::byte, 4> room;
        const auto begin = weft::loop_clock::now();
        const auto talking = weft::this_loop().spawn(talk);
        const auto never = co_await weft::try_for(length, silent.ours.read_some(room));
        CHECK_FALSE(never);
        CHECK(weft::loop_clock::now() - begin >= length);
        CHECK_FALSE(talking.done()); // it would have ended by an error only
    });
    CHECK(rounds > 0);
    CHECK(storm.left() < most);
    CHECK(storm.left() > 0);
}

TEST_CASE("a read that is always ready starves nobody", "[net][stream_operations]") {
    run_on([]() -> task<> {
        auto pair = co_await make_unix_pair();
        const auto echoes = [&]() -> task<> {
            std::array<std::byte, 1> byte{};
            for (;;) { // each of these is complete at once
                co_await pair.ours.write_some(byte);
                co_await pair.theirs.read_some(byte);
            }
        };

        const auto result = co_await weft::try_for(20ms, echoes());

        CHECK_FALSE(result);
    });
}

TEST_CASE("reads and writes end at every point, in every way", "[net][stream_operations]") {
    sweep_on_system([]() -> task<> {
        auto pair = co_await make_unix_pair();
        const auto talk = [&]() -> task<> {
            std::array<std::byte, 16> room;
            co_await weft::sleep_for(1ms);
            co_await pair.theirs.write_some(weft::bytes("hello"));
            co_await pair.theirs.read_some(room);
            co_await weft::sleep_for(1ms);
            co_await pair.theirs.shutdown_write();
        };
        const auto listen = [&]() -> task<> {
            std::array<std::byte, 16> room;
            co_await pair.ours.read_some(room);
            co_await pair.ours.write_some(weft::bytes("yes"));
            co_await pair.ours.read_some(room);
        };
        co_await weft::when_all(talk(), listen());
    });
}
