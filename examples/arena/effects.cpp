// SPDX-License-Identifier: MIT
#include "effects.hpp"

#include "enemies.hpp"

namespace arena {

weft::task<> explosion(world& in, vec where, int size, std::uint8_t tint) {
    present<effect> light(in.effects, where, pixel, tint);
    for (; light.radius < size; light.radius += 200) co_await weft::sleep_for(2 * tick);
}

weft::task<> bomb(world& in, vec where) {
    present<effect> wave(in.effects, where, pixel, std::uint8_t{231}, true);
    for (; wave.radius < 30 * pixel; wave.radius += pixel) co_await weft::sleep_for(tick);
}

// ---- power-ups ----------------------------------------------------------------------

weft::task<> shielded(ship& hero, int ticks) {
    const raised level(hero.shields);
    co_await weft::sleep_for(ticks * tick);
}

namespace {

weft::task<> spread_fire(ship& hero) {
    const raised level(hero.spread);
    co_await weft::sleep_for(12 * ticks_per_second * tick);
}

weft::task<> rapid_fire(ship& hero) {
    const raised level(hero.rapid);
    co_await weft::sleep_for(12 * ticks_per_second * tick);
}

void give(ship& hero, power what) {
    if (!hero.alive) return; // it was lost in the very tick in which it took this
    switch (what) {
    case power::spread:
        hero.life->spawn(spread_fire(hero));
        break;
    case power::rapid:
        hero.life->spawn(rapid_fire(hero));
        break;
    case power::shield:
        hero.life->spawn(shielded(hero, 8 * ticks_per_second));
        break;
    case power::bomb:
        ++hero.bombs;
        break;
    }
}

} // namespace

weft::task<> offer(world& in, vec where, power what) {
    present<pickup> here(in.pickups, where, what);
    auto taken = co_await weft::try_for(6 * ticks_per_second * tick, here.taken.wait());
    if (!taken) {
        here.fades = true;
        taken = co_await weft::try_for(2 * ticks_per_second * tick, here.taken.wait());
    }
    if (taken) give(in.hero, what);
}

// ---- enemies ------------------------------------------------------------------------

weft::task<> flash(enemy& self) {
    const raised level(self.flashes);
    co_await weft::sleep_for(5 * tick);
}

namespace {

weft::task<> shield_now_and_then(enemy& self) {
    for (;;) {
        co_await weft::sleep_for(100 * tick);
        const raised level(self.shields);
        co_await weft::sleep_for(60 * tick);
    }
}

weft::task<> launch_hunters(world& in, const enemy& self) {
    for (;;) {
        co_await weft::sleep_for(3 * ticks_per_second * tick);
        in.swarm->spawn(enemy_life(in, kind::hunter, self.position));
    }
}

weft::task<> arrive(world& in, vec where) {
    present<effect> portal(in.effects, where, 5 * pixel, std::uint8_t{45});
    for (; portal.radius > pixel; portal.radius -= 64) co_await weft::sleep_for(2 * tick);
}

/// Who comes out of the wreck of a splitter.
void split(world& in, vec where) {
    for (int turn = 0; turn < 16; turn += 5) {
        vec place = where + direction(turn, 4 * pixel);
        keep_inside(place, traits_of(kind::drone).radius);
        in.swarm->spawn(enemy_life(in, kind::drone, place));
    }
}

void leave_something(world& in, vec where) {
    if (!in.dice.one_in(9)) return;
    in.start(offer(in, where, static_cast<power>(in.dice.below(4))));
}

} // namespace

weft::task<> enemy_life(world& in, kind what, vec where) {
    co_await arrive(in, where);

    present<enemy> self(in.enemies, what, where);
    self.mind = mind_of(self, in.hero, in.dice);
    co_await weft::with_task_group([&](weft::task_group& own) -> weft::task<> {
        self.own = &own;
        if (what == kind::gunner) own.spawn(shield_now_and_then(self));
        if (what == kind::mother) own.spawn(launch_hunters(in, self));
        co_await self.died.wait();
        own.cancel(); // what is its own ends with it
    });

    if (!in.playing) co_return; // the game ended in the same tick
    in.start(explosion(in, self.position, 3 * traits_of(what).radius, 214));
    if (what == kind::splitter) split(in, self.position);
    leave_something(in, self.position);
}

weft::task<> count_combo(world& in) {
    for (;;) {
        const auto kill = co_await weft::try_for(2 * ticks_per_second * tick, in.killed.wait());
        in.combo = kill ? in.combo + 1 : 0;
        in.killed.clear();
    }
}

} // namespace arena
