// expect: cannot hold a reference
// SPDX-License-Identifier: MIT
#include <chrono>

#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task.hpp>

weft::task<int&> pick();

weft::task<> in_time() { co_await weft::try_for(std::chrono::seconds(1), pick()); }
