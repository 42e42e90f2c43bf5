// SPDX-License-Identifier: MIT
// What --progress shows, beside the pipeline and unknown to it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include <weft/weft.hpp>

namespace logstat {

/// How far the readers are.
struct read_state {
    std::uint64_t lines = 0;
    std::uint64_t bytes = 0;
    std::uint64_t expected_bytes = 0;
    bool size_known = true; // false once a pipe is among the inputs
};

class status_line {
public:
    ~status_line() {
        if (in_place && drawn_) std::fputc('\n', stderr); // runs when the task is cancelled, too
    }

    const bool in_place = ::isatty(STDERR_FILENO) == 1;

    void draw(const std::string& text) {
        fmt::print(stderr, "{}{}{}", in_place ? "\r" : "", text, in_place ? "\x1b[K" : "\n");
        std::fflush(stderr);
        drawn_ = true;
    }

private:
    bool drawn_ = false;
};

/// Draws a line on standard error until it is cancelled: in place on a terminal, else one a second.
inline weft::task<> show_progress(const read_state& state) {
    status_line status;
    const auto begin = weft::loop_clock::now();
    weft::ticker ticks(std::chrono::milliseconds(status.in_place ? 100 : 1000),
                       weft::missed_ticks::skip);
    for (;;) {
        co_await ticks.next();
        const double seconds =
            std::chrono::duration<double>(weft::loop_clock::now() - begin).count();
        const double megabytes = static_cast<double>(state.bytes) / 1e6;
        const double expected = static_cast<double>(state.expected_bytes) / 1e6;
        const std::string share =
            state.size_known && expected > 0
                ? fmt::format("{:3.0f} %  ", std::min(100.0, 100 * megabytes / expected))
                : "";
        status.draw(fmt::format("{}{} lines  {:.1f} MB  {:.1f} MB/s", share, state.lines, megabytes,
                                megabytes / seconds));
    }
}

} // namespace logstat
