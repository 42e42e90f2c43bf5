// expect: \(policy, .*\(weft::task_group& g\) -> weft::task<> { \.\.\. }
// SPDX-License-Identifier: MIT
#include <weft/compose/with_task_group.hpp>

weft::task<> body(weft::task_group& group);

weft::task<> all() {
    co_await weft::with_task_group(body, weft::on_error::report);
}
