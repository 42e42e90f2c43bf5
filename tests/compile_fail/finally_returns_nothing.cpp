// expect: a callable that returns one
// SPDX-License-Identifier: MIT
#include <weft/compose/finally.hpp>
#include <weft/coro/task.hpp>

weft::task<> body();

weft::task<> tidy() { co_await weft::finally(body(), [] {}); }
