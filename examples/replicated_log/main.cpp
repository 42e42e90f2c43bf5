// SPDX-License-Identifier: MIT
// replicated_log: three hosts keep a log together, and lose nothing that was acknowledged.
//   ./replicated_log --seeds 1000            a thousand runs on simulated hosts, with faults
//   ./replicated_log --bug apply-twice       finds a run that shows the mistake
//   ./replicated_log --real                  the same members on real sockets
// node.cpp is the protocol, messages.cpp its words, transport.cpp its connections; they know of no
// simulation. simulated.cpp makes hosts and faults, checker.hpp says what must hold.
#include <chrono>
#include <cstdio>
#include <exception>
#include <ratio>
#include <string>
#include <variant>

#include <fmt/format.h>

#include <weft/testing/explore.hpp>

#include "options.hpp"
#include "real.hpp"
#include "simulated.hpp"

namespace {

using namespace replicated_log;

/// Returns whether nothing went wrong.
bool run_once(const options& wanted, const std::string& what, run_summary& sum) {
    try {
        weft::testing::replay(what, [&](weft::testing::simulation& in) {
            run_cluster(in, wanted.planted, wanted.verbose, sum);
        });
        return true;
    } catch (const std::exception& problem) {
        fmt::print("{}: {}\n  trace {:016x}; again: --replay {}\n", what, problem.what(), sum.trace,
                   what);
        return false;
    }
}

void print(const run_summary& sum) {
    const std::chrono::duration<double, std::ratio<3600>> hours = sum.time;
    fmt::print("{} runs, {:.2f} virtual hours: {} commands, {} elections\n"
               "{} faults: {} crashes, {} partitions, {} resets, {} bad links\n",
               sum.runs, hours.count(), sum.commands, sum.elections, sum.faults(), sum.crashes,
               sum.partitions, sum.resets, sum.bad_links);
}

bool search(const options& wanted) {
    run_summary sum;
    bool good = true;
    if (!wanted.replay.empty()) {
        good = run_once(wanted, wanted.replay, sum);
        if (good) fmt::print("{}: nothing wrong\n  trace {:016x}\n", wanted.replay, sum.trace);
    } else
        for (std::size_t i = 0; good && i != *wanted.seeds; ++i)
            good = run_once(wanted, "seed:" + std::to_string(wanted.first + i), sum);
    print(sum);
    return good;
}

} // namespace

int main(int argc, char** argv) {
    const auto parsed = parse_command_line(argc, argv);
    if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;

    const auto& wanted = std::get<options>(parsed);
    try {
        if (!wanted.real) return search(wanted) ? 0 : 1;
        run_for_real(wanted.entries);
        return 0;
    } catch (const std::exception& problem) {
        fmt::print(stderr, "replicated_log: {}\n", problem.what());
    }
    return 1;
}
