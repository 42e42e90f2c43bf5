// expect: nodiscard|ignoring
// SPDX-License-Identifier: MIT
#include <weft/coro/task.hpp>

weft::task<> work() { co_return; }

void start() { work(); }
