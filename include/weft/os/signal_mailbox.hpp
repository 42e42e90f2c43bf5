// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

#include <signal.h>
#include <unistd.h>

#include <weft/core/raise.hpp>

namespace weft {

/// What a signal does when it comes again after the first time.
enum class repeated_signal { is_received, takes_default_action };

/// Counts signals that come to this process, and makes a descriptor readable when there are some.
///
/// The signals are caught by a handler, not by a signalfd behind a mask: that would need all
/// threads to block them, those of other libraries too, and programs that are started would inherit
/// the mask. A handler counts what a descriptor could not hold, and is gone after an exec. It
/// touches nothing but atomics and write(2).
///
/// Ownership  The handler of a signal is set by its first mailbox, and what was there before comes
///            back with the last.
/// Threads    Any, for different mailboxes; signals may come to any thread.
class signal_mailbox {
public:
    static constexpr std::size_t numbers = NSIG;

    /// Wakes its owner by a byte in `wake_fd`, a pipe that does not block.
    explicit signal_mailbox(int wake_fd) noexcept;
    signal_mailbox(signal_mailbox&&) = delete;
    ~signal_mailbox();

    /// From now on `signal` is counted.
    /// Errors  Throws `std::system_error` that names it.
    void subscribe(int signal, repeated_signal second);

    /// Calls `f(signal, how_many)` for what has come since the last time, lowest number first.
    /// The descriptor was read before: from now on the next signal writes to it.
    template <class F>
    void take(F f) noexcept {
        woken_.exchange(false); // reads what the handler wrote last, so what came before is seen
        for (std::size_t number = 1; number != numbers; ++number)
            if (arrived_[number].load(std::memory_order_relaxed) != 0)
                f(static_cast<int>(number), arrived_[number].exchange(0));
    }

private:
    enum class use : unsigned char { none, every, first };

    /// What is known in this process of a signal.
    struct disposition {
        struct ::sigaction before;
        unsigned every, first; // how many mailboxes want which
    };
    // Mailboxes form a list that the handler walks while others leave it: who has left waits until
    // every handler that might have seen it has returned.
    struct process {
        std::mutex mutex; // not the handler's
        std::array<disposition, numbers> dispositions{};
        std::atomic<signal_mailbox*> first{nullptr};
        std::atomic<unsigned> handlers{0};
    };
    static constinit process all;

    static void handle(int signal) noexcept;
    static int catch_it(int signal, const disposition& now) noexcept;
    static bool is_caught(int signal) noexcept;
    static void restore(int signal, const disposition& now, use last) noexcept;

    std::atomic<signal_mailbox*> next_{nullptr};
    std::array<std::atomic<unsigned>, numbers> arrived_{};
    std::array<std::atomic<use>, numbers> uses_{};
    std::atomic<bool> woken_{false};
    int wake_fd_;
};

// Implementation ------------------------------------------------------------

inline constinit signal_mailbox::process signal_mailbox::all;

inline signal_mailbox::signal_mailbox(int wake_fd) noexcept : wake_fd_(wake_fd) {
    const std::lock_guard lock(all.mutex);
    next_.store(all.first.load());
    all.first.store(this);
}

inline signal_mailbox::~signal_mailbox() {
    const std::lock_guard lock(all.mutex);
    for (std::size_t number = 1; number != numbers; ++number) {
        const use mine = uses_[number];
        if (mine == use::none) continue;
        auto& now = all.dispositions[number];
        --(mine == use::every ? now.every : now.first);
        if (now.every + now.first == 0)
            restore(static_cast<int>(number), now, mine);
        else if (is_caught(static_cast<int>(number)))
            catch_it(static_cast<int>(number), now);
    }
    auto* link = &all.first;
    while (link->load() != this) link = &link->load()->next_;
    link->store(next_.load());
    while (all.handlers.load() != 0) std::this_thread::yield();
}

inline void signal_mailbox::subscribe(int signal, repeated_signal second) {
    const std::lock_guard lock(all.mutex);
    int error = EINVAL;
    if (signal > 0 && static_cast<std::size_t>(signal) < numbers) {
        const auto number = static_cast<std::size_t>(signal);
        if (uses_[number] != use::none) return;
        auto now = all.dispositions[number];
        if (now.every + now.first == 0) ::sigaction(signal, nullptr, &now.before);
        const bool every = second == repeated_signal::is_received;
        ++(every ? now.every : now.first);
        uses_[number] = every ? use::every : use::first; // first: it may come at once
        error = catch_it(signal, now);
        if (error == 0) {
            all.dispositions[number] = now;
            return;
        }
        uses_[number] = use::none;
    }
    raise<std::system_error>(error, std::system_category(),
                             "waiting for signal " + std::to_string(signal));
}

inline int signal_mailbox::catch_it(int signal, const disposition& now) noexcept {
    struct ::sigaction action {};
    action.sa_handler = &handle;
    action.sa_flags = SA_RESTART | SA_ONSTACK;
    if (now.every == 0) action.sa_flags |= static_cast<int>(SA_RESETHAND);
    ::sigemptyset(&action.sa_mask);
    return ::sigaction(signal, &action, nullptr) == 0 ? 0 : errno;
}

// Not by the handler of somebody who has set one since, nor when it has come and is not to again.
inline bool signal_mailbox::is_caught(int signal) noexcept {
    struct ::sigaction current {};
    return ::sigaction(signal, nullptr, &current) == 0 && current.sa_handler == &handle;
}

inline void signal_mailbox::restore(int signal, const disposition& now, use last) noexcept {
    struct ::sigaction current {};
    ::sigaction(signal, nullptr, &current);
    // Somebody may have set another handler since; that stays.
    const bool was_reset = last == use::first && current.sa_handler == SIG_DFL;
    if (current.sa_handler == &handle || was_reset) ::sigaction(signal, &now.before, nullptr);
}

inline void signal_mailbox::handle(int signal) noexcept {
    const int saved = errno;
    all.handlers.fetch_add(1);
    const auto number = static_cast<std::size_t>(signal);
    for (auto* each = all.first.load(); each; each = each->next_.load()) {
        if (each->uses_[number] == use::none) continue;
        each->arrived_[number].fetch_add(1);
        // One byte says it all: the pipe never fills.
        if (!each->woken_.exchange(true))
            [[maybe_unused]] const auto size = ::write(each->wake_fd_, "", 1);
    }
    all.handlers.fetch_sub(1);
    errno = saved;
}

} // namespace weft
