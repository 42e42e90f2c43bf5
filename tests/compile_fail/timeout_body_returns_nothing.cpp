// expect: a task, or a callable that returns one
// SPDX-License-Identifier: MIT
#include <chrono>

#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task.hpp>

weft::task<> in_time() {
    co_await weft::with_timeout(std::chrono::seconds(1), [] {});
}
