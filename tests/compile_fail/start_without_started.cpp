// expect: makes a task
// SPDX-License-Identifier: MIT
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>

weft::task<> serve(weft::task_group& group) {
    co_await group.start<int>([]() -> weft::task<> { co_return; });
}
