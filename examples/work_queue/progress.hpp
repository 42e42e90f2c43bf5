// SPDX-License-Identifier: MIT
// What --progress shows, beside the work and unknown to it.
#pragma once

#include <chrono>
#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <weft/weft.hpp>

namespace work_queue {

/// Shows `text(seconds since the beginning)` on standard error until it is cancelled: in place on a
/// terminal, else a line a second.
template <class F>
weft::task<> show_progress(F text) {
    struct line {
        const bool in_place = ::isatty(STDERR_FILENO) == 1;
        ~line() {
            if (in_place) std::fputc('\n', stderr); // runs when the task is cancelled, too
        }
    } shown;
    const auto begin = weft::loop_clock::now();
    weft::ticker ticks(std::chrono::milliseconds(shown.in_place ? 100 : 1000),
                       weft::missed_ticks::skip);
    for (;;) {
        co_await ticks.next();
        const std::chrono::duration<double> elapsed = weft::loop_clock::now() - begin;
        fmt::print(stderr, "{}{}{}", shown.in_place ? "\r" : "", text(elapsed.count()),
                   shown.in_place ? "\x1b[K" : "\n");
        std::fflush(stderr);
    }
}

} // namespace work_queue
