// expect: for a T& pass std::ref
// SPDX-License-Identifier: MIT
#include <weft/loop/run.hpp>

weft::task<> count(int& counter);

int main() {
    int counter = 0;
    weft::run(count, counter);
}
