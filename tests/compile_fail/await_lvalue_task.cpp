// expect: co_await std::move\(t\)
// SPDX-License-Identifier: MIT
#include <weft/coro/task.hpp>

weft::task<int> answer() { co_return 42; }

weft::task<int> twice() {
    auto t = answer();
    const int once = co_await t;
    co_return once;
}
