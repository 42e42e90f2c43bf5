// SPDX-License-Identifier: MIT
#include "painter.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace arena {

namespace {

constexpr int hud_pixels = 2; // the first row is text

struct point {
    int x, y;
};
point on_screen(vec place) { return {place.x / pixel, place.y / pixel + hud_pixels}; }

/// Rows of pixels, parted by slashes, around a centre.
struct sprite {
    std::string_view rows;
    colour paint;
};

void draw(canvas& on, vec where, sprite what, bool mirrored = false) {
    const int width = static_cast<int>(std::min(what.rows.find('/'), what.rows.size()));
    const int height = static_cast<int>(std::ranges::count(what.rows, '/')) + 1;
    const point middle = on_screen(where);
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            const int from = mirrored ? height - 1 - y : y;
            if (what.rows[static_cast<std::size_t>(from * (width + 1) + x)] == '#')
                on.plot(middle.x - width / 2 + x, middle.y - height / 2 + y, what.paint);
        }
    }
}

void draw_ring(canvas& on, vec where, int radius, colour paint) {
    const point middle = on_screen(where);
    const int reach = radius / pixel + 1;
    for (int y = -reach; y <= reach; ++y) {
        if (middle.y + y <= hud_pixels) continue;
        for (int x = -reach; x <= reach; ++x) {
            const int off = length(vec{x, y} * pixel) - radius;
            if (off > -pixel / 2 && off <= pixel / 2) on.plot(middle.x + x, middle.y + y, paint);
        }
    }
}

sprite picture_of(kind what) {
    constexpr std::array<sprite, 6> pictures{{
        {"#.#/.#./#.#", 77},                                                  // drone
        {".#./###/#.#", 203},                                                 // hunter
        {"###/#.#/###", 220},                                                 // charger
        {"..#../.###./##.##/.###./..#..", 207},                               // gunner
        {".###./#.#.#/#####/#.#.#/.###.", 81},                                // splitter
        {"..#####../.##.#.##./#########/#..###..#/.##.#.##./..#####..", 255}, // mother
    }};
    return pictures[static_cast<std::size_t>(what)];
}

void draw_field(canvas& on, const world& all) {
    for (int y = 1; y < 43; ++y) // stars, always the same
        for (int x = 1; x < 79; ++x)
            if (const auto star = mixed(static_cast<std::uint64_t>(y * 80 + x)); star % 61 == 0)
                on.plot(x, y + hud_pixels, static_cast<colour>(234 + star % 5));
    const colour wall = all.playing && !all.hero.alive ? 124 : all.combo >= 5 ? 172 : 25;
    for (int x = 0; x < 80; ++x)
        for (int y : {0, 43}) on.plot(x, y + hud_pixels, wall);
    for (int y = 0; y < 44; ++y)
        for (int x : {0, 79}) on.plot(x, y + hud_pixels, wall);
}

void draw_pickup(canvas& on, const pickup& which, int ticks) {
    if (which.fades && ticks / 6 % 2 == 0) return;
    constexpr std::array<std::string_view, 4> letters{" S ", " R ", " O ", " B "};
    constexpr std::array<colour, 4> backs{30, 94, 26, 90};
    const point middle = on_screen(which.position);
    const auto index = static_cast<std::size_t>(which.what);
    on.write(middle.x - 1, middle.y / 2, letters[index], 231, backs[index]);
}

void draw_enemy(canvas& on, const enemy& which, int ticks) {
    if (!which.alive()) return;
    sprite look = picture_of(which.what);
    if (which.flashes > 0 || (which.glows && ticks / 4 % 2 == 0)) look.paint = 231;
    draw(on, which.position, look, which.what != kind::gunner && ticks / 16 % 2 == 0);
    if (which.shields > 0) draw_ring(on, which.position, traits_of(which.what).radius + pixel, 105);
}

void draw_ship(canvas& on, const ship& hero, int ticks) {
    if (!hero.alive) return;
    draw(on, hero.position, {".#./###/.#.", 231});
    const point nose = on_screen(hero.position);
    on.plot(nose.x + 2 * hero.aim.x, nose.y + 2 * hero.aim.y, 226);
    if (hero.shields > 0 && ticks / 5 % 3 != 0) draw_ring(on, hero.position, 3 * pixel + 128, 45);
}

void draw_status(canvas& on, const world& all) {
    const ship& hero = all.hero;
    on.write(1, 0, "ARENA", 45);
    on.write(9, 0, fmt::format("score {:<7}", all.score), 231);
    on.write(24, 0, fmt::format("wave {:<3}", all.wave), 231);
    on.write(34, 0, fmt::format("ships {:<2}", all.lives), all.lives > 1 ? 231 : 203);
    on.write(44, 0, fmt::format("bombs {:<2}", hero.bombs), hero.bombs > 0 ? 231 : 240);
    if (all.combo >= 5) on.write(54, 0, fmt::format("combo x{}", 1 + all.combo / 5), 220);
    if (hero.spread > 0) on.write(65, 0, "spread", 43);
    if (hero.rapid > 0) on.write(72, 0, "rapid", 214);
    on.write(1, canvas::rows - 1,
             "wasd steer, e stop   arrows/ijkl fire   space bomb   p pause   q quit", 244);
}

} // namespace

void paint(canvas& on, const world& all, bool paused) {
    on.clear();
    draw_field(on, all);
    for (const effect* each : all.effects)
        draw_ring(on, each->position, each->radius, each->colour);
    for (const enemy* each : all.enemies) draw_enemy(on, *each, all.ticks);
    draw_ship(on, all.hero, all.ticks);
    for (const bullet& each : all.bullets) {
        const point at = on_screen(each.position);
        on.plot(at.x, at.y, each.hostile ? 197 : 226);
    }
    for (const pickup* each : all.pickups) draw_pickup(on, *each, all.ticks);
    draw_status(on, all);
    for (const banner* each : all.banners)
        on.write_centred(6, fmt::format("  {}  ", each->text), 231, 25);
    if (all.lives == 0 && all.ticks > 1)
        on.write_centred(8, "  r: play again   q: quit  ", 231, 25);
    if (paused) on.write_centred(16, "  paused: p goes on  ", 16, 220);
}

} // namespace arena
