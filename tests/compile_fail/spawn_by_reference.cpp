// expect: for a T& pass std::ref
// SPDX-License-Identifier: MIT
#include <weft/coro/task_group.hpp>

weft::task<> count(int& counter) {
    ++counter;
    co_return;
}

void start(weft::task_group& group) {
    int counter = 0;
    group.spawn(count, counter);
}
