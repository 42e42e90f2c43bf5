// SPDX-License-Identifier: MIT
#pragma once

#include <weft/coro/generator.hpp>

#include "buttons.hpp"
#include "world.hpp"

namespace arena {

/// A player who is never tired: runs from what is near, fires at what is in line.
weft::generator<buttons> autopilot(const world& all);

} // namespace arena
