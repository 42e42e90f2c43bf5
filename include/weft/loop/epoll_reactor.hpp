// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <system_error>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <weft/core/raise.hpp>
#include <weft/loop/reactor.hpp>
#include <weft/loop/unique_fd.hpp>

namespace weft {

/// Waits with Linux's epoll: the cost of a wait does not depend on how many descriptors are
/// registered.
///
/// It belongs to the process that made it. A child of `fork` may destroy its copy; the parent
/// does not notice.
class epoll_reactor final : public reactor {
public:
    /// Errors  Throws `std::system_error`, with EMFILE if there are no two descriptors left.
    epoll_reactor();

    inline bool wait(std::int64_t deadline) override;
    inline void wake() noexcept override;
    int native_handle() const noexcept override { return epoll_.get(); }

private:
    inline int arm(const descriptor& which, bool again) noexcept override;
    inline void disarm(const descriptor& which) noexcept override;

    int ask(epoll_event* events, int size, std::int64_t deadline);
    int ask_within(epoll_event* events, int size, std::int64_t timeout) noexcept;

    unique_fd epoll_;
    unique_fd wake_;
    bool precise_ = true; // until the kernel says that it has no epoll_pwait2
    ::pid_t owner_ = ::getpid();
};

// Implementation ------------------------------------------------------------

namespace detail {

// A descriptor number may be closed and used again while an event of its earlier life is on the
// way: the generation tells them apart. `wake_` has generation 0.
inline std::uint64_t epoll_key(int fd, std::uint32_t generation) noexcept {
    return std::uint64_t{generation} << 32 | static_cast<std::uint32_t>(fd);
}

inline readiness from_epoll(std::uint32_t events) noexcept {
    readiness what{};
    if (events & EPOLLIN) what = what | readiness::readable;
    if (events & EPOLLOUT) what = what | readiness::writable;
    if (events & EPOLLRDHUP) what = what | readiness::readable | readiness::hangup;
    // Every system call returns at once now: let all who wait find out.
    if (events & (EPOLLERR | EPOLLHUP))
        what = what | readiness::readable | readiness::writable | readiness::hangup;
    return what;
}

} // namespace detail

inline epoll_reactor::epoll_reactor() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) raise<std::system_error>(errno, std::system_category(), "epoll_create1");
    wake_ = unique_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake_) raise<std::system_error>(errno, std::system_category(), "eventfd");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = detail::epoll_key(wake_.get(), 0);
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0)
        raise<std::system_error>(errno, std::system_category(), "epoll_ctl");
}

inline bool epoll_reactor::wait(std::int64_t deadline) {
    epoll_event events[256];
    const int count = ask(events, 256, deadline);
    for (int i = 0; i < count; ++i) {
        const auto generation = static_cast<std::uint32_t>(events[i].data.u64 >> 32);
        if (generation == 0) {
            std::uint64_t calls;
            [[maybe_unused]] const auto size = ::read(wake_.get(), &calls, sizeof calls);
        } else {
            auto* const which = find(static_cast<int>(events[i].data.u64 & 0xffff'ffffu));
            if (which->generation == generation)
                collect(*which, detail::from_epoll(events[i].events));
        }
    }
    deliver();
    return true;
}

inline void epoll_reactor::wake() noexcept {
    // A full counter is as good: it is readable, and stays so until `wait` has seen it.
    const int saved = errno;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto size = ::write(wake_.get(), &one, sizeof one);
    errno = saved;
}

inline int epoll_reactor::arm(const descriptor& which, bool again) noexcept {
    assert(::getpid() == owner_ && "a child process uses its parent's loop");
    epoll_event event{};
    event.events = EPOLLET;
    if (any(which.armed & readiness::readable)) event.events |= EPOLLIN | EPOLLRDHUP;
    if (any(which.armed & readiness::writable)) event.events |= EPOLLOUT;
    event.data.u64 = detail::epoll_key(which.fd, which.generation);
    // Either call reports at once what holds already.
    const int call = again ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (::epoll_ctl(epoll_.get(), call, which.fd, &event) == 0) return 0;
    // It was closed without being forgotten, but a duplicate has kept its registration alive.
    if (errno == EEXIST && ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, which.fd, &event) == 0)
        return 0;
    return errno;
}

inline void epoll_reactor::disarm(const descriptor& which) noexcept {
    // After fork both processes share one set: what a child withdrew, the parent would lose.
    // Fails if the descriptor has been closed, which withdrew it.
    if (::getpid() == owner_) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, which.fd, nullptr);
}

inline int epoll_reactor::ask(epoll_event* events, int size, std::int64_t deadline) {
    for (;;) {
        int count;
        if (deadline == never) {
            count = ::epoll_wait(epoll_.get(), events, size, -1);
        } else {
            const std::int64_t timeout = deadline <= 0 ? 0 : deadline - now();
            count = timeout <= 0 ? ::epoll_wait(epoll_.get(), events, size, 0)
                                 : ask_within(events, size, timeout);
        }
        if (count >= 0) return count;
        if (errno != EINTR) raise<std::system_error>(errno, std::system_category(), "epoll_wait");
    }
}

inline int epoll_reactor::ask_within(epoll_event* events, int size, std::int64_t timeout) noexcept {
    if (precise_) {
        const struct {
            long long seconds, nanoseconds;
        } limit{timeout / 1'000'000'000, timeout % 1'000'000'000};
        // Not through the C library: glibc has it since 2.35, others do not.
        const long count =
            ::syscall(SYS_epoll_pwait2, epoll_.get(), events, size, &limit, nullptr, 0);
        // Old sandboxes refuse what they do not know with EPERM.
        if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return static_cast<int>(count);
        precise_ = false;
    }
    // Rounded up: a wait that ends early would be repeated, spinning, until the deadline.
    const std::int64_t milliseconds = (timeout - 1) / 1'000'000 + 1;
    return ::epoll_wait(epoll_.get(), events, size,
                        milliseconds > INT_MAX ? INT_MAX : static_cast<int>(milliseconds));
}

} // namespace weft
