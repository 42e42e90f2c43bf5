// expect: std::move\(t\)" gives it away
// SPDX-License-Identifier: MIT
#include <weft/loop/run.hpp>

weft::task<> work();

int main() {
    auto t = work();
    weft::run(t);
}
