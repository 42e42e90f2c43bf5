// SPDX-License-Identifier: MIT
// What there is in the arena. No IO, no clock but game time, no floating point.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <weft/weft.hpp>

#include "geometry.hpp"
#include "random.hpp"
#include "script.hpp"

namespace arena {

/// One step of the game. All that waits, waits for a multiple of it.
inline constexpr weft::duration tick{16'666'667};
inline constexpr int ticks_per_second = 60;

/// Something that is in the world as long as this object lives, which is a local of the task whose
/// subject it is: when the task ends or is cancelled, it is gone.
template <class T> class present final : public T {
public:
    template <class... Args>
    explicit present(std::vector<T*>& among, Args&&... args)
        : T{std::forward<Args>(args)...}, among_(among) {
        among_.push_back(this);
    }
    present(present&&) = delete;
    ~present() { std::erase(among_, this); }

private:
    std::vector<T*>& among_;
};

/// A counter that is one higher as long as this object lives.
class raised {
public:
    explicit raised(int& level) : level_(level) { ++level_; }
    raised(raised&&) = delete;
    ~raised() { --level_; }

private:
    int& level_;
};

enum class kind : std::uint8_t { drone, hunter, charger, gunner, splitter, mother };

struct traits {
    int radius, health, points, speed;
};
constexpr traits traits_of(kind what) noexcept {
    constexpr std::array<traits, 6> table{{
        {330, 1, 10, 55},    // drone
        {380, 2, 20, 80},    // hunter
        {380, 3, 30, 55},    // charger
        {560, 4, 40, 60},    // gunner
        {600, 6, 50, 48},    // splitter
        {1100, 60, 500, 40}, // mother
    }};
    return table[static_cast<std::size_t>(what)];
}

/// What an enemy's script wants in one tick.
struct order {
    enum class shot : std::uint8_t { none, aimed, ring };

    vec velocity{};
    bool glows = false; // a warning: something is about to happen
    shot fires = shot::none;
    int turn = 0; // of a ring
};

struct enemy {
    kind what = kind::drone;
    vec position{};
    int health = traits_of(what).health;
    vec velocity{};
    bool glows = false;
    bool at_wall = false;
    int shields = 0;
    int flashes = 0;
    script<order> mind{};
    weft::event died{};
    weft::task_group* own = nullptr; // what ends with it; valid while it is healthy

    bool alive() const noexcept { return health > 0; }
};

struct bullet {
    vec position{};
    vec velocity{};
    bool hostile = false;
    bool spent = false;
};

enum class power : std::uint8_t { spread, rapid, shield, bomb };

struct pickup {
    vec position{};
    power what = power::spread;
    bool fades = false;
    weft::event taken{};
};

/// A ring of light. One that `harms` is a bomb's.
struct effect {
    vec position{};
    int radius = 0;
    std::uint8_t colour = 0;
    bool harms = false;
};

struct banner {
    std::string text{};
};

struct ship {
    static constexpr int radius = 300;

    vec position = centre;
    vec velocity{};
    vec heading{}; // a unit vector, or zero
    vec aim{1, 0};
    bool fires = false;
    bool alive = false;
    int reload = 0;
    int spread = 0; // how many of each power run
    int rapid = 0;
    int shields = 0;
    int bombs = 3;
    weft::event struck{};
    weft::task_group* life = nullptr; // what ends with this life; valid while it is alive
};

struct world {
    explicit world(std::uint64_t seed) noexcept : dice(seed) {}

    random dice;
    ship hero;
    std::vector<enemy*> enemies;
    std::vector<pickup*> pickups;
    std::vector<effect*> effects;
    std::vector<banner*> banners;
    std::vector<bullet> bullets;
    int ticks = 0;
    int score = 0;
    int lives = 0;
    int wave = 0;
    int combo = 0;
    weft::event killed; // somebody was, in this tick
    weft::event again;
    bool playing = false;              // the groups are valid
    weft::task_group* round = nullptr; // what ends with the game
    weft::task_group* swarm = nullptr; // the wave is over when this is empty

    /// Starts what ends with the game, at the latest; nothing once it is over.
    void start(weft::task<> effect) {
        if (playing) round->spawn(std::move(effect));
    }
};

} // namespace arena
