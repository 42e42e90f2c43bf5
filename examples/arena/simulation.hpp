// SPDX-License-Identifier: MIT
// The game without the world around it: no IO, no clock, no thread, the same on every machine.
#pragma once

#include <cstdint>
#include <exception>

#include <weft/weft.hpp>

#include "buttons.hpp"
#include "world.hpp"

namespace arena {

class simulation {
public:
    explicit simulation(std::uint64_t seed);
    simulation(simulation&&) = delete;

    /// One tick: time moves, and tasks run until all of them wait; then everything moves, and tasks
    /// run again.
    /// Errors  Rethrows what a task threw.
    void step(buttons pressed);

    /// Lets tasks run until all of them wait; time stands still. Between two steps only tasks that
    /// are not the game's have anything to do.
    /// Errors  Rethrows what a task threw.
    void settle();

    const world& state() const noexcept { return world_; }

    /// A digest of every state there has been.
    std::uint64_t hash() const noexcept { return hash_; }

    /// The loop of game time. An ordinary frame loop may put its own tasks into it.
    weft::event_loop& loop() noexcept { return loop_; }

private:
    world world_;
    std::uint64_t hash_;
    std::exception_ptr failure_;
    weft::event_loop loop_{weft::event_loop::time::manual}; // last: its tasks use the others
};

} // namespace arena
