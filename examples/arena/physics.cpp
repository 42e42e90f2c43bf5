// SPDX-License-Identifier: MIT
#include "physics.hpp"

#include <array>
#include <utility>

#include "effects.hpp"

namespace arena {

namespace {

constexpr int top_speed = 150;
constexpr int bullet_speed = 480;
constexpr int hostile_speed = 125;
constexpr int bullet_radius = 256;
constexpr int hostile_radius = 100;

// ---- the ship ------------------------------------------------------------------------

void steer(ship& hero, buttons pressed) {
    constexpr std::array<std::pair<button, vec>, 5> headings{{{button::up, {0, -1}},
                                                              {button::down, {0, 1}},
                                                              {button::left, {-1, 0}},
                                                              {button::right, {1, 0}},
                                                              {button::halt, {0, 0}}}};
    constexpr std::array<std::pair<button, vec>, 4> aims{{{button::fire_up, {0, -1}},
                                                          {button::fire_down, {0, 1}},
                                                          {button::fire_left, {-1, 0}},
                                                          {button::fire_right, {1, 0}}}};
    for (const auto& [which, way] : headings)
        if (pressed.has(which)) hero.heading = way;
    for (const auto& [which, way] : aims) {
        if (!pressed.has(which)) continue;
        hero.aim = way;
        hero.fires = true;
    }
}

void shoot(world& all) {
    ship& hero = all.hero;
    if (hero.reload > 0) --hero.reload;
    if (!hero.fires || hero.reload > 0) return;
    hero.reload = hero.rapid > 0 ? 4 : 8;
    const vec muzzle = hero.position + hero.aim * (2 * pixel);
    const vec straight = hero.aim * bullet_speed;
    all.bullets.push_back({muzzle, straight});
    if (hero.spread == 0) return;
    const vec aside = vec{hero.aim.y, hero.aim.x} * (bullet_speed / 5);
    all.bullets.push_back({muzzle, straight + aside});
    all.bullets.push_back({muzzle, straight - aside});
}

void move_ship(world& all, buttons pressed) {
    ship& hero = all.hero;
    if (!hero.alive) return;
    steer(hero, pressed);
    hero.velocity = hero.velocity + (hero.heading * top_speed - hero.velocity) / 6;
    hero.position = hero.position + hero.velocity;
    keep_inside(hero.position, ship::radius);
    shoot(all);
    if (!pressed.has(button::bomb) || hero.bombs == 0) return;
    --hero.bombs;
    all.start(bomb(all, hero.position));
}

// ---- enemies -------------------------------------------------------------------------

void fire(world& all, const enemy& from, const order& wanted) {
    const auto add = [&](vec velocity) { all.bullets.push_back({from.position, velocity, true}); };
    if (wanted.fires == order::shot::aimed)
        add(scaled(all.hero.position - from.position, hostile_speed));
    if (wanted.fires == order::shot::ring)
        for (int turn = 0; turn < 16; turn += 2) add(direction(wanted.turn + turn, hostile_speed));
}

void move_enemies(world& all) {
    for (enemy* each : all.enemies) {
        if (!each->alive()) continue;
        const order wanted = each->mind.next().value_or(order{});
        each->glows = wanted.glows;
        each->velocity = wanted.velocity;
        each->position = each->position + wanted.velocity;
        each->at_wall = keep_inside(each->position, traits_of(each->what).radius);
        fire(all, *each, wanted);
    }
}

/// Enemies that overlap drift apart.
void spread_out(world& all) {
    for (std::size_t i = 0; i < all.enemies.size(); ++i) {
        for (std::size_t j = i + 1; j < all.enemies.size(); ++j) {
            enemy& a = *all.enemies[i];
            enemy& b = *all.enemies[j];
            const int reach = traits_of(a.what).radius + traits_of(b.what).radius;
            if (!within(a.position, b.position, reach)) continue;
            const vec push = scaled(a.position - b.position, 20);
            a.position = a.position + push;
            b.position = b.position - push;
        }
    }
}

void hurt(world& all, enemy& victim, int damage) {
    if (!victim.alive() || victim.shields > 0) return;
    victim.health -= damage;
    if (victim.alive()) {
        victim.own->spawn(flash(victim));
        return;
    }
    all.score += traits_of(victim.what).points * (1 + all.combo / 5);
    all.killed.set();
    victim.died.set();
}

// ---- what hit what -------------------------------------------------------------------

void move_bullets(world& all) {
    for (bullet& each : all.bullets) {
        each.position = each.position + each.velocity;
        each.spent = keep_inside(each.position, 0);
    }
}

void hit_enemies(world& all) {
    for (bullet& shot : all.bullets) {
        if (shot.hostile) continue;
        for (enemy* each : all.enemies) {
            const int reach = traits_of(each->what).radius + bullet_radius;
            if (shot.spent || !each->alive() || !within(shot.position, each->position, reach))
                continue;
            shot.spent = true;
            hurt(all, *each, 1);
        }
    }
}

void blast(world& all) {
    for (const effect* wave : all.effects) {
        if (!wave->harms) continue;
        for (enemy* each : all.enemies) {
            const int distance = length(each->position - wave->position);
            // Each enemy once, by the front of the wave: it grows by a pixel a tick.
            if (distance <= wave->radius && distance > wave->radius - pixel) hurt(all, *each, 8);
        }
        for (bullet& shot : all.bullets)
            if (shot.hostile && within(shot.position, wave->position, wave->radius))
                shot.spent = true;
    }
}

void hit_ship(world& all) {
    ship& hero = all.hero;
    if (!hero.alive) return;
    bool hit = false;
    for (bullet& shot : all.bullets) {
        if (!shot.hostile || !within(shot.position, hero.position, ship::radius + hostile_radius))
            continue;
        shot.spent = true;
        hit = true;
    }
    for (enemy* each : all.enemies) {
        const int reach = traits_of(each->what).radius + ship::radius;
        if (!each->alive() || !within(each->position, hero.position, reach)) continue;
        hit = true;
        hurt(all, *each, 3); // a collision hurts both
    }
    if (!hit || hero.shields > 0) return;
    hero.alive = false;
    hero.struck.set();
}

void take_pickups(world& all) {
    if (!all.hero.alive) return;
    for (pickup* each : all.pickups)
        if (within(each->position, all.hero.position, 3 * pixel)) each->taken.set();
}

} // namespace

void move_world(world& all, buttons pressed) {
    if (pressed.has(button::again)) all.again.set();
    move_ship(all, pressed);
    move_enemies(all);
    spread_out(all);
    move_bullets(all);
    hit_enemies(all);
    blast(all);
    hit_ship(all);
    take_pickups(all);
    std::erase_if(all.bullets, [](const bullet& shot) { return shot.spent; });
    ++all.ticks;
}

} // namespace arena
