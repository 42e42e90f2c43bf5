// expect: while \(auto\* element = co_await g.next\(\)\)
// SPDX-License-Identifier: MIT
#include <weft/coro/async_generator.hpp>
#include <weft/coro/task.hpp>

weft::async_generator<int> numbers();

weft::task<int> sum() {
    int total = 0;
    for (int each : numbers()) total += each;
    co_return total;
}
