// expect: coroutines of weft only
// SPDX-License-Identifier: MIT
#include <coroutine>

#include <weft/coro/task.hpp>

struct foreign {
    struct promise_type {
        foreign get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() {}
    };
};

weft::task<> work() { co_return; }
foreign wait() { co_await work(); }
