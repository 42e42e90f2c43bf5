// SPDX-License-Identifier: MIT
// arena: a small action game for a terminal.
//   ./arena                       play
//   ./arena --demo                watch the autopilot
//   ./arena --headless --seed 7   two minutes in no time, and a hash of all that happened
// The game is in simulation.hpp: physics (physics.cpp) between the turns of an event loop whose
// time is the game's (director.cpp, effects.cpp); enemies are generators (enemies.cpp). What drives
// it: task_mode.cpp, and frame_mode.cpp.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>
#include <variant>

#include <weft/weft.hpp>

#include "modes.hpp"
#include "options.hpp"

namespace {

using namespace arena;

void print(const std::string& text) {
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
        throw std::system_error(errno, std::generic_category(), "standard output");
}

int play(const options& wanted) {
    match game(wanted);
    if (wanted.headless && wanted.frame_loop)
        run_in_frames(game);
    else if (wanted.headless)
        weft::run(run_in_tasks(game));
    else if (wanted.frame_loop)
        play_in_frames(game, wanted.frames_per_second);
    else
        weft::run(play_in_tasks(game, wanted.frames_per_second));

    const int signal = game.wanted().signal.value_or(0);
    game.finish();
    if (signal != SIGHUP) print(game.summary()); // the terminal is as it was found
    return signal == 0 ? 0 : 128 + signal;
}

} // namespace

int main(int argc, char** argv) {
    const auto parsed = parse_command_line(argc, argv);
    if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
    try {
        return play(std::get<options>(parsed));
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "arena: %s\n", problem.what());
        return 1;
    }
}
