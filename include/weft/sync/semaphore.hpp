// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <utility>

#include <weft/core/raise.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft {

class semaphore;

/// One of the permits of a semaphore; given back when it is destroyed.
///
/// Lifetime  The semaphore must outlive it.
class [[nodiscard]] permit {
public:
    permit(permit&& other) noexcept : from_(std::exchange(other.from_, nullptr)) {}
    permit& operator=(permit&& other) noexcept {
        if (this != &other) {
            release();
            from_ = std::exchange(other.from_, nullptr);
        }
        return *this;
    }
    ~permit() { release(); }

    /// Gives it back now. No effect the second time.
    void release() noexcept;
    /// Never gives it back: the semaphore has one permit less.
    void forget() noexcept { from_ = nullptr; }

private:
    friend semaphore;
    explicit permit(semaphore& from) noexcept : from_(&from) {}

    semaphore* from_;
};

/// A number of permits: at most so many at a time do something.
///
///     weft::semaphore connections{20};
///
///     auto permit = co_await connections.acquire();
///     auto page = co_await fetch(url);            // never more than 20 at once
///
/// Order   Permits go to the waiters in the order in which they came; nobody overtakes them.
class semaphore {
    struct acquiring;

public:
    /// Errors  Throws `std::invalid_argument` if `permits` was a negative number.
    explicit semaphore(std::size_t permits) : permits_(permits) {
        if (permits > PTRDIFF_MAX) raise<std::invalid_argument>("semaphore: negative permits");
    }
    semaphore(semaphore&&) = delete;

    /// Waits for a permit and returns it.
    /// Cancel  Takes none.
    auto acquire() noexcept { return wait_queue::wait<acquiring>(this); }

    /// Returns a permit if there is one.
    std::optional<permit> try_acquire() noexcept {
        if (permits_ == 0) return std::nullopt;
        --permits_;
        return permit(*this);
    }

    /// Adds `n` permits, which need not have been acquired.
    void release(std::size_t n = 1) noexcept {
        for (; n != 0 && !waiters_.empty(); --n) waiters_.serve_one();
        assert(n <= PTRDIFF_MAX - permits_ && "semaphore: negative or far too many permits");
        permits_ += n;
    }

    /// How many permits could be acquired at once.
    std::size_t available() const noexcept { return permits_; }

private:
    std::size_t permits_; // none while somebody waits
    wait_queue waiters_;
};

// Implementation ------------------------------------------------------------

struct semaphore::acquiring {
    semaphore* from;

    wait_queue& queue() noexcept { return from->waiters_; }
    bool begin() noexcept {
        if (from->permits_ == 0) return false;
        --from->permits_;
        return true;
    }
    permit result() noexcept { return permit(*from); }
    void give_back() noexcept { from->release(); }
    static constexpr const char* name = "semaphore.acquire";
};

inline void permit::release() noexcept {
    if (from_) std::exchange(from_, nullptr)->release();
}

} // namespace weft
