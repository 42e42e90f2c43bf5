// SPDX-License-Identifier: MIT
// The three commands. Lifetime: the options must live until the task is done.
#pragma once

#include <weft/weft.hpp>

#include "options.hpp"

namespace work_queue {

weft::task<> produce(const options& wanted);
weft::task<> work(const options& wanted);
weft::task<> show_status(const options& wanted);

} // namespace work_queue
