// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <chrono>

#include <CLI/CLI.hpp>

namespace arena {

namespace {

constexpr const char* description =
    R"(A game for two minutes: survive in the arena, in a terminal of at least 80x24.

  w a s d      steer; the ship keeps going    e       stop
  arrow keys   fire, and go on firing there   i j k l the same
  space        bomb                           p       pause
  r            play again when it is over     q       quit)";

constexpr const char* details =
    R"(What lies about: S spreads your fire, R makes it rapid, O shields you, B is another bomb.
Kills within two seconds of each other are a combo, and every five of them are worth more.

The same seed and the same inputs give the same game, to the last bit, on every machine: the
program ends with a hash of everything that happened.
  arena --record game.txt                    play
  arena --replay game.txt                    watch it again
  arena --replay game.txt --headless         check that it is still the same game
  arena --headless --seed 7                  let the autopilot play two minutes, in no time

Exit code: 0; 1 something failed, or a replay became another game; 2 wrong usage;
130 Ctrl-C; 143 terminated; 129 hung up.)";

} // namespace

std::variant<options, int> parse_command_line(int argc, char** argv) {
    options wanted;
    wanted.seed =
        static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()) %
        1'000'000;

    CLI::App app{description, "arena"};
    app.footer(details);
    auto* seed = app.add_option("--seed", wanted.seed, "Which game (default: another every time)")
                     ->default_str("");
    app.add_option("--ticks", wanted.ticks,
                   "End after so many sixtieths of a second (default: never; headless: 7200)")
        ->check(CLI::Range(1, 100'000'000));
    auto* demo = app.add_flag("--demo", wanted.demo, "The autopilot plays");
    auto* replay = app.add_option("--replay", wanted.replay, "Play a recorded game")
                       ->type_name("FILE")
                       ->excludes(seed)
                       ->excludes(demo);
    app.add_option("--record", wanted.record, "Write what is played to a file")
        ->type_name("FILE")
        ->excludes(replay);
    app.add_flag("--headless", wanted.headless,
                 "Without a terminal, as fast as it goes: a replay, or the autopilot");
    app.add_flag("--frame-loop", wanted.frame_loop,
                 "Run in an ordinary frame loop that calls event_loop::poll()");
    app.add_option("--fps", wanted.frames_per_second, "Pictures a second")
        ->check(CLI::Range(1, 60))
        ->capture_default_str();

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& problem) {
        return app.exit(problem) == 0 ? 0 : 2;
    }
    if (wanted.headless && wanted.replay.empty()) {
        wanted.demo = true;
        if (!wanted.ticks) wanted.ticks = 7200;
    }
    return wanted;
}

} // namespace arena
