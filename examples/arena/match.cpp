// SPDX-License-Identifier: MIT
#include "match.hpp"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "autopilot.hpp"

namespace arena {

namespace {

weft::generator<buttons> typed(controls& wanted) {
    for (;;) co_yield std::exchange(wanted.pressed, {});
}

} // namespace

match::match(const options& wanted) : ticks_(wanted.ticks), seed_(wanted.seed) {
    if (!wanted.replay.empty()) {
        played_ = read_recording(wanted.replay);
        seed_ = played_.seed;
    }
    game_.emplace(seed_);
    if (!wanted.record.empty()) recorder_.emplace(wanted.record, seed_);
    if (!wanted.replay.empty())
        player_ = script(replay(played_));
    else if (wanted.demo)
        player_ = script(autopilot(game_->state()));
    else
        player_ = script(typed(wanted_));
}

bool match::over() const noexcept {
    return ended_ || wanted_.quit || (ticks_ && game_->state().ticks >= *ticks_);
}

void match::tick() {
    if (over()) return;
    const auto pressed = player_.next();
    ended_ = !pressed;
    if (ended_) return;
    if (recorder_) recorder_->press(game_->state().ticks, *pressed);
    game_->step(*pressed);
}

void match::finish() {
    const int ticks = game_->state().ticks;
    if (recorder_) recorder_->end(ticks, game_->hash());
    if (played_.hash && ticks == played_.ticks && game_->hash() != *played_.hash)
        throw std::runtime_error(
            fmt::format("the replay became another game: hash {:016x}, not {:016x}", game_->hash(),
                        *played_.hash));
}

std::string match::summary() const {
    const world& end = game_->state();
    return fmt::format("seed {}  ticks {}  score {}  wave {}  ships {}  hash {:016x}\n", seed_,
                       end.ticks, end.score, end.wave, end.lives, game_->hash());
}

} // namespace arena
