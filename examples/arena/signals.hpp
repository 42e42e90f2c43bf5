// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>
#include <initializer_list>

#include <weft/os/signal_set.hpp>
#include <weft/weft.hpp>

#include "keyboard.hpp"
#include "terminal.hpp"

namespace arena {

/// What would end or stop the program. They are received before the terminal is touched: nothing
/// may end the program while that is in raw mode.
inline constexpr std::initializer_list<int> signals_to_catch{SIGINT,  SIGTERM, SIGHUP,
                                                             SIGQUIT, SIGTSTP, SIGCONT};

/// Lends the terminal to the shell on Ctrl-Z, and takes it back; notes the signal that is to end
/// the program, and ends.
weft::task<> watch_signals(weft::signal_set& caught, terminal& console, controls& wanted);

} // namespace arena
