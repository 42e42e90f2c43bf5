// SPDX-License-Identifier: MIT
#include <weft/loop/watched_fd.hpp>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>

#include "support/catch.hpp"
#include "support/pipe.hpp"
#include "support/run.hpp"
#include "support/waits.hpp"

using weft::task;
using weft::watched_fd;

namespace {

auto readable(watched_fd& fd) {
    return [&fd] { return fd.readable(); };
}
auto writable(watched_fd& fd) {
    return [&fd] { return fd.writable(); };
}

/// Reads up to `most` bytes after each wait, until `total` are there.
task<> reads(watched_fd& fd, const socket_pair& pair, std::size_t most, std::size_t total,
             std::size_t& received) {
    while (received < total) {
        co_await fd.readable();
        received += pair.read(most);
    }
}

} // namespace

TEMPLATE_TEST_CASE("a reader may read all there is, or a part, before it waits again",
                   "[loop][watched_fd]", EACH_REACTOR) {
    const std::size_t most = GENERATE(1u, 3u, 64u);
    loop_on<TestType> loop;
    socket_pair pair;
    std::size_t received = 0;
    {
        watched_fd fd(loop, pair.ours.get());
        loop.spawn(reads, std::ref(fd), std::cref(pair), most, 13u, std::ref(received));

        loop.settle();
        pair.arrives(5);
        loop.settle();
        CHECK(received == 5);
        pair.arrives(4);
        pair.arrives(4);
        loop.settle();
    }

    CHECK(received == 13);
    CHECK(loop.system().idle());
}

TEMPLATE_TEST_CASE("what came before the first wait is not missed", "[loop][watched_fd]",
                   EACH_REACTOR) {
    loop_on<TestType> loop;
    socket_pair pair;
    std::string log;
    pair.arrives();
    watched_fd fd(loop, pair.ours.get());
    loop.settle(); // the change is reported, and nobody waits

    loop.spawn(waits(readable(fd), log, 2));
    loop.settle();

    CHECK(log == "ready ready ");
}

TEMPLATE_TEST_CASE("what somebody else has read wakes nobody", "[loop][watched_fd]", EACH_REACTOR) {
    loop_on<TestType> loop;
    socket_pair pair;
    std::string log;
    watched_fd fd(loop, pair.ours.get());
    pair.arrives();
    loop.settle();
    pair.read();

    loop.spawn(waits(readable(fd), log));
    pair.arrives();
    pair.read(); // before the loop looks
    loop.settle();
    CHECK(log.empty());
    pair.arrives();
    loop.settle();

    CHECK(log == "ready ");
}

TEMPLATE_TEST_CASE("a writer writes until nothing fits, and waits", "[loop][watched_fd]",
                   EACH_REACTOR) {
    loop_on<TestType> loop;
    socket_pair pair;
    std::string log;
    watched_fd fd(loop, pair.ours.get());
    loop.spawn(waits(writable(fd), log));
    loop.settle();
    CHECK(log == "ready ");

    pair.fill();
    loop.spawn(waits(writable(fd), log));
    loop.settle();
    CHECK(log == "ready ");
    pair.drain();
    loop.settle();

    CHECK(log == "ready ready ");
}

TEMPLATE_TEST_CASE("the end of the stream wakes a reader every time", "[loop][watched_fd]",
                   EACH_REACTOR) {
    loop_on<TestType> loop;
    socket_pair pair;
    std::string log;
    watched_fd fd(loop, pair.ours.get());
    loop.spawn(waits(readable(fd), log, 3));
    loop.settle();

    pair.theirs = {};
    loop.settle();

    CHECK(log == "ready ready ready ");
}

TEMPLATE_TEST_CASE("readers and writers share a descriptor", "[loop][watched_fd]", EACH_REACTOR) {
    loop_on<TestType> loop;
    socket_pair pair;
    std::string first, second, writer;
    watched_fd fd(loop, pair.ours.get()), another(loop, pair.ours.get());
    pair.fill();
    loop.spawn(waits(readable(fd), first));
    loop.spawn(waits(readable(another), second));
    loop.spawn(waits(writable(fd), writer));
    loop.settle();

    pair.arrives();
    loop.settle();
    CHECK(first == "ready ");
    CHECK(second == "ready ");
    CHECK(writer.empty());
    pair.drain();
    loop.settle();

    CHECK(writer == "ready ");
}

TEMPLATE_TEST_CASE("a descriptor that is not open cannot be watched", "[loop][watched_fd]",
                   EACH_REACTOR) {
    loop_on<TestType> loop;

    CHECK_THROWS_AS(watched_fd(loop, -1), std::system_error);
    CHECK(loop.system().idle());
}

TEMPLATE_TEST_CASE("a watched descriptor that is closed wakes its waiters with an error, once",
                   "[loop][watched_fd]", EACH_REACTOR) {
    loop_on<TestType> loop;
    socket_pair pair;
    std::string reader, writer, later;
    pair.fill();
    watched_fd fd(loop, pair.ours.get());
    loop.spawn(waits(readable(fd), reader));
    loop.spawn(waits(writable(fd), writer));
    loop.settle();

    fd.closing();
    pair.ours = {};
    loop.settle();
    CHECK(reader == "closed ");
    CHECK(writer == "closed ");
    CHECK(loop.system().idle());
    loop.spawn(waits(readable(fd), later));
    loop.settle();

    CHECK(later == "closed ");
}

TEMPLATE_TEST_CASE("a cancelled wait for a watched descriptor loses nothing", "[loop][watched_fd]",
                   EACH_REACTOR) {
    loop_on<TestType> loop;
    socket_pair pair;
    std::string log;
    watched_fd fd(loop, pair.ours.get());
    auto waiter = loop.spawn(waits(readable(fd), log));
    loop.settle();

    waiter.cancel();
    pair.arrives();
    loop.settle();
    CHECK(waiter.done());
    CHECK(log.empty());
    loop.spawn(waits(readable(fd), log));
    loop.settle();

    CHECK(log == "ready ");
}

TEMPLATE_TEST_CASE("a watched descriptor becomes ready and its waiter is cancelled, in one turn",
                   "[loop][watched_fd]", EACH_REACTOR) {
    loop_on<TestType> loop;
    socket_pair pair;
    watched_fd fd(loop, pair.ours.get());

    check_ready_and_cancelled(loop, pair, readable(fd));
}

TEMPLATE_TEST_CASE("who waits for a watched descriptor is destroyed there", "[loop][watched_fd]",
                   EACH_REACTOR) {
    const no_frame_leaks check;
    loop_on<TestType> loop;
    socket_pair pair;
    std::string log;
    {
        watched_fd fd(loop, pair.ours.get());
        std::optional<weft::task_group> owner(std::in_place, loop);
        owner->spawn(waits(readable(fd), log));
        owner->spawn([&fd] { return fd.readable(); }); // without a frame
        loop.settle();

        SECTION("while it waits") { owner.reset(); }
        SECTION("when its event has been collected") {
            loop.post([&] { owner.reset(); });
            pair.arrives();
            loop.poll();
            CHECK_FALSE(owner);
        }
        loop.settle();
    }

    CHECK(log.empty());
    CHECK(loop.system().idle());
}

TEST_CASE("a watched_fd made in a coroutine belongs to its loop", "[loop][watched_fd]") {
    socket_pair pair;
    pair.arrives();

    run([&]() -> task<> {
        watched_fd fd(pair.ours.get());
        co_await fd.readable();
        CHECK_FALSE(weft::this_loop().system().idle());
        pair.read();
    });
}
