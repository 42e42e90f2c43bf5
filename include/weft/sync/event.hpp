// SPDX-License-Identifier: MIT
#pragma once

#include <weft/sync/wait_queue.hpp>

namespace weft {

/// Something that has happened, or not yet. Any number of branches wait for it.
///
/// Order   `set()` wakes all who wait now, in the order in which they came, even if `clear()`
///         follows at once.
class event {
    struct waiting;

public:
    event() = default;
    event(event&&) = delete;

    void set() noexcept {
        set_ = true;
        waiters_.wake_all();
    }
    void clear() noexcept { set_ = false; }
    bool is_set() const noexcept { return set_; }

    /// Waits until it is set; not at all if it is.
    auto wait() noexcept { return wait_queue::wait<waiting>(this); }

private:
    bool set_ = false;
    wait_queue waiters_;
};

// Implementation ------------------------------------------------------------

struct event::waiting {
    event* until;

    wait_queue& queue() noexcept { return until->waiters_; }
    bool begin() noexcept { return until->set_; }
    void result() const noexcept {}
    static constexpr const char* name = "event.wait";
};

} // namespace weft
