// SPDX-License-Identifier: MIT
//
// Running coroutines in real time, on the system, with a reactor that the test names.
#pragma once

#include <chrono>
#include <memory>

#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task.hpp>
#include <weft/loop/epoll_reactor.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/system_calls.hpp>

#include "support/descriptors.hpp"
#include "support/run.hpp"

/// Runs `main()`; fails, instead of hanging, when that lasts too long, and when a descriptor, a
/// child process or a frame is left over.
template <class Reactor = weft::epoll_reactor, class F>
void run_on(F main, weft::system_calls* calls = nullptr) {
    const no_frame_leaks frames;
    const nothing_left_open check;
    weft::event_loop loop(std::make_unique<Reactor>());
    if (calls) loop.system().set_calls(*calls);
    loop.run([&]() -> weft::task<> {
        co_await weft::with_timeout(std::chrono::minutes(2), main());
    });
}
