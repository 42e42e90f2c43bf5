// expect: yields objects
// SPDX-License-Identifier: MIT
#include <weft/coro/async_generator.hpp>

weft::async_generator<int&> numbers();
auto first = numbers();
