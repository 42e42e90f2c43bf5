// SPDX-License-Identifier: MIT
#pragma once

#include "buttons.hpp"
#include "world.hpp"

namespace arena {

/// Moves everything by one tick and finds out what hit what. Tells the tasks concerned by events:
/// they run in the loop's next turn.
void move_world(world& all, buttons pressed);

} // namespace arena
