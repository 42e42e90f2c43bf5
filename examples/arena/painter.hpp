// SPDX-License-Identifier: MIT
#pragma once

#include "canvas.hpp"
#include "world.hpp"

namespace arena {

/// Draws the world. Looks at it, and at nothing else.
void paint(canvas& on, const world& all, bool paused);

} // namespace arena
