// expect: f makes a task
// SPDX-License-Identifier: MIT
#include <weft/coro/task_group.hpp>

void start(weft::task_group& group) { group.spawn([] {}); }
