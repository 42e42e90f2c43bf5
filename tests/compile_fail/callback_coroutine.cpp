// expect: a coroutine would never run
// SPDX-License-Identifier: MIT
#include <weft/compose/from_callback.hpp>
#include <weft/coro/task.hpp>

weft::task<> ask(weft::completer<int> done);

weft::task<> work() { co_await weft::from_callback<int>(ask); }
