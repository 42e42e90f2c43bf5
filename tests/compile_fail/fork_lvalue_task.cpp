// expect: std::move\(t\)" gives it away
// SPDX-License-Identifier: MIT
#include <weft/compose/when_all.hpp>
#include <weft/coro/task.hpp>

weft::task<> work();

weft::task<> both() {
    auto t = work();
    co_await weft::when_all(t, work());
}
