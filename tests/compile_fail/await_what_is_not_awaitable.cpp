// expect: cannot be awaited
// SPDX-License-Identifier: MIT
#include <weft/coro/task.hpp>

weft::task<> wait() { co_await 42; }
