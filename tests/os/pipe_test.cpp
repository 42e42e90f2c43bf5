// SPDX-License-Identifier: MIT
//
// What ends of pipes have in common with other streams: file_stream_test.cpp.
#include <weft/os/pipe.hpp>

#include <cerrno>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/coro/task.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/system_calls.hpp>
#include <weft/loop/unique_fd.hpp>
#include <weft/net/write_all.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/run_on.hpp"
#include "support/streams.hpp"

using weft::make_pipe;
using weft::task;

namespace {

class no_pipes : public weft::system_calls {
public:
    int pipe(int (&)[2]) noexcept override { return -EMFILE; }
};

/// Reads to the end, whose time has not come yet; `let_it_end` changes that.
task<> check_end(weft::input_stream& in, auto let_it_end) {
    auto reading = weft::this_loop().spawn(read_rest(in));
    for (int turn = 0; turn < 5; ++turn) co_await weft::yield();
    CHECK_FALSE(reading.done());
    let_it_end();
    const std::string rest = co_await reading;
    CHECK(rest == "");
}

} // namespace

TEST_CASE("what is written to the second is read from the first", "[os][pipe]") {
    run_on([]() -> task<> {
        auto [in, out] = make_pipe();
        co_await weft::write_all(out, "one, ", "two");
        co_await out.shutdown_write();
        const auto text = co_await read_rest(in, 3);
        CHECK(text == "one, two");
    });
}

TEST_CASE("a pipe ends when the last copy of its other end is closed", "[os][pipe]") {
    run_on([]() -> task<> {
        auto [in, out] = make_pipe();
        weft::unique_fd copy(::fcntl(out.native_handle(), F_DUPFD_CLOEXEC, 0));
        REQUIRE(copy);
        out.close();
        const auto let_it_end = [&copy] { copy = {}; };
        co_await check_end(in, let_it_end);
    });
}

TEST_CASE("copies in other processes count", "[os][pipe]") {
    run_on([]() -> task<> {
        auto [in, out] = make_pipe();
        int until_closed[2];
        REQUIRE(::pipe2(until_closed, O_CLOEXEC) == 0);
        weft::unique_fd wait(until_closed[0]), go_on(until_closed[1]);
        const auto child = ::fork();
        if (child == 0) {
            char nothing;
            go_on = {};
            ::_exit(static_cast<int>(::read(wait.get(), &nothing, 1)));
        }
        REQUIRE(child > 0);

        out.close();
        const auto let_it_end = [&] {
            go_on = {};
            CHECK(::waitpid(child, nullptr, 0) == child);
        };
        co_await check_end(in, let_it_end);
    });
}

TEST_CASE("a pipe that cannot be made is an error", "[os][pipe]") {
    no_pipes calls;
    run_on([]() -> task<> {
        std::error_code code;
        std::string what;
        try {
            make_pipe();
        } catch (const std::system_error& error) {
            code = error.code();
            what = error.what();
        }
        CHECK(code == std::errc::too_many_files_open);
        CHECK(what == "opening a pipe: Too many open files");
        co_return;
    }, &calls);
}

TEST_CASE("a pipe can be made for a loop that does not run yet", "[os][pipe]") {
    const nothing_left_open check;
    weft::event_loop loop;
    auto ends = make_pipe(loop);
    const auto text = loop.run([&]() -> task<std::string> {
        co_await weft::write_all(ends.second, "early");
        ends.second.close();
        co_return co_await read_rest(ends.first);
    });
    CHECK(text == "early");
}
