// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "buttons.hpp"
#include "keyboard.hpp"
#include "options.hpp"
#include "recording.hpp"
#include "script.hpp"
#include "simulation.hpp"

namespace arena {

/// A simulation, whoever plays it, and what is written down about it.
class match {
public:
    explicit match(const options& wanted);
    match(match&&) = delete;

    /// Plays a tick, unless it is over.
    void tick();
    bool over() const noexcept;

    /// Ends the recording, or compares with the one that was played.
    /// Errors  Throws `std::runtime_error` if this was another game.
    void finish();
    std::string summary() const;

    simulation& game() noexcept { return *game_; }
    controls& wanted() noexcept { return wanted_; }

private:
    controls wanted_;
    recording played_; // by --replay
    std::optional<int> ticks_;
    std::uint64_t seed_;
    std::optional<simulation> game_;
    std::optional<recorder> recorder_;
    script<buttons> player_;
    bool ended_ = false;
};

} // namespace arena
