// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <weft/core/raise.hpp>

namespace weft {

/// Several errors at once, in the order in which they happened: what `on_error::collect` throws.
class exception_group : public std::exception {
public:
    explicit exception_group(std::vector<std::exception_ptr> errors);

    std::span<const std::exception_ptr> errors() const noexcept {
        return {errors_.data(), errors_.size()};
    }

    /// Returns the first `E` inside, at any depth, or null. It lives as long as this group.
    template <class E>
    const E* find() const noexcept;

    /// All messages, in order.
    const char* what() const noexcept override { return what_.c_str(); }

private:
    std::vector<std::exception_ptr> errors_;
    std::string what_;
};

// Implementation ------------------------------------------------------------

inline exception_group::exception_group(std::vector<std::exception_ptr> errors)
    : errors_(std::move(errors)) {
    what_ = std::to_string(errors_.size()) + (errors_.size() == 1 ? " error" : " errors");
    for (const auto& each : errors_) {
        what_ += &each == errors_.data() ? ": " : "; ";
        if (!visit_error<std::exception>(
                each, [&](const std::exception& found) { what_ += found.what(); }))
            what_ += "unknown exception";
    }
}

template <class E>
const E* exception_group::find() const noexcept {
    const E* result = nullptr;
    for (const auto& each : errors_) {
        if (visit_error<E>(each, [&](const E& found) { result = &found; })) break;
        visit_error<exception_group>(
            each, [&](const exception_group& inner) { result = inner.find<E>(); });
        if (result) break;
    }
    return result;
}

} // namespace weft
