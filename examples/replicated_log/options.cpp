// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <map>

#include <CLI/CLI.hpp>

namespace replicated_log {

namespace {

constexpr const char* description =
    R"(A log that three hosts keep together (Raft), and a search for runs that break it: on
simulated hosts, in virtual time, with crashes, partitions, resets, lossy links, uneven clocks.)";

constexpr const char* details =
    R"(Try it:
  replicated_log --seeds 1000                        nothing is found
  replicated_log --bug ack-before-majority           a mistake is planted, and found
  replicated_log --bug ack-before-majority --replay seed:3 --verbose    what happened there
  replicated_log --real                              the same code on real sockets

Checked in every run: a term has one leader at most; members agree about what is committed; each
command is applied once; what was acknowledged is in the log; all goes on when nothing is broken.

Exit code: 0; 1 a run broke the log; 2 wrong usage.)";

const std::map<std::string, bug> bugs{{"ack-before-majority", bug::ack_before_majority},
                                      {"forget-votes", bug::forget_votes},
                                      {"ignore-logs", bug::ignore_logs},
                                      {"apply-twice", bug::apply_twice}};

} // namespace

std::variant<options, int> parse_command_line(int argc, char** argv) {
    options wanted;

    CLI::App app{description, "replicated_log"};
    app.footer(details);
    app.add_option("--seeds", wanted.seeds, "How many runs, each of a seed of its own [200]")
        ->type_name("N");
    auto* first = app.add_option("--seed", wanted.first, "The first one; alone: the only one")
                      ->type_name("S");
    app.add_option("--bug", wanted.planted, "Plant a mistake")
        ->transform(CLI::Transformer(bugs).description(
            "{ack-before-majority, forget-votes, ignore-logs, apply-twice}"))
        ->type_name("NAME");
    app.add_option("--replay", wanted.replay, "Only the run \"seed:S\" or \"choices:...\"")
        ->type_name("TEXT");
    app.add_flag("--verbose", wanted.verbose, "Tell what happens, and when");
    auto* real = app.add_flag("--real", wanted.real, "On real sockets of this computer");
    app.add_option("--entries", wanted.entries, "How many a real run appends [10]")->needs(real);

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& problem) {
        return app.exit(problem) == 0 ? 0 : 2;
    }
    if (!wanted.seeds) wanted.seeds = first->count() != 0 ? 1 : 200;
    return wanted;
}

} // namespace replicated_log
