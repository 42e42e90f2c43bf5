// SPDX-License-Identifier: MIT
#include <weft/loop/manual_reactor.hpp>

#include <atomic>
#include <cstdint>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "support/catch.hpp"

using weft::manual_reactor;
using weft::reactor;

namespace {

struct listener final : weft::readiness_waiter {
    int times = 0;

private:
    void ready(weft::readiness) noexcept override { ++times; }
};

struct pipe_ends {
    weft::unique_fd read, write;

    pipe_ends() {
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
        read = weft::unique_fd(ends[0]);
        write = weft::unique_fd(ends[1]);
    }
    void arrives() const { REQUIRE(::write(write.get(), "", 1) == 1); }
};

} // namespace

TEST_CASE("a manual clock moves only when it is advanced", "[loop][manual_reactor]") {
    manual_reactor events;

    CHECK(events.now() == 0);
    CHECK_FALSE(events.wait(100));
    CHECK_FALSE(events.wait(reactor::never));
    CHECK(events.now() == 0);
    events.advance(99);
    CHECK_FALSE(events.wait(100));
    events.advance(1);
    CHECK(events.wait(100));

    CHECK(events.now() == 100);
}

TEST_CASE("a manual clock stops at the end of time", "[loop][manual_reactor]") {
    manual_reactor events;

    events.advance(reactor::never - 1);
    events.advance(reactor::never);

    CHECK(events.now() == reactor::never);
}

TEST_CASE("a jumping clock goes to the deadline", "[loop][manual_reactor]") {
    manual_reactor events(manual_reactor::clock::jumps);

    CHECK(events.wait(3'600'000'000'000));
    CHECK(events.now() == 3'600'000'000'000);
    CHECK(events.wait(5)); // long past
    CHECK(events.now() == 3'600'000'000'000);

    CHECK_FALSE(events.wait(reactor::never)); // nothing ever will happen
    CHECK(events.now() == 3'600'000'000'000);
}

TEST_CASE("a jumping clock does not jump over a wake", "[loop][manual_reactor]") {
    manual_reactor events(manual_reactor::clock::jumps);

    events.wake();
    CHECK(events.wait(100));
    CHECK(events.now() == 0);
    CHECK(events.wait(100));

    CHECK(events.now() == 100);
}

TEST_CASE("a jumping clock does not jump over a descriptor that is ready",
          "[loop][manual_reactor]") {
    manual_reactor events(manual_reactor::clock::jumps);
    const pipe_ends pipe;
    listener reader;

    events.wait_once(pipe.read.get(), weft::readiness::readable, reader);
    CHECK(events.wait(100));
    CHECK(events.now() == 100); // it was not ready
    pipe.arrives();
    CHECK(events.wait(200));

    CHECK(reader.times == 1);
    CHECK(events.now() == 100);
}

TEST_CASE("a manual clock waits for outside work", "[loop][manual_reactor]") {
    manual_reactor events(GENERATE(manual_reactor::clock::advances, manual_reactor::clock::jumps));
    const auto deadline = GENERATE(std::int64_t{100}, reactor::never);

    for (int i = 0; i < 1000; ++i) {
        std::atomic<bool> done = false;
        events.begin_outside_work();
        std::thread other([&] {
            done = true;
            events.wake();
        });
        while (!done) REQUIRE(events.wait(deadline));
        other.join();
        events.end_outside_work();
    }

    CHECK(events.now() == 0);
}
