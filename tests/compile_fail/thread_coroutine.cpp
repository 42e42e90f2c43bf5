// expect: a coroutine would not run there
// SPDX-License-Identifier: MIT
#include <weft/threads/to_thread.hpp>

weft::task<int> compute(int x);

weft::task<> work() { co_await weft::to_thread(compute, 1); }
