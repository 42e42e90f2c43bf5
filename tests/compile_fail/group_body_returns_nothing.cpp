// expect: \(weft::task_group& g\) -> weft::task<> { \.\.\. }
// SPDX-License-Identifier: MIT
#include <weft/compose/with_task_group.hpp>

weft::task<> all() {
    co_await weft::with_task_group([](weft::task_group&) {});
}
