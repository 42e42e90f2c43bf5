// SPDX-License-Identifier: MIT
// Who drives the game: weft's loop, or an ordinary frame loop.
#pragma once

#include <weft/weft.hpp>

#include "match.hpp"

namespace arena {

/// On the terminal, as tasks of weft's loop: physics, pictures, keyboard and signals, each at its
/// own rate. The game has a loop of its own, whose time is the game's.
weft::task<> play_in_tasks(match& play, int frames_per_second);

/// On the terminal, in a frame loop without any weft around it: keyboard and signals are tasks in
/// the game's own loop, which is polled once a frame.
void play_in_frames(match& play, int frames_per_second);

/// Without a terminal, as fast as it goes.
weft::task<> run_in_tasks(match& play);
void run_in_frames(match& play);

} // namespace arena
