// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>

#include <signal.h>

namespace weft::testing {

/// Notices SIGPIPE while it lives.
class sigpipe_watch {
public:
    sigpipe_watch() noexcept {
        seen_ = 0;
        struct sigaction note {};
        note.sa_handler = [](int) { seen_ = 1; };
        ::sigaction(SIGPIPE, &note, &before_);
    }
    sigpipe_watch(sigpipe_watch&&) = delete;
    ~sigpipe_watch() { ::sigaction(SIGPIPE, &before_, nullptr); }
    static bool seen() noexcept { return seen_ != 0; }

private:
    static inline volatile std::sig_atomic_t seen_ = 0;
    struct sigaction before_ {};
};

} // namespace weft::testing
