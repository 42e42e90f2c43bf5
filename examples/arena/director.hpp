// SPDX-License-Identifier: MIT
#pragma once

#include "world.hpp"

namespace arena {

/// Games, one after the other: waves on one side, lives on the other. Sleeps in game time; the
/// physics between its turns is somebody else's (physics.hpp).
weft::task<> direct(world& in);

} // namespace arena
