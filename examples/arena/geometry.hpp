// SPDX-License-Identifier: MIT
// Places and directions in fixed point: integers only, so that every compiler computes the same
// game.
#pragma once

#include <array>
#include <cstdint>

namespace arena {

/// Lengths are in 1/256 of a pixel, speeds in those per tick.
inline constexpr int pixel = 256;

struct vec {
    int x = 0;
    int y = 0;

    friend constexpr vec operator+(vec a, vec b) noexcept { return {a.x + b.x, a.y + b.y}; }
    friend constexpr vec operator-(vec a, vec b) noexcept { return {a.x - b.x, a.y - b.y}; }
    friend constexpr vec operator*(vec a, int k) noexcept { return {a.x * k, a.y * k}; }
    friend constexpr vec operator/(vec a, int k) noexcept { return {a.x / k, a.y / k}; }
    friend constexpr bool operator==(vec, vec) noexcept = default;
};

/// The field, walls included.
inline constexpr vec field{80 * pixel, 44 * pixel};
inline constexpr vec centre = field / 2;

constexpr std::int64_t square_of_length(vec v) noexcept {
    return std::int64_t{v.x} * v.x + std::int64_t{v.y} * v.y;
}

constexpr int square_root(std::int64_t of) noexcept {
    std::int64_t root = 0;
    for (std::int64_t bit = std::int64_t{1} << 20; bit != 0; bit /= 2)
        if ((root + bit) * (root + bit) <= of) root += bit;
    return static_cast<int>(root);
}

constexpr int length(vec v) noexcept { return square_root(square_of_length(v)); }

/// `v` made `wanted` long. Zero has no direction and stays.
constexpr vec scaled(vec v, int wanted) noexcept {
    const int now = length(v);
    return now == 0 ? v : v * wanted / now;
}

constexpr bool within(vec a, vec b, int distance) noexcept {
    return square_of_length(a - b) < std::int64_t{distance} * distance;
}

/// A circle in sixteenths, `size` long; any `turn` will do.
constexpr vec direction(int turn, int size) noexcept {
    constexpr std::array<int, 16> cosine{256,  237,  181,  98,  0, -98, -181, -237,
                                         -256, -237, -181, -98, 0, 98,  181,  237};
    const auto at = [](int sixteenth) { return static_cast<unsigned>(sixteenth) % 16; };
    return vec{cosine[at(turn)], cosine[at(turn + 12)]} * size / 256;
}

/// Keeps a body of this radius inside of the walls. Returns whether it had to.
constexpr bool keep_inside(vec& place, int radius) noexcept {
    const vec before = place;
    const auto clamp = [&](int at, int size) {
        const int margin = pixel + radius;
        return at < margin ? margin : at > size - margin ? size - margin : at;
    };
    place = {clamp(place.x, field.x), clamp(place.y, field.y)};
    return place != before;
}

} // namespace arena
