// SPDX-License-Identifier: MIT
#include "autopilot.hpp"

#include <array>
#include <cstddef>
#include <cstdlib>

namespace arena {

namespace {

constexpr std::array<vec, 5> ways{{{0, -1}, {0, 1}, {-1, 0}, {1, 0}, {0, 0}}}; // as the buttons

/// How bad it would be to be `there` in so many ticks: the nearer something is then, the worse.
int danger(const world& all, vec there, int ticks) {
    const auto nearness = [&](vec what, int weight) {
        const auto squared = square_of_length((what - there) / pixel);
        return static_cast<int>(weight / (squared + 3)) + (squared < 16 ? weight : 0);
    };
    int sum = 0;
    for (const enemy* each : all.enemies)
        if (each->what == kind::charger && each->glows) sum += nearness(all.hero.position, 2000);
    for (const enemy* each : all.enemies)
        sum += nearness(each->position + each->velocity * ticks, 2000);
    for (const effect* each : all.effects)
        if (!each->harms) sum += nearness(each->position, 500);
    for (const bullet& each : all.bullets)
        if (each.hostile) sum += nearness(each.position + each.velocity * ticks, 1500);
    for (const pickup* each : all.pickups) sum -= nearness(each->position, 300);
    if (vec moved = there; keep_inside(moved, 6 * pixel)) sum += 60;
    return sum + length(there - centre) / (pixel / 2);
}

int danger_on_way(const world& all, vec way) {
    constexpr int speed = 140;
    constexpr int inertia = 5; // ticks
    int sum = 0;
    for (int ticks = inertia; ticks <= 35; ticks += 6) {
        const vec drift = all.hero.position + all.hero.velocity * inertia;
        vec there = drift + way * (speed * (ticks - inertia));
        if (keep_inside(there, ship::radius)) sum += 40;
        sum += danger(all, there, ticks);
    }
    return sum;
}

button safest_way(const world& all) {
    std::size_t best = 0;
    int least = danger_on_way(all, ways[0]);
    for (std::size_t i = 1; i < ways.size(); ++i) {
        const int expected = danger_on_way(all, ways[i]);
        if (expected >= least) continue;
        least = expected;
        best = i;
    }
    return static_cast<button>(best);
}

button best_shot(const world& all) {
    std::size_t best = 0;
    int most = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        int sum = 0;
        for (const enemy* each : all.enemies) {
            const vec off = each->position + each->velocity * 8 - all.hero.position;
            const int ahead = (off.x * ways[i].x + off.y * ways[i].y) / pixel;
            const int aside = std::abs(off.x * ways[i].y + off.y * ways[i].x) / pixel;
            if (ahead > 0 && aside < 3 + ahead / 3) sum += 4000 / (ahead + 4 * aside + 8);
        }
        if (sum <= most) continue;
        most = sum;
        best = i;
    }
    return static_cast<button>(static_cast<std::size_t>(button::fire_up) + best);
}

} // namespace

weft::generator<buttons> autopilot(const world& all) {
    for (;;) {
        buttons pressed;
        if (all.lives == 0) pressed.press(button::again);
        pressed.press(safest_way(all));
        pressed.press(best_shot(all));
        if (all.hero.shields == 0 && danger(all, all.hero.position, 4) > 2000)
            pressed.press(button::bomb);
        co_yield pressed;
        for (int reaction = 0; reaction < 4; ++reaction) co_yield buttons{};
    }
}

} // namespace arena
