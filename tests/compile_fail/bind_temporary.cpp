// expect: pass an object of the parameter's type
// SPDX-License-Identifier: MIT
#include <string>

#include <weft/compose/bind_task.hpp>

weft::task<> greet(const std::string& name);

auto later() { return weft::bind_task(greet, "world"); }
