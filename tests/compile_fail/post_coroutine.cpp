// expect: a coroutine would never run
// SPDX-License-Identifier: MIT
#include <weft/loop/event_loop.hpp>

void later(weft::event_loop& loop) {
    loop.post([]() -> weft::task<> { co_return; });
}
