// expect: pass an object of the parameter's type
// SPDX-License-Identifier: MIT
#include <string>

#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>

weft::task<> greet(const std::string& name);

void start(weft::task_group& group) { group.spawn(greet, "world"); }
