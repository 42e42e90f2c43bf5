// expect: give it away by std::move
// SPDX-License-Identifier: MIT
#include <vector>

#include <weft/compose/when_all.hpp>
#include <weft/coro/task.hpp>

weft::task<> all(std::vector<weft::task<>> tasks) { co_await weft::when_all(tasks); }
