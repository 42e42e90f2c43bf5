// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <cstddef>
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
        assert((holders_ == 0 || wait_queue::destroying_frames()) &&
               "a mutex is destroyed while somebody holds it");
    }

    bool try_lock(branch* by) noexcept {
        if (holders_ != 0) return false;
        holders_ = alone;
        owner_ = by;
        return true;
    }
    bool try_share() noexcept {
        if (holders_ == alone || !waiters_.empty()) return false;
        ++holders_;
        return true;
    }

    void unlock() noexcept {
        owner_ = nullptr;
        holders_ = 0;
        if (!waiters_.empty()) serve();
    }
    void unshare() noexcept {
        if (--holders_ == 0 && !waiters_.empty()) serve();
    }

    /// The branch that holds it alone; null if nobody does, or nobody knows who.
    branch* owner() const noexcept { return owner_; }
    void set_owner(branch* owner) noexcept { owner_ = owner; }

    wait_queue& waiters() noexcept { return waiters_; }
    /// Somebody waits no longer: those behind may be free to go.
    void waiter_left() noexcept {
        if (holders_ != alone) serve_sharers();
    }

private:
    [[gnu::noinline]] void serve() noexcept {
        auto& next = waiters_.front();
        if (shares(next)) return serve_sharers();
        holders_ = alone;
        owner_ = &next;
        waiters_.serve_one();
    }
    void serve_sharers() noexcept {
        for (; !waiters_.empty() && shares(waiters_.front()); ++holders_) {
            waiters_.front().set(wait_queue::shares_flag, false);
            waiters_.serve_one();
        }
    }
    static bool shares(const branch& waiter) noexcept {
        return waiter.has(wait_queue::shares_flag);
    }

    static constexpr std::size_t alone = SIZE_MAX;

    std::size_t holders_ = 0; // or `alone`: held by one who does not share
    branch* owner_ = nullptr;
    wait_queue waiters_;
};

} // namespace weft
