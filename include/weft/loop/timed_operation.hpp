// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include <weft/core/branch.hpp>
#include <weft/core/operation_base.hpp>
#include <weft/loop/timer.hpp>

namespace weft {

/// The base of an operation that completes at its deadline, and does nothing else then: derive from
/// `operation<pause, timed_operation>`. Its `start(branch& self)` arms it, by
/// `static_cast<event_loop&>(self.loop()).arm(*this, deadline)`; `withdraw` disarms it. Whoever
/// completes it earlier disarms it before that. time/sleep.hpp is the page to copy.
class timed_operation : public waiting_operation, protected timer {
public:
    /// For the loop's `timer_queue`.
    static inline void expect(const timer& t, bool next) noexcept;

protected:
    explicit timed_operation(std::int64_t deadline) noexcept : timer(&fired, deadline) {}
    ~timed_operation() = default;

private:
    static void prefetch(const void* from, std::ptrdiff_t distance) noexcept {
        const auto address = reinterpret_cast<std::uintptr_t>(from) +
                             static_cast<std::uintptr_t>(distance); // no pointer: to no object
        __builtin_prefetch(reinterpret_cast<const void*>(address), 1);
    }
    static void fired(timer& self) noexcept {
        static_cast<timed_operation&>(self).waiter()->ready();
    }
};

// Implementation ------------------------------------------------------------

inline void timed_operation::expect(const timer& t, bool next) noexcept {
    if (!t.fires_by(&fired)) return; // there is more behind it, who knows where
    const auto& self = static_cast<const timed_operation&>(t);
    const branch& waits = *self.waiter();
    if (next) { // as a rule the branch ends, and leaves those beside it
        const auto& siblings = waits.owner().children();
        prefetch(static_cast<const weft::list_hook<sibling>*>(siblings.before(waits)), 0);
        prefetch(static_cast<const weft::list_hook<sibling>*>(siblings.after(waits)), 0);
    } else { // it is in a frame, and not far from either end
        prefetch(&self, -64);
        prefetch(&self, sizeof self + 24);
        prefetch(&waits, 0);
        prefetch(&waits, sizeof waits - 1);
    }
}

} // namespace weft
