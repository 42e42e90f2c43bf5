// SPDX-License-Identifier: MIT
//
// The second translation unit of the program: what a header defines twice would not link.
#include <weft/weft.hpp>

weft::generator<int> count_to(int last) {
    for (int number = 1; number <= last; ++number) co_yield number;
}

weft::task<int> sum_of(weft::channel<int>& numbers) {
    int sum = 0;
    while (auto number = co_await numbers.receive()) sum += *number;
    co_return sum;
}
