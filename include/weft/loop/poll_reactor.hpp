// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <weft/core/raise.hpp>
#include <weft/loop/reactor.hpp>
#include <weft/loop/unique_fd.hpp>

namespace weft {

/// Waits with poll(2), which every POSIX system has. The cost of a wait grows with the number of
/// descriptors.
///
/// poll(2) reports states, a reactor changes: only descriptors that somebody waits for are asked
/// about, so that a state nobody cares for does not keep the loop awake.
class poll_reactor : public reactor {
public:
    /// Errors  Throws `std::system_error`, with EMFILE if there are no two descriptors left.
    poll_reactor();

    inline bool wait(std::int64_t deadline) override;
    inline void wake() noexcept override;

protected:
    /// Returns how many were served or, if none was, whether `wake` was called.
    std::size_t wait_until(std::int64_t deadline);

private:
    inline int arm(const descriptor& which, bool again) noexcept override;
    void disarm(const descriptor&) noexcept override {}

    int ask(std::int64_t deadline);

    unique_fd wake_read_;
    unique_fd wake_write_;
    std::vector<::pollfd> asked_;
};

// Implementation ------------------------------------------------------------

inline poll_reactor::poll_reactor() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        raise<std::system_error>(errno, std::system_category(), "pipe2");
    wake_read_ = unique_fd(ends[0]);
    wake_write_ = unique_fd(ends[1]);
}

inline bool poll_reactor::wait(std::int64_t deadline) {
    wait_until(deadline);
    return true;
}

inline void poll_reactor::wake() noexcept {
    // A full pipe is as good: it is readable, and stays so until `wait` has seen it.
    const int saved = errno;
    [[maybe_unused]] const auto size = ::write(wake_write_.get(), "", 1);
    errno = saved;
}

inline int poll_reactor::arm(const descriptor& which, bool) noexcept {
    return ::fcntl(which.fd, F_GETFD) < 0 ? errno : 0;
}

inline std::size_t poll_reactor::wait_until(std::int64_t deadline) {
    asked_.assign(1, {wake_read_.get(), POLLIN, 0});
    if (!idle())
        for (auto& which : descriptors())
            if (const auto interest = awaited(which); any(interest))
                asked_.push_back({which.fd, detail::to_poll(interest), 0});

    int count = ask(deadline);
    const bool woken = asked_[0].revents != 0;
    if (woken) {
        --count;
        char calls[512];
        while (::read(wake_read_.get(), calls, sizeof calls) == sizeof calls) {}
    }
    for (std::size_t i = 1; count > 0; ++i) {
        if (asked_[i].revents == 0) continue;
        --count;
        collect(*find(asked_[i].fd), detail::from_poll(asked_[i].revents));
    }
    const std::size_t served = deliver();
    return served != 0 ? served : woken;
}

inline int poll_reactor::ask(std::int64_t deadline) {
    for (;;) {
        ::timespec limit{};
        if (deadline > 0 && deadline != never) {
            const std::int64_t timeout = deadline - now();
            if (timeout > 0) {
                limit.tv_sec = static_cast<std::time_t>(timeout / 1'000'000'000);
                limit.tv_nsec = static_cast<long>(timeout % 1'000'000'000);
            }
        }
        const int count = ::ppoll(asked_.data(), static_cast<::nfds_t>(asked_.size()),
                                  deadline == never ? nullptr : &limit, nullptr);
        if (count >= 0) return count;
        if (errno != EINTR) raise<std::system_error>(errno, std::system_category(), "ppoll");
    }
}

} // namespace weft
