// SPDX-License-Identifier: MIT
#include <weft/loop/timer_list.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "support/catch.hpp"

namespace {

struct alarm : weft::timer {
    explicit alarm(std::int64_t deadline) : timer([](timer&) noexcept {}, deadline) {}
};

std::vector<std::int64_t> deadlines(const weft::timer_list& list) {
    std::vector<std::int64_t> result;
    for (auto* each = list.first(); each; each = list.after(*each))
        result.push_back(each->deadline());
    return result;
}

} // namespace

TEST_CASE("a list of timers knows its bounds, and whether it happens to be sorted",
          "[loop][timer_list]") {
    alarm a(5), b(7), c(6), d(6);
    weft::timer_list list;
    list.add(a);
    list.add(b);
    CHECK(list.sorted);
    list.add(c);
    list.add(d);

    CHECK_FALSE(list.sorted);
    CHECK(list.low == 5);
    CHECK(list.high == 7);
    CHECK(list.count == 4);
    CHECK(list.sort_if_short());
    CHECK(list.sorted);
    CHECK(deadlines(list) == std::vector<std::int64_t>{5, 6, 6, 7});
    CHECK(list.after(*list.after(a)) == &d); // in the order of arming
}

TEST_CASE("a list that was emptied begins anew", "[loop][timer_list]") {
    alarm a(5), b(3), c(9);
    weft::timer_list list;
    list.add(a);
    list.add(b);
    while (!list.empty()) list.take_first();
    list.add(c);

    CHECK(list.sorted);
    CHECK(list.low == 9);
    CHECK(list.high == 9);
    CHECK(list.count == 1);
}

TEST_CASE("lists are joined", "[loop][timer_list]") {
    alarm a(5), b(7), c(1), d(2);
    weft::timer_list list, other;
    list.add(a);
    list.add(b);
    other.add(c);
    other.add(d);

    list.add_all(other);

    CHECK(other.empty());
    CHECK(deadlines(list) == std::vector<std::int64_t>{5, 7, 1, 2});
    CHECK_FALSE(list.sorted);
    CHECK(list.low == 1);
    CHECK(list.high == 7);
    weft::timer_list fresh;
    fresh.add_all(list);
    CHECK(fresh.count == 4);
    fresh.clear();
}

TEST_CASE("a long list is not sorted by insertion", "[loop][timer_list]") {
    std::deque<alarm> crowd;
    weft::timer_list list;
    for (std::size_t i = 0; i <= weft::timer_list::short_length; ++i) {
        crowd.emplace_back(100 - static_cast<std::int64_t>(i));
        list.add(crowd.back());
    }

    CHECK_FALSE(list.sort_if_short());
    crowd.back().disarm();
    CHECK(list.sort_if_short());
    CHECK(deadlines(list).front() == 101 - static_cast<std::int64_t>(weft::timer_list::short_length));
}
