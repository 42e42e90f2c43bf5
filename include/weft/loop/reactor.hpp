// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <system_error>

#include <weft/core/intrusive_list.hpp>
#include <weft/core/raise.hpp>
#include <weft/loop/readiness.hpp>
#include <weft/loop/system_calls.hpp>

namespace weft {

class reactor;
class readiness_waiter;

namespace detail {

struct waiting_for_descriptor;
using waiter_list = intrusive_list<readiness_waiter, waiting_for_descriptor>;

/// What a reactor knows of one descriptor number.
struct watched_descriptor {
    int fd = -1;
    std::uint32_t generation = 0; ///< of the registration; 0 belongs to none
    std::uint32_t sources = 0;    ///< `io_source`s that keep the registration
    readiness armed{};            ///< what the system was told to report
    readiness possible{};         ///< directions in which a system call may succeed; hangup
    bool always_ready = false;    ///< such a file (a regular one) never blocks and has no events
    waiter_list waiters;

    explicit watched_descriptor(int number) noexcept : fd(number) {}
    bool in_use() const noexcept { return sources != 0 || !waiters.empty(); }
};

} // namespace detail

/// Somebody who waits, once, until a descriptor is ready. Embed it in the operation that waits.
///
/// Lifetime  Destroying it ends the waiting, also when the event was already collected.
class readiness_waiter : private list_hook<detail::waiting_for_descriptor> {
public:
    bool waiting() const noexcept { return reactor_ != nullptr; }

    /// Stops waiting: `ready` will not be called. Leaves no registration behind.
    void cancel() noexcept;

protected:
    readiness_waiter() noexcept = default;
    ~readiness_waiter() { cancel(); }

    /// Called within `reactor::wait`, `closing` or `wait_once`, once and after the waiting has
    /// ended; `what` may hold more than was waited for. To be short: it puts something in a queue.
    virtual void ready(readiness what) noexcept = 0;

private:
    friend reactor;
    friend detail::waiter_list;

    reactor* reactor_ = nullptr;
    detail::watched_descriptor* descriptor_ = nullptr; // null: its event has been collected
    readiness interest_{};
};

/// Waits for descriptors, for a deadline and for other threads: where a loop meets its system.
///
/// Descriptors that weft owns are registered once, by an `io_source`. For all others there is
/// `wait_once`. Any number of waiters and sources may share a descriptor.
///
/// Lifetime  Outlives its sources and waiters.
/// Threads   One, except for `wake`.
class reactor {
public:
    /// Points in time are nanoseconds of `now()`.
    static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
    static constexpr std::int64_t immediately = std::numeric_limits<std::int64_t>::min();

    reactor(reactor&&) = delete;
    virtual ~reactor() { assert(idle() && "a descriptor is in use longer than its loop"); }

    /// Blocks until somebody was ready, `deadline` has come, or `wake` was called, and calls
    /// `ready` of everybody whose event has come. Signals do not end it.
    /// Returns false if none of the three happened, nor will by waiting: only a manual clock does.
    /// Errors  Throws `std::system_error`.
    virtual bool wait(std::int64_t deadline) = 0;

    /// Makes `wait`, or if nobody is in it the next one, return at once.
    /// Threads  Any; a signal handler too.
    virtual void wake() noexcept = 0;

    inline virtual std::int64_t now() const noexcept;
    /// Whether that clock is the system's, which nobody moves.
    virtual bool is_real_time() const noexcept { return true; }
    /// Moves a clock that is not the system's.
    virtual void advance(std::int64_t) noexcept {
        assert(false && "only a manual clock can be advanced");
    }

    /// Returns a descriptor that is readable while `wait` would not block, or -1: it has none.
    virtual int native_handle() const noexcept { return -1; }

    /// The system whose descriptors these are.
    system_calls& calls() const noexcept { return *calls_; }
    /// Lets what is made from now on use another system.
    void set_calls(system_calls& calls) noexcept { calls_ = &calls; }

    /// Nobody waits for a descriptor and none is registered: `wait` serves only `wake`.
    bool idle() const noexcept { return registered_ == 0; }

    /// Lets `waiter` wait until `fd` is ready as `interest` says, or failed, if it is not already:
    /// a state is waited for, not a change. Leaves no registration behind.
    /// Returns false if `fd` is a file that is always ready; then `waiter` does not wait.
    /// Errors  Throws `std::system_error`, with EBADF if `fd` is not open.
    bool wait_once(int fd, readiness interest, readiness_waiter& waiter);

    /// Says that `fd` is about to be closed: all who wait for it are told so, and nothing that
    /// happens to this number from now on concerns its sources.
    void closing(int fd) noexcept;

    /// Work outside of the loop, which will end in a `wake`, began or ended. A manual clock does
    /// not jump while there is any.
    void begin_outside_work() noexcept { ++outside_work_; }
    void end_outside_work() noexcept { --outside_work_; }
    std::size_t outside_work() const noexcept { return outside_work_; }

protected:
    using descriptor = detail::watched_descriptor;

    reactor() noexcept = default;

    /// Notes that `what` happened. Nobody is called before all events are collected, so that no
    /// event can meet somebody who came later.
    void collect(descriptor& which, readiness what) noexcept;
    /// Calls those whose events were collected, oldest first. Returns how many.
    std::size_t deliver() noexcept;

    /// What somebody waits for.
    static readiness awaited(const descriptor& which) noexcept;

    /// Null if nobody has ever used this number.
    descriptor* find(int fd) noexcept;
    std::deque<descriptor>& descriptors() noexcept { return descriptors_; }

private:
    friend class io_source;
    friend readiness_waiter;

    /// Has the system report `which.armed` changing from now on, and once if it holds now.
    /// `again`: it is registered already. Returns 0 or an `errno`; EPERM: such a file is always
    /// ready; ENOENT: it is not registered, so the number has come to mean another file.
    virtual int arm(const descriptor& which, bool again) noexcept = 0;
    virtual void disarm(const descriptor& which) noexcept = 0;

    descriptor& use(int fd, readiness interest, const char* what);
    void attach(descriptor& to, readiness interest, readiness_waiter& waiter) noexcept;
    void release_unused(descriptor& which) noexcept;

    // By number. Not a vector: lists and sources point into it.
    std::deque<descriptor> descriptors_;
    detail::waiter_list collected_;
    std::size_t registered_ = 0;
    std::size_t outside_work_ = 0;
    std::uint32_t generations_ = 0;
    system_calls* calls_ = &system_calls::of_this_system();
    static constexpr auto last_generation = std::numeric_limits<std::uint32_t>::max();
};

// Implementation ------------------------------------------------------------

inline void readiness_waiter::cancel() noexcept {
    if (!reactor_) return;
    unlink();
    if (descriptor_) reactor_->release_unused(*descriptor_);
    reactor_ = nullptr;
}

inline std::int64_t reactor::now() const noexcept {
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline bool reactor::wait_once(int fd, readiness interest, readiness_waiter& waiter) {
    descriptor& to = use(fd, interest, "waiting for a descriptor");
    if (to.always_ready) {
        release_unused(to);
        return false;
    }
    attach(to, interest, waiter);
    return true;
}

inline void reactor::attach(descriptor& to, readiness interest, readiness_waiter& waiter) noexcept {
    assert(!waiter.waiting());
    waiter.reactor_ = this;
    waiter.descriptor_ = &to;
    waiter.interest_ = interest;
    to.waiters.push_back(waiter);
}

// Registers `fd`, or asks again about it: whoever waits for a state must hear of one that lasts.
inline reactor::descriptor& reactor::use(int fd, readiness interest, const char* what) {
    if (fd < 0) raise<std::system_error>(EBADF, std::system_category(), what);
    while (descriptors_.size() <= static_cast<std::size_t>(fd))
        descriptors_.emplace_back(static_cast<int>(descriptors_.size()));
    descriptor& which = descriptors_[static_cast<std::size_t>(fd)];
    if (which.always_ready) return which;

    if (which.generation != 0) {
        const readiness armed = which.armed;
        which.armed = armed | interest;
        const int error = arm(which, true);
        if (error == 0) return which;
        which.armed = armed;
        if (error != ENOENT) raise<std::system_error>(error, std::system_category(), what);
        closing(fd); // those who knew it by another file
        return use(fd, interest, what);
    }

    which.armed = interest;
    which.generation = generations_ + 1;
    const int error = arm(which, false);
    if (error != 0 && error != EPERM) {
        which.armed = readiness::none;
        which.generation = 0;
        raise<std::system_error>(error, std::system_category(), what);
    }
    which.always_ready = error == EPERM;
    which.possible = readiness::readable | readiness::writable;
    if (++generations_ == last_generation) generations_ = 0;
    ++registered_;
    return which;
}

inline void reactor::release_unused(descriptor& which) noexcept {
    if (which.in_use() || which.generation == 0) return;
    if (!which.always_ready) disarm(which);
    which.generation = 0;
    which.armed = which.possible = readiness::none;
    which.always_ready = false;
    --registered_;
}

inline void reactor::closing(int fd) noexcept {
    descriptor* const which = find(fd);
    if (!which || which->generation == 0) return;
    which->sources = 0; // they will find another generation, or none
    collect(*which, readiness::closed);
    deliver();
}

inline readiness reactor::awaited(const descriptor& which) noexcept {
    readiness all{};
    for (auto* waiter = which.waiters.first(); waiter; waiter = which.waiters.after(*waiter))
        all = all | waiter->interest_;
    return all;
}

inline void reactor::collect(descriptor& which, readiness what) noexcept {
    which.possible = which.possible | what;
    for (auto* waiter = which.waiters.first(); waiter;) {
        auto* const next = which.waiters.after(*waiter);
        if (any((waiter->interest_ | readiness::closed) & what)) {
            waiter->interest_ = what;
            waiter->descriptor_ = nullptr;
            waiter->unlink();
            collected_.push_back(*waiter);
        }
        waiter = next;
    }
    release_unused(which);
}

inline std::size_t reactor::deliver() noexcept {
    std::size_t count = 0;
    for (; !collected_.empty(); ++count) {
        auto& waiter = collected_.pop_front();
        waiter.reactor_ = nullptr;
        waiter.ready(waiter.interest_);
    }
    return count;
}

inline reactor::descriptor* reactor::find(int fd) noexcept {
    if (fd < 0 || descriptors_.size() <= static_cast<std::size_t>(fd)) return nullptr;
    return &descriptors_[static_cast<std::size_t>(fd)];
}

} // namespace weft
