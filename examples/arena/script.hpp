// SPDX-License-Identifier: MIT
#pragma once

#include <iterator>
#include <optional>
#include <utility>

#include <weft/coro/generator.hpp>

namespace arena {

/// A generator that is read one step at a time: an enemy's mind, or whoever plays.
template <class Step> class script {
public:
    script() = default;
    explicit script(weft::generator<Step> steps) : steps_(std::move(steps)) {}

    /// Returns nothing once it has ended.
    std::optional<Step> next() {
        if (!steps_) return std::nullopt;
        if (at_)
            ++*at_;
        else
            at_.emplace(steps_->begin());
        if (*at_ != std::default_sentinel) return **at_;
        at_.reset();
        steps_.reset();
        return std::nullopt;
    }

private:
    std::optional<weft::generator<Step>> steps_;
    std::optional<typename weft::generator<Step>::iterator> at_;
};

} // namespace arena
