// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>

namespace weft::testing {

/// Counts how many of it are alive, and notices when one is destroyed twice: put it into frames,
/// arguments and results to see that each dies once.
///
///     auto hold = [](tracked) -> weft::task<> { co_return; };
///     { auto never_run = hold(tracked()); }
///     assert(tracked::alive == 0);
///
/// Threads  `alive` is one counter for all, and not atomic.
class tracked {
public:
    static inline int alive = 0;

    tracked() noexcept : self_(this) { ++alive; }
    tracked(const tracked& other) noexcept : tracked() { other.check(); }
    tracked& operator=(const tracked& other) noexcept {
        check();
        other.check();
        return *this;
    }
    ~tracked() {
        check();
        self_ = nullptr;
        --alive;
    }

private:
    void check() const noexcept { assert(self_ == this && "destroyed twice, or never made"); }

    const tracked* self_;
};

} // namespace weft::testing
