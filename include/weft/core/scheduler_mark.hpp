// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <weft/core/frame_pool.hpp>

namespace weft {

class scheduler;

/// Says whether a scheduler still exists, to what may outlive it. Counted.
///
/// Threads  Kept, released and asked on any. One that does not run is whoever's asks: as it is for
///          everything that a scheduler owns, only one thread may have to do with it then.
class scheduler_mark : public frame_pool::allocated {
public:
    /// `thread` is the scheduler's; null: it does not run.
    explicit scheduler_mark(scheduler& of, const void* thread) noexcept
        : alive_(&of), thread_(thread) {}
    scheduler_mark(const scheduler_mark&) = delete;

    /// Null: it is gone, or runs on another thread than `thread`, which is the caller's.
    scheduler* alive(const void* thread) const noexcept {
        const void* const its = __atomic_load_n(&thread_, __ATOMIC_RELAXED);
        return !its || its == thread ? alive_ : nullptr;
    }
    /// Returns the thread until now.
    const void* set_thread(const void* thread) noexcept {
        return __atomic_exchange_n(&thread_, thread, __ATOMIC_RELAXED);
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
