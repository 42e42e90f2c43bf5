// SPDX-License-Identifier: MIT
#include "simulation.hpp"

#include <string_view>
#include <utility>

#include "director.hpp"
#include "physics.hpp"

namespace arena {

namespace {

class digest {
public:
    explicit digest(std::uint64_t before) noexcept : value_(before) {}

    digest& operator<<(std::uint64_t number) noexcept {
        value_ = mixed(value_ + 0x9e3779b97f4a7c15 + number);
        return *this;
    }
    digest& operator<<(int number) noexcept { return *this << static_cast<std::uint64_t>(number); }
    digest& operator<<(vec place) noexcept { return *this << place.x << place.y; }

    std::uint64_t value() const noexcept { return value_; }

private:
    std::uint64_t value_;
};

std::uint64_t hash_of(const world& all, std::uint64_t before) {
    digest sum(before);
    const ship& hero = all.hero;
    sum << all.ticks << all.score << all.lives << all.wave << all.combo << all.dice.state();
    sum << hero.position << hero.velocity << hero.heading << hero.aim << hero.alive << hero.fires
        << hero.reload << hero.spread << hero.rapid << hero.shields << hero.bombs;
    for (const enemy* each : all.enemies)
        sum << static_cast<int>(each->what) << each->position << each->velocity << each->health
            << each->shields << each->flashes << each->glows;
    for (const bullet& each : all.bullets) sum << each.position << each.velocity << each.hostile;
    for (const pickup* each : all.pickups)
        sum << static_cast<int>(each->what) << each->position << each->fades;
    for (const effect* each : all.effects) sum << each->position << each->radius;
    return sum.value();
}

} // namespace

simulation::simulation(std::uint64_t seed) : world_(mixed(seed)), hash_(mixed(seed)) {
    loop_.on_unhandled([this](std::exception_ptr error, std::string_view) noexcept {
        if (!failure_) failure_ = std::move(error);
    });
    loop_.spawn(direct(world_));
    settle();
}

void simulation::settle() {
    while (loop_.poll() != 0) {}
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void simulation::step(buttons pressed) {
    loop_.advance(tick);
    settle();
    move_world(world_, pressed);
    settle(); // nothing is left that a turn of the loop between two steps could change
    hash_ = hash_of(world_, hash_);
}

} // namespace arena
