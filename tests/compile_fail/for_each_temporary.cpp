// expect: pass an object of the parameter's type
// SPDX-License-Identifier: MIT
#include <string>
#include <vector>

#include <weft/compose/for_each_concurrent.hpp>
#include <weft/coro/task.hpp>

weft::task<> greet(const std::string& name);

auto greet_all(std::vector<const char*> names) {
    return weft::for_each_concurrent(std::move(names), 2, greet);
}
