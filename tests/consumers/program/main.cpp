// SPDX-License-Identifier: MIT
//
// A little of everything that a user's first programs touch, built with every set of flags.
#include <chrono>
#include <cstdio>
#include <tuple>

#include <weft/weft.hpp>

using namespace std::chrono_literals;

weft::generator<int> count_to(int last);     // other.cpp
weft::task<int> sum_of(weft::channel<int>&); // other.cpp

namespace {

weft::task<> send_all(weft::channel<int>& numbers) {
    for (int number : count_to(6)) co_await numbers.send(number);
    numbers.close();
}

weft::task<int> through_a_channel() {
    weft::channel<int> numbers(2);
    auto both_ends = [&numbers](weft::task_group& group) -> weft::task<int> {
        group.spawn(send_all(numbers));
        const int sum = co_await sum_of(numbers);
        co_return sum;
    };
    const int sum = co_await weft::with_task_group(both_ends);
    co_return sum;
}

weft::task<int> answer() {
    co_await weft::sleep_for(1ms);
    auto late = co_await weft::try_for(1ms, weft::sleep_forever());
    if (late) co_return 0;
    auto sums = co_await weft::when_all(through_a_channel(), through_a_channel());
    co_return std::get<0>(sums) + std::get<1>(sums);
}

} // namespace

int main() {
    const int result = weft::run(answer());
    std::printf("%d\n", result);
    return result == 42 ? 0 : 1;
}
