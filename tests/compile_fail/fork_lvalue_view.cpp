// expect: what is in this range runs once: give it away by std::move
// SPDX-License-Identifier: MIT
#include <ranges>
#include <utility>
#include <vector>

#include <weft/compose/when_all.hpp>
#include <weft/coro/task.hpp>

weft::task<> all(std::vector<weft::task<int>> tasks) {
    auto owns = std::views::all(std::move(tasks));
    co_await weft::when_all(owns);
}
