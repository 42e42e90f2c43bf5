// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>
#include <source_location>

#include <weft/core/outcome.hpp>

namespace weft {

/// What the promise of every coroutine of weft begins with. Which branch it runs in, no frame says:
/// while it runs, it is `this_execution.current`.
struct frame {
    frame() noexcept {} // sets nothing: whoever starts the frame does, and until then nobody asks
    ~frame() {}

    union {
        std::coroutine_handle<> parent; ///< who awaits it; null: it is the outermost
    };
    union {
        std::source_location awaits_at; ///< where it awaits what it awaits, until it has ended
        error_or_nothing ended;         ///< of a task that returns nothing: how, from then on
    };

    frame* above() const noexcept { return parent ? &of(parent) : nullptr; }
    /// Relies on `frame` being the first base of the promise, and on no promise being over-aligned.
    static frame& of(std::coroutine_handle<> coroutine) noexcept {
        return std::coroutine_handle<frame>::from_address(coroutine.address()).promise();
    }
    std::coroutine_handle<> handle() noexcept {
        return std::coroutine_handle<frame>::from_promise(*this);
    }
};

} // namespace weft
