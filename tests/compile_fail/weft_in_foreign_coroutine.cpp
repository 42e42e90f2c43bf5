// expect: coroutines of weft only
// SPDX-License-Identifier: MIT
#include <coroutine>

#include <weft/time/yield.hpp>

struct foreign {
    struct promise_type {
        foreign get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() {}
    };
};

foreign wait() { co_await weft::yield(); }
