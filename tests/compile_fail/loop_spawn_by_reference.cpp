// expect: for a T& pass std::ref
// SPDX-License-Identifier: MIT
#include <weft/loop/event_loop.hpp>

weft::task<> count(int& counter);

int main() {
    int counter = 0;
    weft::event_loop loop;
    loop.spawn(count, counter);
}
