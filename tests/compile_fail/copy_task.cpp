// expect: delete
// SPDX-License-Identifier: MIT
#include <weft/coro/task.hpp>

weft::task<int> answer() { co_return 42; }

int main() {
    auto one = answer();
    auto other = one;
}
