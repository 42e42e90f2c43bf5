// SPDX-License-Identifier: MIT
#include <weft/net/send_file.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <tuple>

#include <unistd.h>

#include <weft/compose/when_all.hpp>
#include <weft/compose/with_timeout.hpp>

#include "support/catch.hpp"
#include "support/sockets.hpp"
#include "support/streams.hpp"
#include "support/temporary.hpp"

using namespace std::chrono_literals;
using weft::send_file;
using weft::task;

namespace {

task<std::size_t> sends(tcp_pair& pair, int file) {
    co_return co_await send_file(pair.ours, file);
}

} // namespace

TEMPLATE_TEST_CASE("a part of a file is sent, and its position stays", "[net][send_file]",
                   SYSTEM_REACTORS) {
    const auto file = temporary_file("0123456789");
    run_on<TestType>([&]() -> task<> {
        auto pair = co_await make_tcp_pair();
        REQUIRE(::lseek(file.get(), 7, SEEK_SET) == 7);

        const auto part = co_await send_file(pair.ours, file.get(), 2, 3);
        CHECK(part == 3);
        const auto rest = co_await send_file(pair.ours, file.get(), 8);
        CHECK(rest == 2);
        const auto beyond = co_await send_file(pair.ours, file.get(), 8, 100);
        CHECK(beyond == 2);
        const auto none = co_await send_file(pair.ours, file.get(), 100, 5);
        CHECK(none == 0);
        const auto nothing = co_await send_file(pair.ours, file.get(), 0, 0);
        CHECK(nothing == 0);
        co_await write_text(pair.ours, "!"); // waits for nothing
        co_await pair.ours.shutdown_write();

        const auto text = co_await read_rest(pair.theirs);
        CHECK(text == "2348989!");
        CHECK(::lseek(file.get(), 0, SEEK_CUR) == 7);
    });
}

TEMPLATE_TEST_CASE("a file that does not fit into the buffers arrives whole", "[net][send_file]",
                   SYSTEM_REACTORS) {
    std::string content(16 << 20, '\0');
    for (std::size_t i = 0; i < content.size(); ++i)
        content[i] = static_cast<char>('a' + (i * 2654435761u >> 13) % 26);
    const auto file = temporary_file(content);
    run_on<TestType>([&]() -> task<> {
        auto pair = co_await make_tcp_pair();
        const auto send = [&]() -> task<std::size_t> {
            const auto sent = co_await send_file(pair.ours, file.get());
            co_await pair.ours.shutdown_write();
            co_return sent;
        };

        auto both = co_await weft::when_all(send(), read_rest(pair.theirs, 65536));

        CHECK(std::get<0>(both) == content.size());
        CHECK((std::get<1>(both) == content));
    });
}

TEST_CASE("send_file can be spawned by its name", "[net][send_file]") {
    const auto file = temporary_file("0123456789");
    run_on([&]() -> task<> {
        auto pair = co_await make_tcp_pair();
        auto sending = weft::this_loop().spawn(send_file<>, std::ref(pair.ours), file.get(),
                                               std::uint64_t{2}, std::size_t{3});
        const auto sent = co_await sending;
        CHECK(sent == 3);
        pair.ours.close();
        const auto text = co_await read_rest(pair.theirs);
        CHECK(text == "234");
    });
}

TEST_CASE("sending a file to who is gone is an error that names it, and no signal",
          "[net][send_file]") {
    const auto file = temporary_file(std::string(1 << 20, 'x'));
    run_on([&]() -> task<> {
        auto pair = co_await make_tcp_pair();
        const auto name = pair.ours.remote_endpoint().to_string();
        pair.theirs.abort();

        const auto first = co_await error_of(sends(pair, file.get()));
        CHECK(first == "sending a file to " + name + ": Connection reset by peer");
        const auto second = co_await error_of(sends(pair, file.get()));
        CHECK(second == "sending a file to " + name + ": Broken pipe");
        const auto closed = co_await error_of(sends(pair, -1));
        CHECK(closed == "sending a file to " + name + ": Bad file descriptor");
    });
}

TEST_CASE("what is no regular file cannot be sent like one", "[net][send_file]") {
    run_on([]() -> task<> {
        auto pair = co_await make_tcp_pair();
        const auto what = co_await error_of(sends(pair, pair.theirs.native_handle()));
        CHECK_THAT(what, Catch::Matchers::EndsWith("Illegal seek"));
    });
}

TEST_CASE("a file that is being sent can be cancelled", "[net][send_file]") {
    const auto file = temporary_file(std::string(32 << 20, 'x'));
    run_on([&]() -> task<> {
        auto pair = co_await make_tcp_pair();
        const auto sent = co_await weft::try_for(20ms, send_file(pair.ours, file.get()));
        CHECK_FALSE(sent);
        pair.ours.close();
        const auto part = co_await read_rest(pair.theirs, 65536);
        CHECK(part.size() > 0);
        CHECK(part.size() < 32 << 20);
    });
}
