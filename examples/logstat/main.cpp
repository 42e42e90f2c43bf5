// SPDX-License-Identifier: MIT
// logstat: counts what is in web-server logs, CSV and NDJSON.
//   ./logstat access.log                               a report
//   ./logstat --by host --top 10 access.log            the ten busiest hosts
//   ./logstat --by status,method old.log.gz - <new.log decompressed by gzip; from a pipe
//   ./logstat --follow --by path --top 20 access.log   while the server writes it
// The pipeline is in pipeline.cpp: inputs are read (input.hpp, gunzip.hpp) and cut into blocks of
// lines (lines.hpp); on other threads parsers find keys (parsed_block.hpp, formats.hpp) and tallies
// count them, which are merged in the end (counts.hpp).
#include <csignal>
#include <exception>
#include <optional>
#include <system_error>
#include <variant>

#include <fmt/format.h>
#include <unistd.h>

#include <weft/weft.hpp>

#include "interrupt.hpp"
#include "options.hpp"
#include "output.hpp"
#include "pipeline.hpp"
#include "report.hpp"

namespace {

using namespace logstat;

void print_answer(const options& wanted, const tally& total,
                  const std::deque<input_summary>& inputs) {
    output out;
    if (wanted.by.empty())
        print_report(out, total, inputs, wanted.top.value_or(5));
    else
        print_rows(out, total[table::answer].top(wanted.top.value_or(total[table::answer].size())));
    out.flush();
}

/// What --every shows: a terminal is redrawn, elsewhere the answers follow each other.
void print_interim(const options& wanted, job& work) {
    const bool terminal = ::isatty(STDOUT_FILENO) == 1;
    (output{} << (terminal ? "\x1b[H\x1b[2J" : "")).flush();
    print_answer(wanted, work.merged(), work.inputs());
    (output{} << (terminal ? "" : "\n")).flush();
}

int count(const options& wanted) {
    job work(wanted);
    std::optional<int> signal;
    {
        interrupt stop;
        auto show = [&] { print_interim(wanted, work); };
        signal = weft::run(work.run(stop.next(), show));
    } // from here on Ctrl-C ends the program as usual

    const bool all_read = print_problems(work.inputs());
    if (signal) fmt::print(stderr, "logstat: interrupted, this is what was counted so far\n");
    if (all_read || signal || work.merged().records != 0)
        print_answer(wanted, work.merged(), work.inputs());
    return signal ? 128 + *signal : all_read ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    const auto parsed = parse_command_line(argc, argv);
    if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;

    std::signal(SIGPIPE, SIG_IGN); // `| head -1`: write(2) says so instead
    try {
        return count(std::get<options>(parsed));
    } catch (const std::system_error& problem) {
        if (problem.code() == std::errc::broken_pipe) return 0; // the reader has all it wanted
        fmt::print(stderr, "logstat: {}\n", problem.what());
    } catch (const std::exception& problem) {
        fmt::print(stderr, "logstat: {}\n", problem.what());
    }
    return 1;
}
