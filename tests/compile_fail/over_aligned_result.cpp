// expect: over-aligned
// SPDX-License-Identifier: MIT
#include <weft/coro/task.hpp>

struct alignas(64) vector_register {
    float lanes[16];
};

weft::task<vector_register> load() { co_return vector_register{}; }
