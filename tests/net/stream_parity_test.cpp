// SPDX-License-Identifier: MIT
//
// The same scenarios on a duplex, on TCP and on unix sockets, of the system and of simulated hosts:
// what is tested in memory holds for the system, too.
#include <weft/net/duplex.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include <unistd.h>

#include <weft/compose/when_all.hpp>
#include <weft/compose/when_any.hpp>
#include <weft/compose/with_task_group.hpp>
#include <weft/core/error.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/epoll_reactor.hpp>
#include <weft/loop/poll_reactor.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/buffered_reader.hpp>
#include <weft/net/connect.hpp>
#include <weft/net/tcp_stream.hpp>
#include <weft/net/unix_listener.hpp>
#include <weft/net/unix_stream.hpp>
#include <weft/net/write_all.hpp>
#include <weft/testing/simulation.hpp>

#include "support/catch.hpp"
#include "support/sockets.hpp"
#include "support/streams.hpp"

using weft::bytes;
using weft::task;

namespace {

struct on_epoll {
    template <class F> static void run(F main) { run_on<weft::epoll_reactor>(std::move(main)); }
};
struct on_poll {
    template <class F> static void run(F main) { run_on<weft::poll_reactor>(std::move(main)); }
};
struct simulated {
    template <class F> static void run(F main) {
        const no_frame_leaks check;
        weft::testing::simulation sim;
        sim.run(std::move(main));
        CHECK(sim.system_of_hosts().open_descriptors() == 0);
    }
};

template <class System> struct over_memory {
    using stream = weft::duplex;
    using system = System;
    static constexpr bool abort_resets = true;
    static constexpr bool reset_stays = true;
    static constexpr bool close_is_learnt_by_writing = false;
    static task<stream_pair<stream>> make() {
        auto ends = weft::make_duplex();
        co_return stream_pair<stream>(std::move(ends.first), std::move(ends.second));
    }
};
template <class System> struct over_tcp {
    using stream = weft::tcp_stream;
    using system = System;
    static constexpr bool abort_resets = true;
    static constexpr bool reset_stays = false; // it is told once
    static constexpr bool close_is_learnt_by_writing = true;
    static task<stream_pair<stream>> make() { return make_tcp_pair(); }
};
template <class System> struct over_unix {
    using stream = weft::unix_stream;
    using system = System;
    static constexpr bool abort_resets = false; // the system cannot
    static constexpr bool reset_stays = false;
    static constexpr bool close_is_learnt_by_writing = false;
    static task<stream_pair<stream>> make() {
        const auto name = "@weft-parity-" + std::to_string(::getpid());
        weft::unix_listener listener(name);
        auto ours = co_await weft::connect_unix(name);
        auto theirs = co_await listener.accept();
        co_return stream_pair<stream>(std::move(ours), std::move(theirs));
    }
};

#define EACH_KIND                                                                                 \
    over_memory<on_epoll>, over_tcp<on_epoll>, over_tcp<on_poll>, over_tcp<simulated>,            \
        over_unix<on_epoll>, over_unix<on_poll>, over_unix<simulated>

/// Runs `scenario(ours, theirs)` on a connection.
template <class Kind, class F> void on_pair(F scenario) {
    Kind::system::run([&]() -> task<> {
        auto both = co_await Kind::make();
        co_await scenario(both.ours, both.theirs);
    });
}

template <class S> task<std::error_code> read_code(S& from) {
    std::array<std::byte, 16> into{};
    std::error_code code;
    co_await from.read_some(into, code);
    co_return code;
}
template <class S> task<std::error_code> write_code(S& to, std::string_view text = "x") {
    std::error_code code;
    co_await to.write_some(bytes(text), code);
    co_return code;
}
/// Writes until that fails: the system may need a while to hear of it.
template <class S> task<std::error_code> write_until_error(S& to) {
    for (;;) {
        const std::error_code code = co_await write_code(to);
        if (code) co_return code;
        co_await weft::yield();
    }
}
/// Nothing more comes, nor goes, of which the reader was told before.
template <class Kind> task<> check_over(typename Kind::stream& ours, bool was_reset) {
    const bool stays = was_reset && Kind::reset_stays;
    std::array<std::byte, 16> into{};
    std::error_code code;
    const std::size_t size = co_await ours.read_some(into, code);
    CHECK(size == 0);
    CHECK((stays ? code == std::errc::connection_reset : !code));
    code = co_await write_code(ours);
    CHECK(code == (stays ? std::errc::connection_reset : std::errc::broken_pipe));
}

} // namespace

TEMPLATE_TEST_CASE("parity: bytes go both ways and end", "[net][stream_parity]", EACH_KIND) {
    on_pair<TestType>([](auto& ours, auto& theirs) -> task<> {
        co_await weft::write_all(ours, "hello, ", "world");
        co_await ours.shutdown_write();
        std::string text = co_await read_rest(theirs, 3);
        CHECK(text == "hello, world");
        text = co_await read_rest(theirs); // the end stays the end
        CHECK(text == "");

        co_await weft::write_all(theirs, "answer"); // half closed
        co_await theirs.shutdown_write();
        text = co_await read_rest(ours, 3);
        CHECK(text == "answer");
        const auto code = co_await write_code(ours);
        CHECK(code == std::errc::broken_pipe);

        theirs.close();
        for (int time = 0; time != 2; ++time) {
            text = co_await read_text(ours);
            CHECK(text == "");
        }
    });
}

TEMPLATE_TEST_CASE("parity: nothing asked for is done at once", "[net][stream_parity]",
                   EACH_KIND) {
    on_pair<TestType>([](auto& ours, auto&) -> task<> {
        std::size_t size = co_await ours.read_some(weft::mutable_buffer());
        CHECK(size == 0);
        size = co_await ours.write_some(weft::const_buffer());
        CHECK(size == 0);
        size = co_await ours.read_some(std::span<const weft::mutable_buffer>());
        CHECK(size == 0);
    });
}

TEMPLATE_TEST_CASE("parity: several buffers are as one", "[net][stream_parity]", EACH_KIND) {
    on_pair<TestType>([](auto& ours, auto& theirs) -> task<> {
        const std::array<weft::const_buffer, 3> from{bytes("ab"), bytes(""), bytes("cde")};
        std::array<char, 3> first{};
        std::array<char, 9> second{};
        const std::array<weft::mutable_buffer, 2> to{std::as_writable_bytes(std::span(first)),
                                                     std::as_writable_bytes(std::span(second))};
        std::size_t size = co_await ours.write_some(std::span(from));
        CHECK(size == 5);
        size = co_await theirs.read_some(std::span(to));
        CHECK(size == 5);
        CHECK(std::string(first.data(), 3) + second.data() == "abcde");
    });
}

TEMPLATE_TEST_CASE("parity: much is held back until it is read, and arrives whole",
                   "[net][stream_parity]", EACH_KIND) {
    on_pair<TestType>([](auto& ours, auto& theirs) -> task<> {
        std::string much(8 << 20, '?');
        for (std::size_t i = 0; i < much.size(); ++i) much[i] = static_cast<char>('a' + i * 7 % 26);
        bool written = false;
        const auto write = [&]() -> task<> {
            co_await weft::write_all(ours, much);
            written = true;
            co_await ours.shutdown_write();
        };
        const auto read = [&]() -> task<std::string> {
            co_await settle();
            CHECK_FALSE(written);
            co_return co_await read_rest(theirs, 100'000);
        };
        auto results = co_await weft::when_all(write(), read());
        CHECK(written);
        CHECK((std::get<1>(results) == much));
    });
}

TEMPLATE_TEST_CASE("parity: after a peer that has closed comes what it wrote, then the end",
                   "[net][stream_parity]", EACH_KIND) {
    on_pair<TestType>([](auto& ours, auto& theirs) -> task<> {
        co_await weft::write_all(theirs, "bye");
        theirs.close();
        std::string text = co_await read_rest(ours);
        CHECK(text == "bye");
        text = co_await read_text(ours); // the end stays the end
        CHECK(text == "");

        auto code = co_await write_code(ours);
        CHECK((code ? std::errc::broken_pipe : std::errc()) ==
              (TestType::close_is_learnt_by_writing ? std::errc() : std::errc::broken_pipe));
        code = co_await write_until_error(ours);
        CHECK(code == std::errc::broken_pipe);
        text = co_await read_text(ours);
        CHECK(text == "");
    });
}

TEMPLATE_TEST_CASE("parity: a reader that waits hears of data, then of the end",
                   "[net][stream_parity]", EACH_KIND) {
    on_pair<TestType>([](auto& ours, auto& theirs) -> task<> {
        std::string text;
        bool ended = false;
        const auto read = [&]() -> task<> {
            text = co_await read_text(ours);
            const std::string rest = co_await read_text(ours);
            ended = rest.empty();
        };
        const auto write = [&]() -> task<> {
            co_await settle();
            co_await weft::write_all(theirs, "hello");
            while (text.empty()) co_await weft::yield();
            co_await settle();
            CHECK_FALSE(ended);
            co_await theirs.shutdown_write();
        };
        co_await weft::when_all(read(), write());
        CHECK(text == "hello");
        CHECK(ended);
    });
}

TEMPLATE_TEST_CASE("parity: before an abort comes what has arrived, then the reset",
                   "[net][stream_parity]", EACH_KIND) {
    on_pair<TestType>([](auto& ours, auto& theirs) -> task<> {
        co_await weft::write_all(theirs, "last words");
        co_await settle();
        theirs.abort();
        co_await settle();
        const std::string text = co_await read_text(ours);
        CHECK(text == "last words");
        if (TestType::abort_resets) {
            const auto code = co_await read_code(ours);
            CHECK(code == std::errc::connection_reset);
        }
        co_await check_over<TestType>(ours, TestType::abort_resets);
    });
}

TEMPLATE_TEST_CASE("parity: a peer that closes without having read resets", "[net][stream_parity]",
                   EACH_KIND) {
    on_pair<TestType>([](auto& ours, auto& theirs) -> task<> {
        co_await weft::write_all(theirs, "bye");
        co_await weft::write_all(ours, "never read");
        co_await settle();
        theirs.close();
        const std::string text = co_await read_text(ours);
        CHECK(text == "bye");
        const auto code = co_await read_code(ours);
        CHECK(code == std::errc::connection_reset);
        co_await check_over<TestType>(ours, true);
    });
}

TEMPLATE_TEST_CASE("parity: abort reaches a reader that waits, and a writer",
                   "[net][stream_parity]", EACH_KIND) {
    on_pair<TestType>([](auto& ours, auto& theirs) -> task<> {
        std::error_code reading;
        const auto read = [&]() -> task<> { reading = co_await read_code(ours); };
        const auto abort = [&]() -> task<> {
            co_await settle();
            theirs.abort();
        };
        co_await weft::when_all(read(), abort());
        if (TestType::abort_resets)
            CHECK(reading == std::errc::connection_reset);
        else
            CHECK_FALSE(reading);
        const auto code = co_await write_until_error(ours);
        CHECK((code == std::errc::broken_pipe || code == std::errc::connection_reset));
    });
}

TEMPLATE_TEST_CASE("parity: abort reaches a writer that waits", "[net][stream_parity]",
                   EACH_KIND) {
    on_pair<TestType>([](auto& ours, auto& theirs) -> task<> {
        const std::string much(16 << 20, 'x');
        std::error_code code;
        const auto write = [&]() -> task<> { co_await weft::write_all(ours, much, code); };
        const auto abort = [&]() -> task<> {
            co_await settle();
            theirs.abort();
        };
        co_await weft::when_all(write(), abort());
        CHECK((code == std::errc::broken_pipe || code == std::errc::connection_reset));
    });
}

TEMPLATE_TEST_CASE("parity: who waits for a stream that is closed gets EBADF, as who comes later",
                   "[net][stream_parity]", EACH_KIND) {
    on_pair<TestType>([](auto& ours, auto&) -> task<> {
        const std::string much(16 << 20, 'x');
        std::error_code reading, writing;
        const auto read = [&]() -> task<> { reading = co_await read_code(ours); };
        const auto write = [&]() -> task<> { co_await weft::write_all(ours, much, writing); };
        const auto close = [&]() -> task<> {
            co_await settle();
            ours.close();
        };
        co_await weft::when_all(read(), write(), close());
        CHECK(reading == std::errc::bad_file_descriptor);
        CHECK(writing == std::errc::bad_file_descriptor);
        CHECK_FALSE(ours.is_open());

        auto code = co_await read_code(ours);
        CHECK(code == std::errc::bad_file_descriptor);
        code = co_await write_code(ours);
        CHECK(code == std::errc::bad_file_descriptor);
        co_await ours.shutdown_write(code);
        CHECK(code == std::errc::bad_file_descriptor);
        ours.close();
        ours.abort();
    });
}

TEMPLATE_TEST_CASE("parity: a second reader and a second writer are refused",
                   "[net][stream_parity]", EACH_KIND) {
    on_pair<TestType>([](auto& ours, auto& theirs) -> task<> {
        const std::string much(16 << 20, 'x');
        auto body = [&](weft::task_group& group) -> task<> {
            const auto read = [&]() -> task<> {
                const std::string text = co_await read_text(ours);
                CHECK(text == "for the first");
            };
            const auto write = [&]() -> task<> { co_await weft::write_all(ours, much); };
            auto reader = group.spawn(read);
            group.spawn(write);
            co_await settle();
            auto code = co_await read_code(ours);
            CHECK(code == weft::errc::busy);
            code = co_await write_code(ours);
            CHECK(code == weft::errc::busy);
            co_await weft::write_all(theirs, "for the first");
            co_await reader;
            group.cancel();
        };
        co_await weft::with_task_group(body);
    });
}

TEMPLATE_TEST_CASE("parity: a cancelled read takes nothing, a cancelled write ends none",
                   "[net][stream_parity]", EACH_KIND) {
    on_pair<TestType>([](auto& ours, auto& theirs) -> task<> {
        for (int round = 0; round < 3; ++round) {
            auto result = co_await weft::when_any(read_text(ours), settle());
            CHECK_FALSE(std::get<0>(result));
        }
        co_await weft::write_all(theirs, "still here");
        const std::string text = co_await read_text(ours);
        CHECK(text == "still here");
        const auto code = co_await write_code(ours);
        CHECK_FALSE(code);
    });
}

TEMPLATE_TEST_CASE("parity: a stream can be moved while somebody waits for it",
                   "[net][stream_parity]", EACH_KIND) {
    on_pair<TestType>([](auto& ours, auto& theirs) -> task<> {
        std::string text;
        const auto read = [&]() -> task<> { text = co_await read_text(ours); };
        const auto move = [&]() -> task<> {
            co_await settle();
            auto elsewhere = std::move(ours);
            co_await weft::write_all(theirs, "found");
            co_await settle();
            ours = std::move(elsewhere);
            co_await settle();
        };
        co_await weft::when_all(read(), move());
        CHECK(text == "found");
    });
}

TEMPLATE_TEST_CASE("parity: buffered readers read from it", "[net][stream_parity]", EACH_KIND) {
    on_pair<TestType>([](auto& ours, auto& theirs) -> task<> {
        const auto write = [&]() -> task<> {
            for (const char part : std::string_view("GET /\r\nHost: x\r\n\r\nbodyrest")) {
                co_await weft::write_all(ours, std::string_view(&part, 1));
                co_await weft::yield();
            }
            co_await ours.shutdown_write();
        };
        const auto read = [&]() -> task<> {
            weft::buffered_reader reader(theirs, 64);
            auto line = co_await reader.read_line();
            CHECK(line == "GET /");
            line = co_await reader.read_until("\r\n\r\n");
            CHECK(line == "Host: x");
            std::array<std::byte, 4> body{};
            co_await reader.read_exactly(body);
            CHECK(weft::text(body) == "body");
            line = co_await reader.read_line();
            CHECK(line == "rest");
            line = co_await reader.read_line();
            CHECK_FALSE(line);
        };
        co_await weft::when_all(write(), read());
    });
}

TEMPLATE_TEST_CASE("parity: who ends the stream while another one writes is not refused",
                   "[net][stream_parity]", EACH_KIND) {
    on_pair<TestType>([](auto& ours, auto& theirs) -> task<> {
        const std::string much(16 << 20, 'x');
        std::error_code writing;
        std::size_t written = 0;
        std::string arrived;
        const auto write = [&]() -> task<> {
            written = co_await weft::write_all(ours, much, writing);
        };
        const auto end = [&]() -> task<> {
            co_await settle();
            co_await ours.shutdown_write();
            arrived = co_await read_rest(theirs, 65536);
        };
        co_await weft::when_all(write(), end());
        CHECK(arrived.size() == written);
        CHECK(writing == std::errc::broken_pipe);
    });
}

TEMPLATE_TEST_CASE("parity: of a closed end not even nothing is taken", "[net][stream_parity]",
                   EACH_KIND) {
    on_pair<TestType>([](auto& ours, auto&) -> task<> {
        ours.close();
        std::error_code code;
        co_await ours.read_some(std::span<std::byte>(), code);
        CHECK(code == std::errc::bad_file_descriptor);
        code = co_await write_code(ours, "");
        CHECK(code == std::errc::bad_file_descriptor);
    });
}
