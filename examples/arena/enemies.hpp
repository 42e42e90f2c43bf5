// SPDX-License-Identifier: MIT
#pragma once

#include "script.hpp"
#include "world.hpp"

namespace arena {

/// What an enemy of its kind does, one order a tick, without end. It sees itself and the ship.
/// Lifetime: all three outlive the script.
script<order> mind_of(const enemy& self, const ship& prey, random& dice);

} // namespace arena
