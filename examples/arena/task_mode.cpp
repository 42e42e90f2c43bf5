// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <cstddef>

#include "display.hpp"
#include "modes.hpp"
#include "painter.hpp"
#include "signals.hpp"
#include "terminal.hpp"

namespace arena {

namespace {

weft::task<> simulate(match& play, const display& screen) {
    constexpr std::size_t most_at_once = 6; // who was away for an hour does not miss an hour
    weft::ticker ticks(tick, weft::missed_ticks::skip);
    while (!play.over()) {
        const std::size_t missed = co_await ticks.next();
        if (play.wanted().paused || !screen.fits()) continue;
        for (std::size_t n = std::min(missed + 1, most_at_once); n > 0; --n) play.tick();
    }
}

weft::task<> render(match& play, terminal& console, display& screen, int frames_per_second) {
    canvas picture;
    weft::ticker frames(std::chrono::nanoseconds(std::chrono::seconds(1)) / frames_per_second,
                        weft::missed_ticks::skip);
    for (;;) {
        co_await frames.next();
        paint(picture, play.game().state(), play.wanted().paused);
        screen.show(picture);
        while (!console.flush()) co_await weft::wait_writable(console.output());
    }
}

} // namespace

weft::task<> play_in_tasks(match& play, int frames_per_second) {
    weft::signal_set caught(signals_to_catch);
    terminal console;
    display screen(console);
    co_await weft::when_any(watch_signals(caught, console, play.wanted()),
                            read_keyboard(play.wanted()), simulate(play, screen),
                            render(play, console, screen, frames_per_second));
}

weft::task<> run_in_tasks(match& play) {
    while (!play.over()) {
        play.tick();
        co_await weft::yield();
    }
}

} // namespace arena
