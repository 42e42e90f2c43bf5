// SPDX-License-Identifier: MIT
//
// Waiting for descriptors, turn by turn, on each reactor.
#pragma once

#include <memory>
#include <string>
#include <system_error>

#include <weft/coro/task.hpp>
#include <weft/loop/event_loop.hpp>

#include "support/catch.hpp"
#include "support/pipe.hpp"
#include "support/reactors.hpp"

template <class Reactor>
struct loop_on : weft::event_loop {
    loop_on() : event_loop(std::make_unique<Reactor>()) {}
    /// As many turns as anything here could need; none of them waits.
    void settle() {
        for (int turn = 0; turn < 4; ++turn) poll();
    }
};

/// Awaits `wait()` again and again, and writes down what happened.
template <class Wait>
weft::task<> waits(Wait wait, std::string& log, int times = 1) {
    for (int i = 0; i < times; ++i) {
        try {
            co_await wait();
            log += "ready ";
        } catch (const std::system_error& error) {
            log += error.code() == std::errc::bad_file_descriptor ? "closed " : "error ";
        }
    }
}

/// Has our end of `pair` become readable, and one who waits for that, twice, be cancelled in the
/// same turn.
template <class Reactor, class Wait>
void check_ready_and_cancelled(loop_on<Reactor>& loop, const socket_pair& pair, Wait wait) {
    std::string log;
    auto waiter = loop.spawn(waits(wait, log, 2));
    loop.settle();

    SECTION("ready first: that is delivered, and the next wait does not begin") {
        loop.post([&] { waiter.cancel(); }); // runs when the event has been collected
        pair.arrives();
        loop.poll();
        CHECK(log == "ready ");
    }
    SECTION("cancelled first: nothing is delivered") {
        pair.arrives();
        waiter.cancel();
        loop.poll();
        CHECK(log.empty());
    }

    loop.settle();
    CHECK(waiter.done());
}
