// expect: std::move\(t\)" gives it away
// SPDX-License-Identifier: MIT
#include <weft/coro/task_group.hpp>

weft::task<> work();

void start(weft::task_group& group) {
    auto t = work();
    group.spawn(t);
}
