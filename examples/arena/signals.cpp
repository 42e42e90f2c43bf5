// SPDX-License-Identifier: MIT
#include "signals.hpp"

namespace arena {

weft::task<> watch_signals(weft::signal_set& caught, terminal& console, controls& wanted) {
    for (;;) {
        const int signal = co_await caught.next();
        if (signal == SIGTSTP) {
            console.leave();
            ::raise(SIGSTOP); // returns when the shell lets it go on
            console.enter();
        } else if (signal == SIGCONT) {
            console.enter(); // whoever stopped it may have changed the terminal
        } else {
            wanted.signal = signal;
            wanted.quit = true;
            co_return;
        }
    }
}

} // namespace arena
