// SPDX-License-Identifier: MIT
// How enemies behave: each script is a generator that yields what the enemy does in the next tick,
// so a plan of several seconds reads from top to bottom.
#include "enemies.hpp"

namespace arena {

namespace {

using steps = weft::generator<order>;

/// What every script may look at.
struct senses {
    const enemy& self;
    const ship& prey;
    random& dice;

    int speed() const { return traits_of(self.what).speed; }
    vec to_prey() const { return prey.position - self.position; }
};

steps go(const enemy& self, vec velocity, int ticks) {
    for (; ticks > 0 && !self.at_wall; --ticks) co_yield order{velocity};
}

steps wait_and_glow(int ticks) {
    for (; ticks > 0; --ticks) co_yield order{.glows = true};
}

steps wander(senses my, int ticks) {
    const vec way = direction(my.dice.below(16), my.speed());
    co_yield order{way}; // away from the wall, if it was one that ended the last walk
    co_yield weft::elements_of(go(my.self, way, ticks));
}

steps drone(senses my) {
    for (;;) co_yield weft::elements_of(wander(my, my.dice.between(20, 70)));
}

steps hunter(senses my) {
    for (;;) {
        const vec wanted = scaled(my.to_prey(), my.speed());
        co_yield order{my.self.velocity + (wanted - my.self.velocity) / 12}; // wide turns
    }
}

steps charger(senses my) {
    for (;;) {
        co_yield weft::elements_of(wander(my, my.dice.between(40, 90)));
        co_yield weft::elements_of(wait_and_glow(26));
        const vec dash = scaled(my.to_prey(), 6 * my.speed());
        co_yield order{dash};
        co_yield weft::elements_of(go(my.self, dash, 24));
    }
}

steps keep_distance(senses my, int ticks) {
    const int side = my.dice.one_in(2) ? 1 : -1;
    for (; ticks > 0; --ticks) {
        const vec away = my.to_prey() * -1;
        vec wanted{-away.y * side, away.x * side}; // around the ship
        if (length(away) < 15 * pixel) wanted = away;
        if (length(away) > 28 * pixel) wanted = my.to_prey();
        co_yield order{my.self.velocity + (scaled(wanted, my.speed()) - my.self.velocity) / 10};
    }
}

steps gunner(senses my) {
    for (;;) {
        co_yield weft::elements_of(keep_distance(my, my.dice.between(50, 90)));
        co_yield weft::elements_of(wait_and_glow(18));
        for (int shots = 0; shots < 3; ++shots) {
            co_yield order{.fires = order::shot::aimed};
            co_yield weft::elements_of(wait_and_glow(7));
        }
    }
}

steps splitter(senses my) {
    for (;;) co_yield order{scaled(my.to_prey(), my.speed())};
}

steps mother(senses my) {
    for (int turn = my.dice.below(16);; turn += 5) {
        co_yield order{direction(turn, my.speed())};
        co_yield weft::elements_of(go(my.self, direction(turn, my.speed()), 55));
        co_yield weft::elements_of(wait_and_glow(24));
        for (int rings = 0; rings < 2; ++rings) {
            co_yield order{.fires = order::shot::ring, .turn = turn + rings};
            co_yield weft::elements_of(wait_and_glow(14));
        }
    }
}

} // namespace

script<order> mind_of(const enemy& self, const ship& prey, random& dice) {
    const senses my{self, prey, dice};
    switch (self.what) {
    case kind::drone:
        return script(drone(my));
    case kind::hunter:
        return script(hunter(my));
    case kind::charger:
        return script(charger(my));
    case kind::gunner:
        return script(gunner(my));
    case kind::splitter:
        return script(splitter(my));
    case kind::mother:
        return script(mother(my));
    }
    return {};
}

} // namespace arena
