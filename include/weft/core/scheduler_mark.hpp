// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <weft/core/frame_pool.hpp>

namespace weft {

class scheduler;

/// Says whether a scheduler still exists, to what may outlive it. Counted.
///
/// Threads  Made, asked and cleared on the scheduler's; kept and released on any.
class scheduler_mark : public frame_pool::allocated {
public:
    explicit scheduler_mark(scheduler& of, const void* thread) noexcept
        : alive_(&of), thread_(thread) {}
    scheduler_mark(const scheduler_mark&) = delete;

    /// Null: it is gone, or `thread`, which is the caller's, is not its own.
    scheduler* alive(const void* thread) const noexcept {
        return thread == thread_ ? alive_ : nullptr;
    }
    void clear() noexcept { alive_ = nullptr; }

    // By the compilers' own functions: <atomic> is large, and everybody includes this.
    void keep() noexcept { __atomic_add_fetch(&uses_, 1, __ATOMIC_RELAXED); }
    void release() noexcept {
        if (__atomic_sub_fetch(&uses_, 1, __ATOMIC_ACQ_REL) == 0) delete this;
    }

private:
    ~scheduler_mark() = default;

    scheduler* alive_;
    const void* thread_;
    std::size_t uses_ = 1;
};

} // namespace weft
