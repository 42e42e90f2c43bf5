// SPDX-License-Identifier: MIT
#include <weft/os/file_stream.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weft/compose/when_all.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/net/buffered_reader.hpp>
#include <weft/net/write_all.hpp>
#include <weft/os/pipe.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/pipe.hpp"
#include "support/reactors.hpp"
#include "support/run.hpp"
#include "support/run_on.hpp"
#include "support/stepping_loop.hpp"
#include "support/streams.hpp"

using namespace std::chrono_literals;
using weft::file_stream;
using weft::make_pipe;
using weft::task;

static_assert(weft::reporting_stream<file_stream>);

namespace {

/// The message of what `body` throws.
template <class F>
task<std::string> error_of(F body) {
    std::string caught = "none";
    try {
        co_await body();
    } catch (const std::system_error& error) {
        caught = error.what();
    }
    co_return caught;
}

} // namespace

TEMPLATE_TEST_CASE("what is written to a pipe is read from it, to its end", "[os][file_stream]",
                   EACH_REACTOR) {
    run_on<TestType>([]() -> task<> {
        auto [in, out] = make_pipe();
        const std::string much(300'000, 'x'); // more than a pipe holds
        const auto writes = [&]() -> task<> {
            co_await weft::write_all(out, much);
            co_await out.shutdown_write();
        };
        auto results = co_await weft::when_all(read_rest(in), writes());
        CHECK(std::get<0>(results) == much);
        CHECK_FALSE(out.is_open());
    });
}

TEMPLATE_TEST_CASE("a closed pipe is an error that names what failed", "[os][file_stream]",
                   EACH_REACTOR) {
    run_on<TestType>([]() -> task<> {
        auto [in, out] = make_pipe();
        std::byte buffer[8];
        const auto write = [&] { return out.write_some(weft::bytes("x")); };
        const auto read = [&] { return in.read_some(buffer); };

        in.close();
        const std::string to_nobody = co_await error_of(write);
        const std::string from_closed = co_await error_of(read);
        std::error_code code;
        const auto written = co_await out.write_some(weft::bytes("x"), code);
        CHECK(to_nobody == "writing to a pipe: Broken pipe");
        CHECK(from_closed == "reading from a pipe: Bad file descriptor");
        CHECK(code == std::errc::broken_pipe);
        CHECK(written == 0);
    });
}

TEMPLATE_TEST_CASE("a wrong direction is an error", "[os][file_stream]", EACH_REACTOR) {
    run_on<TestType>([]() -> task<> {
        auto [in, out] = make_pipe();
        std::error_code code;
        co_await in.write_some(weft::bytes("x"), code);
        CHECK(code == std::errc::bad_file_descriptor);
    });
}

TEMPLATE_TEST_CASE("who waits for a stream that is closed gets an error", "[os][file_stream]",
                   EACH_REACTOR) {
    run_on<TestType>([]() -> task<> {
        auto [in, out] = make_pipe();
        std::byte buffer[8];
        const auto read = [&] { return in.read_some(buffer); };
        auto waits = weft::this_loop().spawn(error_of(read));
        auto second = weft::this_loop().spawn(error_of(read));
        co_await weft::yield();
        co_await weft::yield();
        CHECK(second.done());
        in.close();
        const std::string error = co_await waits;
        const std::string refused = co_await second;
        CHECK(error.find("Bad file descriptor") != std::string::npos);
        CHECK(refused.find("somebody waits for this already") != std::string::npos);
    });
}

TEST_CASE("a cancelled read loses no byte", "[os][file_stream]") {
    run([]() -> task<> {
        auto [in, out] = make_pipe();
        std::byte buffer[8];
        const auto none = co_await weft::try_for(0s, in.read_some(buffer));
        CHECK_FALSE(none);
        co_await weft::write_all(out, "abc");
        const std::string got = co_await read_text(in);
        CHECK(got == "abc");
    });
}

TEST_CASE("lines are read from a pipe", "[os][file_stream]") {
    run([]() -> task<> {
        auto [in, out] = make_pipe();
        co_await weft::write_all(out, "one\ntwo\nthr");
        out.close();
        weft::buffered_reader lines(in);
        std::string log;
        try {
            while (auto line = co_await lines.read_line()) log.append(*line).append(";");
        } catch (const std::system_error&) {
            log += "cut";
        }
        CHECK(log.starts_with("one;two;"));
    });
}

TEST_CASE("a stream may be moved", "[os][file_stream]") {
    run([]() -> task<> {
        const nothing_left_open check;
        auto [in, out] = make_pipe();
        file_stream moved(std::move(in));
        file_stream assigned;
        CHECK_FALSE(assigned.is_open());
        assigned = std::move(out);
        auto& itself = assigned;
        assigned = std::move(itself);
        co_await weft::write_all(assigned, "abc");
        const std::string got = co_await read_text(moved);
        CHECK(got == "abc");
        CHECK(in.native_handle() == -1);
    });
}

TEST_CASE("regular files are read and written where they are", "[os][file_stream]") {
    run([]() -> task<> {
        const nothing_left_open check;
        weft::unique_fd file(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
        if (!file) {
            WARN("no temporary files without names here");
            co_return;
        }
        auto stream = file_stream::borrow(weft::this_loop(), file.get(), "a file");
        co_await weft::write_all(stream, "abcdef");
        CHECK(::lseek(file.get(), 0, SEEK_CUR) == 6);
        ::lseek(file.get(), 4, SEEK_SET);
        const std::string got = co_await read_text(stream);
        const std::string end = co_await read_text(stream);
        CHECK(got == "ef");
        CHECK(end.empty());
    });
}

TEST_CASE("a borrowed descriptor stays open and keeps its flags", "[os][file_stream]") {
    run([]() -> task<> {
        const nothing_left_open check;
        int ends[2];
        SECTION("a pipe, which is opened anew") { REQUIRE(::pipe2(ends, O_CLOEXEC) == 0); }
        SECTION("a socket, which cannot be") {
            REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
        }
        const weft::unique_fd first(ends[0]), second(ends[1]);
        const auto flags = ::fcntl(first.get(), F_GETFL);
        {
            auto in = file_stream::borrow(weft::this_loop(), first.get(), "standard input");
            CHECK((::fcntl(in.native_handle(), F_GETFL) & O_NONBLOCK) != 0);
            std::byte buffer[8];
            const auto none = co_await weft::try_for(0s, in.read_some(buffer));
            CHECK_FALSE(none);
            CHECK(::write(second.get(), "abc", 3) == 3);
            const std::string got = co_await read_text(in);
            CHECK(got == "abc");
            auto moved = std::move(in);
        }
        CHECK(::fcntl(first.get(), F_GETFL) == flags);
    });
}

TEST_CASE("what is no descriptor cannot be borrowed", "[os][file_stream]") {
    run([]() -> task<> {
        CHECK_THROWS_WITH(file_stream::borrow(weft::this_loop(), -1, "standard input"),
                          Catch::Contains("opening standard input"));
        CHECK_THROWS_AS(file_stream(weft::unique_fd(), "nothing"), std::system_error);
        co_return;
    });
}

TEST_CASE("pipes end well wherever they are ended", "[os][file_stream]") {
    const nothing_left_open check;
    sweep_on_system([]() -> task<> {
        auto [in, out] = make_pipe();
        const auto write = [&]() -> task<> {
            co_await weft::yield();
            co_await weft::write_all(out, "abc");
            co_await weft::yield();
            co_await out.shutdown_write();
        };
        const auto read = [&]() -> task<> {
            const std::string got = co_await read_text(in);
            CHECK(got == "abc");
            const std::string end = co_await read_text(in);
            CHECK(end.empty());
        };
        co_await weft::when_all(read(), write());
    });
}

namespace {

/// Both ends of a terminal that is none.
struct pseudo_terminal {
    weft::unique_fd master{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)}, terminal;

    pseudo_terminal() {
        ::grantpt(master.get());
        ::unlockpt(master.get());
        terminal = weft::unique_fd(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    }
    void type(std::string_view text) {
        CHECK(::write(master.get(), text.data(), text.size()) == ssize_t(text.size()));
    }
};

} // namespace

TEMPLATE_TEST_CASE("of lines that are typed at once all are read", "[os][file_stream]",
                   EACH_REACTOR) {
    pseudo_terminal both;
    weft::event_loop loop(std::make_unique<TestType>());
    loop.run([&]() -> task<> {
        auto in = file_stream::borrow(weft::this_loop(), both.terminal.get(), "a terminal");
        weft::buffered_reader lines(in);
        for (int round = 0; round != 3; ++round) {
            const auto read = [&]() -> task<> {
                for (const auto expected : {"one", "two", "three"}) {
                    auto line = co_await lines.read_line();
                    CHECK(line == expected);
                }
            };
            const auto type = [&]() -> task<> {
                for (int turn = 0; turn != 3; ++turn) co_await weft::yield();
                both.type("one\ntwo\nthree\n");
            };
            co_await weft::with_timeout(10s, weft::when_all(read(), type()));
        }
    });
}

TEST_CASE("the other side of a terminal is borrowed, not made anew", "[os][file_stream]") {
    pseudo_terminal both;
    run([&]() -> task<> {
        auto out = file_stream::borrow(weft::this_loop(), both.master.get(), "a terminal");
        co_await weft::write_all(out, "typed\n");
    });
    char text[16];
    CHECK(::read(both.terminal.get(), text, sizeof text) == 6);
    CHECK((::fcntl(both.master.get(), F_GETFL) & O_NONBLOCK) == 0);
}
