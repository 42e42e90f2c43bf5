// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::testing {

/// Every choice that a simulation makes, in order: who runs next, how late a packet is, whether it
/// is lost. They follow from a seed, the same on every machine, and are written down, so that a run
/// can be repeated from its log alone, and the log be made shorter.
///
/// Choice 0 is the ordinary one by convention: the oldest, in time, not lost.
class decisions {
public:
    using log_type = std::vector<std::uint32_t>;

    /// Chooses at random. Seed 0 chooses at random as well, but its simulation keeps the order of
    /// an ordinary loop.
    explicit decisions(std::uint64_t seed) noexcept : seed_(seed) {}
    /// Repeats `log`; beyond its end every choice is 0.
    explicit decisions(log_type log) noexcept : given_(std::move(log)), replays_(true) {}

    /// Returns one of 0, ..., n - 1. Precondition: n is not 0.
    std::uint32_t choose(std::uint32_t n) {
        if (n == 1) return 0;
        std::uint32_t chosen = 0;
        if (!replays_)
            chosen = static_cast<std::uint32_t>(((next_random() >> 32) * n) >> 32);
        else if (made_.size() < given_.size())
            chosen = given_[made_.size()] % n;
        made_.push_back(chosen);
        return chosen;
    }

    /// Whether something happens that has the probability `p`, of 0 to 1.
    bool happens(double p) {
        if (p <= 0) return false;
        constexpr std::uint32_t all = 1u << 20;
        return all - 1 - choose(all) < static_cast<std::uint32_t>(p * all);
    }

    /// Returns a whole number from 0 to `most`, in about a thousand steps.
    std::int64_t up_to(std::int64_t most) {
        if (most <= 0) return 0;
        constexpr std::uint32_t steps = 1024;
        const std::int64_t chosen = choose(steps + 1);
        return most / steps * chosen + most % steps * chosen / steps;
    }

    std::uint64_t seed() const noexcept { return seed_; }
    bool replays() const noexcept { return replays_; }
    /// What was chosen until now.
    const log_type& log() const noexcept { return made_; }

    /// Writes a log as text: "0*12,3,0*5,1". Zeros at its end say nothing and are left out.
    static std::string to_text(const log_type& log);
    /// Reads such a text. What cannot be read ends it.
    static log_type from_text(std::string_view text);

private:
    // Source  Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".
    std::uint64_t next_random() noexcept {
        std::uint64_t z = seed_ + 0x9e3779b97f4a7c15u * ++drawn_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }

    std::uint64_t seed_ = 0;
    std::uint64_t drawn_ = 0;
    log_type given_;
    log_type made_;
    bool replays_ = false;
};

// Implementation ------------------------------------------------------------

inline std::string decisions::to_text(const log_type& log) {
    std::size_t size = log.size();
    while (size != 0 && log[size - 1] == 0) --size;
    std::string text;
    for (std::size_t i = 0; i != size;) {
        std::size_t end = i + 1;
        while (end != size && log[end] == log[i]) ++end;
        if (i != 0) text += ',';
        text += std::to_string(log[i]);
        if (end - i > 1) text.append("*").append(std::to_string(end - i));
        i = end;
    }
    return text;
}

inline decisions::log_type decisions::from_text(std::string_view text) {
    log_type log;
    const auto number = [&text] {
        std::uint32_t value = 0;
        while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
            value = value * 10 + static_cast<std::uint32_t>(text.front() - '0');
            text.remove_prefix(1);
        }
        return value;
    };
    const auto skip = [&text](char one) {
        if (text.empty() || text.front() != one) return false;
        text.remove_prefix(1);
        return true;
    };
    if (text.empty()) return log;
    do {
        const auto value = number();
        const std::size_t times = skip('*') ? number() : 1;
        log.insert(log.end(), times, value);
    } while (skip(','));
    return log;
}

} // namespace weft::testing
