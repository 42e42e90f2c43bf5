// expect: give it away by std::move
// SPDX-License-Identifier: MIT
#include <vector>

#include <weft/compose/as_completed.hpp>
#include <weft/coro/task.hpp>

auto all(std::vector<weft::task<>>& tasks) { return weft::as_completed(tasks); }
