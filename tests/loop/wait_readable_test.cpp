// SPDX-License-Identifier: MIT
#include <weft/loop/wait_readable.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include <fcntl.h>

#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/unique_fd.hpp>
#include <weft/time/sleep.hpp>

#include "support/catch.hpp"
#include "support/pipe.hpp"
#include "support/run.hpp"
#include "support/waits.hpp"

using namespace std::chrono_literals;
using weft::task;
using weft::wait_readable;
using weft::wait_writable;

namespace {

auto readable(int fd) {
    return [fd] { return wait_readable(fd); };
}
auto writable(int fd) {
    return [fd] { return wait_writable(fd); };
}

} // namespace

TEMPLATE_TEST_CASE("a descriptor that is ready is not waited for", "[loop][wait_readable]",
                   EACH_REACTOR) {
    loop_on<TestType> loop;
    socket_pair pair;
    std::string log;
    pair.arrives();

    loop.spawn(waits(readable(pair.ours.get()), log, 2));
    loop.spawn(waits(writable(pair.ours.get()), log));
    loop.poll();

    CHECK(log == "ready ready ready ");
    CHECK(loop.system().idle());
}

TEMPLATE_TEST_CASE("wait_readable waits for data and leaves nothing behind",
                   "[loop][wait_readable]", EACH_REACTOR) {
    loop_on<TestType> loop;
    socket_pair pair;
    std::string log;

    loop.spawn(waits(readable(pair.ours.get()), log));
    loop.settle();
    CHECK(log.empty());
    CHECK_FALSE(loop.system().idle());
    pair.arrives();
    loop.settle();

    CHECK(log == "ready ");
    CHECK(loop.system().idle());
    CHECK(pair.read() == 1);
}

TEMPLATE_TEST_CASE("wait_writable waits for room", "[loop][wait_readable]", EACH_REACTOR) {
    loop_on<TestType> loop;
    socket_pair pair;
    std::string log;
    pair.fill();

    loop.spawn(waits(writable(pair.ours.get()), log));
    loop.settle();
    CHECK(log.empty());
    pair.drain();
    loop.settle();

    CHECK(log == "ready ");
    CHECK(loop.system().idle());
}

TEMPLATE_TEST_CASE("what was not read is waited for no more", "[loop][wait_readable]",
                   EACH_REACTOR) {
    loop_on<TestType> loop;
    socket_pair pair;
    std::size_t received = 0;
    const auto slow_reader = [&]() -> task<> {
        while (received < 8) {
            co_await wait_readable(pair.ours.get());
            received += pair.read(1);
        }
    };

    loop.spawn(slow_reader);
    loop.settle();
    pair.arrives(3);
    loop.settle();
    CHECK(received == 3);
    pair.arrives(5);
    loop.settle();

    CHECK(received == 8);
    CHECK(loop.system().idle());
}

TEMPLATE_TEST_CASE("the end of the stream makes a descriptor ready", "[loop][wait_readable]",
                   EACH_REACTOR) {
    loop_on<TestType> loop;
    socket_pair pair;
    std::string log;
    pair.fill();

    loop.spawn(waits(readable(pair.ours.get()), log));
    loop.spawn(waits(writable(pair.ours.get()), log));
    loop.settle();
    CHECK(log.empty());
    pair.theirs = {};
    loop.settle();

    CHECK(log == "ready ready ");
    CHECK(loop.system().idle());
}

TEMPLATE_TEST_CASE("all who wait for one descriptor wake, the oldest first",
                   "[loop][wait_readable]", EACH_REACTOR) {
    loop_on<TestType> loop;
    socket_pair pair;
    std::string order;
    const auto waiter = [&](char name) -> task<> {
        co_await wait_readable(pair.ours.get());
        order += name;
    };

    for (const char name : {'a', 'b', 'c'}) loop.spawn(waiter, name);
    loop.settle();
    pair.arrives();
    loop.settle();

    CHECK(order == "abc");
    CHECK(loop.system().idle());
}

TEMPLATE_TEST_CASE("reading and writing are waited for side by side", "[loop][wait_readable]",
                   EACH_REACTOR) {
    loop_on<TestType> loop;
    socket_pair pair;
    std::string reader, writer;
    pair.fill();

    loop.spawn(waits(readable(pair.ours.get()), reader));
    loop.spawn(waits(writable(pair.ours.get()), writer));
    loop.settle();
    pair.drain();
    loop.settle();
    CHECK(reader.empty());
    CHECK(writer == "ready ");
    pair.arrives();
    loop.settle();

    CHECK(reader == "ready ");
    CHECK(loop.system().idle());
}

TEMPLATE_TEST_CASE("a descriptor that is not open is an error", "[loop][wait_readable]",
                   EACH_REACTOR) {
    loop_on<TestType> loop;
    std::string log;
    int closed;
    {
        socket_pair pair;
        closed = pair.ours.get();
    }

    loop.spawn(waits(readable(closed), log));
    loop.spawn(waits(writable(-1), log));
    loop.settle();

    CHECK(log == "closed closed ");
    CHECK(loop.system().idle());
}

TEMPLATE_TEST_CASE("a descriptor that is closed under its waiters is an error, once",
                   "[loop][wait_readable]", EACH_REACTOR) {
    loop_on<TestType> loop;
    socket_pair pair;
    std::string reader, writer;
    pair.fill();
    loop.spawn(waits(readable(pair.ours.get()), reader));
    loop.spawn(waits(writable(pair.ours.get()), writer));
    loop.settle();

    loop.system().closing(pair.ours.get());
    pair.ours = {};
    CHECK(reader.empty()); // nobody is resumed by the call
    loop.settle();

    CHECK(reader == "closed ");
    CHECK(writer == "closed ");
    CHECK(loop.system().idle());
}

TEMPLATE_TEST_CASE("a regular file is always ready", "[loop][wait_readable]", EACH_REACTOR) {
    loop_on<TestType> loop;
    const weft::unique_fd file(::open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!file) {
        WARN("no temporary files without names here");
        return;
    }
    std::string log;

    loop.spawn(waits(readable(file.get()), log));
    loop.spawn(waits(writable(file.get()), log));
    loop.settle();

    CHECK(log == "ready ready ");
    CHECK(loop.system().idle());
}

TEMPLATE_TEST_CASE("a cancelled wait leaves the data and no registration", "[loop][wait_readable]",
                   EACH_REACTOR) {
    loop_on<TestType> loop;
    socket_pair pair;
    std::string log;
    auto waiter = loop.spawn(waits(readable(pair.ours.get()), log));
    loop.settle();

    waiter.cancel();
    CHECK(loop.system().idle());
    loop.settle();
    CHECK(waiter.done());
    pair.arrives();
    loop.settle();

    CHECK(log.empty());
    CHECK(pair.read() == 1);
}

TEMPLATE_TEST_CASE("a descriptor becomes ready and its waiter is cancelled, in one turn",
                   "[loop][wait_readable]", EACH_REACTOR) {
    loop_on<TestType> loop;
    socket_pair pair;

    check_ready_and_cancelled(loop, pair, readable(pair.ours.get()));
    CHECK(loop.system().idle());
    CHECK(pair.read() == 1);
}

TEMPLATE_TEST_CASE("a waiter is destroyed where it waits", "[loop][wait_readable]", EACH_REACTOR) {
    const no_frame_leaks check;
    loop_on<TestType> loop;
    socket_pair pair;
    std::string log;
    std::optional<weft::task_group> owner(std::in_place, loop);
    owner->spawn(waits(readable(pair.ours.get()), log));
    owner->spawn([fd = pair.ours.get()] { return wait_readable(fd); }); // without a frame
    loop.settle();

    SECTION("while it waits") { owner.reset(); }
    SECTION("when its event has been collected") {
        loop.post([&] { owner.reset(); });
        pair.arrives();
        loop.poll();
        CHECK_FALSE(owner);
    }
    CHECK(loop.system().idle());
    loop.settle();

    CHECK(log.empty());
}

TEST_CASE("simulated time does not pass over a descriptor that is ready", "[loop][wait_readable]") {
    socket_pair pair;
    run([&]() -> task<> {
        const auto begin = weft::loop_clock::now();
        pair.arrives();
        co_await wait_readable(pair.ours.get());
        CHECK(weft::loop_clock::now() == begin);

        pair.read();
        weft::this_loop().spawn([&]() -> task<> {
            co_await weft::sleep_for(1h);
            pair.arrives();
        });
        co_await wait_readable(pair.ours.get());
        CHECK(weft::loop_clock::now() == begin + 1h);
    });
}
