// SPDX-License-Identifier: MIT
// The course of a game, as structured concurrency: a wave is a group of enemies' lives and ends
// when the last of them has ended; a life is a group of powers that end with it; the game is a
// group that is cancelled when the last life is lost.
#include "director.hpp"

#include <algorithm>
#include <string>

#include "effects.hpp"

namespace arena {

namespace {

/// Who comes in a wave. The later, the more of them and the worse.
weft::generator<kind> wave_plan(int wave, random& dice) {
    if (wave % 5 == 0) co_yield kind::mother;
    const int kinds = std::min(1 + wave, 5);
    for (int budget = 4 + 3 * wave; budget > 0;) {
        const int choice = dice.below(kinds);
        co_yield static_cast<kind>(choice);
        budget -= 1 + choice / 2;
    }
}

/// Somewhere, not too near to the ship.
vec place_of_arrival(world& in) {
    for (;;) {
        const int x = in.dice.between(6, 73) * pixel;
        const int y = in.dice.between(5, 38) * pixel;
        if (!within({x, y}, in.hero.position, 16 * pixel)) return {x, y};
    }
}

weft::task<> announce(world& in, std::string text, int ticks) {
    const present<banner> title(in.banners, std::move(text));
    co_await weft::sleep_for(ticks * tick);
}

weft::task<> waves(world& in) {
    for (in.wave = 1;; ++in.wave) {
        co_await announce(in, "WAVE " + std::to_string(in.wave), 80);
        co_await weft::with_task_group([&](weft::task_group& swarm) -> weft::task<> {
            in.swarm = &swarm;
            const int pause = std::max(6, 30 - 3 * in.wave);
            for (const kind each : wave_plan(in.wave, in.dice)) {
                swarm.spawn(enemy_life(in, each, place_of_arrival(in)));
                co_await weft::sleep_for(pause * tick);
            }
        });
        in.score += 50 * in.wave; // here all of them are gone
    }
}

weft::task<> one_life(world& in) {
    ship& hero = in.hero;
    co_await weft::with_task_group([&](weft::task_group& life) -> weft::task<> {
        hero.life = &life;
        hero.alive = true;
        life.spawn(shielded(hero, 2 * ticks_per_second));
        co_await hero.struck.wait();
        hero.struck.clear();
        life.cancel(); // its powers end with it
    });
}

weft::task<> lives(world& in) {
    for (in.lives = 3; in.lives > 0; --in.lives) {
        in.hero.position = centre;
        in.hero.velocity = in.hero.heading = {};
        in.hero.fires = false;
        in.hero.bombs = std::max(in.hero.bombs, 2);
        co_await one_life(in);
        in.start(explosion(in, in.hero.position, 5 * pixel, 203));
        in.start(explosion(in, in.hero.position, 9 * pixel, 196));
        co_await weft::sleep_for(90 * tick);
    }
}

weft::task<> one_game(world& in) {
    in.score = in.combo = 0;
    in.hero.bombs = 3;
    in.bullets.clear();
    in.killed.clear();
    co_await weft::with_task_group([&](weft::task_group& round) -> weft::task<> {
        in.round = &round;
        in.playing = true;
        round.spawn(waves(in));
        round.spawn(count_combo(in));
        co_await lives(in);
        in.playing = false;
        round.cancel(); // enemies, explosions and all
    });
}

} // namespace

weft::task<> direct(world& in) {
    for (;;) {
        co_await one_game(in);
        const present<banner> end(in.banners, "GAME OVER");
        in.again.clear();
        co_await in.again.wait();
    }
}

} // namespace arena
