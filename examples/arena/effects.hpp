// SPDX-License-Identifier: MIT
// What takes time: tasks that sleep in game time. Whose task_group a task is spawned into decides
// what it ends with: an enemy, a life, a wave, the game.
#pragma once

#include <cstdint>

#include "world.hpp"

namespace arena {

/// A ring that grows to `size` and is gone.
weft::task<> explosion(world& in, vec where, int size, std::uint8_t tint);
/// The same, deadly to enemies and their bullets.
weft::task<> bomb(world& in, vec where);

/// Lies there until it is taken, for eight seconds at most.
weft::task<> offer(world& in, vec where, power what);
/// Makes the ship invulnerable for so many ticks.
weft::task<> shielded(ship& hero, int ticks);

/// An enemy's life, from its arrival to its end, in which it may leave others behind.
weft::task<> enemy_life(world& in, kind what, vec where);
/// A sign of having been hit.
weft::task<> flash(enemy& self);

/// Counts kills that follow each other within two seconds.
weft::task<> count_combo(world& in);

} // namespace arena
