// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <cstdint>

#include <weft/core/branch.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft {

/// What `mutex` and `shared_mutex` are made of: held by one, or shared by several, and one queue of
/// all who wait for either.
///
/// Order  Handed from holder to waiter: nobody gets it in between. Who wants to share waits behind
///        whoever wants it alone, so that neither can starve the other.
class fair_lock {
public:
    fair_lock() = default;
    ~fair_lock() {
        assert((state_ == free || wait_queue::destroying_frames()) &&
               "a mutex is destroyed while somebody holds it");
    }

    bool try_lock(branch* by) noexcept {
        if (state_ != free) return false;
        set_owner(by);
        return true;
    }
    bool try_share() noexcept {
        if (is_alone() || !waiters_.empty()) return false;
        state_ += sharer;
        return true;
    }

    void unlock() noexcept {
        state_ = free;
        if (!waiters_.empty()) serve();
    }
    void unshare() noexcept {
        state_ -= sharer;
        if (state_ == free && !waiters_.empty()) serve();
    }

    /// The branch that holds it alone; null if nobody does, or nobody knows who.
    branch* owner() const noexcept {
        return is_alone() ? reinterpret_cast<branch*>(state_) : nullptr;
    }
    /// Precondition: it is held alone, or about to be.
    void set_owner(branch* owner) noexcept { state_ = reinterpret_cast<std::uintptr_t>(owner); }

    wait_queue& waiters() noexcept { return waiters_; }
    /// Somebody waits no longer: those behind may be free to go.
    void waiter_left() noexcept {
        if (!is_alone()) serve_sharers();
    }

private:
    [[gnu::noinline]] void serve() noexcept {
        auto& next = waiters_.front();
        if (shares(next)) return serve_sharers();
        set_owner(&next);
        waiters_.serve_one();
    }
    void serve_sharers() noexcept {
        for (; !waiters_.empty() && shares(waiters_.front()); state_ += sharer) {
            waiters_.front().set(wait_queue::shares_flag, false);
            waiters_.serve_one();
        }
    }
    static bool shares(const branch& waiter) noexcept {
        return waiter.has(wait_queue::shares_flag);
    }
    bool is_alone() const noexcept { return (state_ & free) == 0; }

    // Odd: so many share it, none if it is free. Even: held by one who does not share, who is the
    // branch at that address, or unknown. One word, because a lock that nobody waits for is two
    // stores.
    static constexpr std::uintptr_t free = 1, sharer = 2;

    std::uintptr_t state_ = free;
    wait_queue waiters_;
};

} // namespace weft
