// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <weft/core/frame_pool.hpp>

namespace weft {

class scheduler;

/// Says whether a scheduler still exists, to what may outlive it. Counted.
class scheduler_mark : public frame_pool::allocated {
public:
    explicit scheduler_mark(scheduler& of) noexcept : alive_(&of) {}
    scheduler_mark(const scheduler_mark&) = delete;

    /// Null: it is gone.
    scheduler* alive() const noexcept { return alive_; }
    void clear() noexcept { alive_ = nullptr; }

    void keep() noexcept { ++uses_; }
    void release() noexcept {
        if (--uses_ == 0) delete this;
    }

private:
    ~scheduler_mark() = default;

    scheduler* alive_;
    std::size_t uses_ = 1;
};

} // namespace weft
