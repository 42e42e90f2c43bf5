// expect: cannot pass references
// SPDX-License-Identifier: MIT
#include <weft/sync/channel.hpp>

weft::channel<int&> numbers{1};
