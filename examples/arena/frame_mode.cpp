// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <thread>

#include "display.hpp"
#include "modes.hpp"
#include "painter.hpp"
#include "signals.hpp"
#include "terminal.hpp"

namespace arena {

void play_in_frames(match& play, int frames_per_second) {
    using clock = std::chrono::steady_clock;

    weft::event_loop& loop = play.game().loop();
    weft::signal_set caught(loop, signals_to_catch);
    terminal console;
    display screen(console);
    weft::task_group tasks(loop, weft::on_error::report); // dropped at the end
    tasks.spawn(watch_signals(caught, console, play.wanted()));
    tasks.spawn(read_keyboard(play.wanted()));

    const auto frame =
        std::chrono::duration_cast<clock::duration>(std::chrono::seconds(1)) / frames_per_second;
    canvas picture;
    auto next_tick = clock::now();
    auto next_frame = next_tick;
    while (!play.over()) {
        play.game().settle(); // keys and signals: game time stands still
        const auto now = clock::now();
        next_tick = std::max(next_tick, now - 6 * tick); // it may have been stopped for an hour
        for (; next_tick <= now; next_tick += tick)
            if (!play.wanted().paused && screen.fits()) play.tick();
        if (now >= next_frame) {
            paint(picture, play.game().state(), play.wanted().paused);
            screen.show(picture);
            next_frame = now + frame;
        }
        std::this_thread::sleep_until(std::min(next_tick, next_frame));
    }
}

void run_in_frames(match& play) {
    while (!play.over()) play.tick();
}

} // namespace arena
