// SPDX-License-Identifier: MIT
// What it is to do a job. The queue knows nothing about it.
#pragma once

#include <string>

#include <weft/weft.hpp>

#include "options.hpp"

namespace work_queue {

/// Does the job. Returns why it failed; nothing if it did not.
/// Cancel: the job's process is ended.
weft::task<std::string> perform(const options& wanted, std::string payload);

} // namespace work_queue
