// SPDX-License-Identifier: MIT
// Chance that repeats itself: <random>'s distributions differ from one standard library to the
// next.
#pragma once

#include <cstdint>

namespace arena {

/// Spreads the bits of `x` over the whole word. Source: Steele, Lea and Flood 2014, SplitMix.
constexpr std::uint64_t mixed(std::uint64_t x) noexcept {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

class random {
public:
    explicit constexpr random(std::uint64_t seed) noexcept : state_(seed) {}

    /// One of 0 .. n-1.
    constexpr int below(int n) noexcept {
        state_ += 0x9e3779b97f4a7c15;
        return static_cast<int>(((mixed(state_) >> 32) * static_cast<std::uint64_t>(n)) >> 32);
    }
    /// One of first .. last.
    constexpr int between(int first, int last) noexcept { return first + below(last - first + 1); }
    constexpr bool one_in(int n) noexcept { return below(n) == 0; }

    constexpr std::uint64_t state() const noexcept { return state_; }

private:
    std::uint64_t state_;
};

} // namespace arena
