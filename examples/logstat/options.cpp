// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <algorithm>
#include <cstddef>
#include <iostream>
#include <thread>

#include <CLI/CLI.hpp>
#include <unistd.h>

namespace logstat {

namespace {

constexpr const char* description =
    R"(Counts what is in web-server logs (Common and Combined Log Format), CSV and NDJSON.

With --by it prints how often each value occurs, most frequent first. Without, a report.)";

constexpr const char* details =
    R"(Fields of a log, and the awk program that prints the same from a well-formed line:
  host      {print $1}
  user      {print $3}                                   (names without spaces)
  method    -F'"' {split($2, word, " "); print word[1]}
  path      -F'"' {split($2, word, " "); print word[2]}
  protocol  -F'"' {split($2, word, " "); print word[3]}
  status    -F'"' {split($3, word, " "); print word[1]}
  bytes     -F'"' {split($3, word, " "); print word[2]}
  referer   -F'"' {print $4}                             (empty in the Common format)
  agent     -F'"' {print $6}                             (empty in the Common format)
  hour      {print substr($4, 2, 14)}
Values stay as they are written in the log; where one holds \" the -F'"' programs cut it
short and logstat does not. Several fields are joined by a space.
Elsewhere a field is a column of the CSV header, or a key of the NDJSON objects (a.b for
key b inside a), printed as `jq -r .key` would.

On a log without malformed lines the output of
  logstat --by host --top 10 access.log
is, byte for byte, that of
  awk '{print $1}' access.log | LC_ALL=C sort | uniq -c | LC_ALL=C sort -k1,1nr -k2 | head -n 10
Malformed lines are left out (awk would count them) and reported on standard error.
Blank lines are malformed in a log; in CSV and NDJSON they are skipped.

An input whose name ends in .gz, or which begins as gzip's files do, is decompressed by a
gzip beside this program; it is not followed.
Lines are parsed on several threads at once; those of one CSV file are not, since a quoted
field may go on over several of them. The answer is always the same.

Ctrl-C prints what was counted so far.
Exit code: 0; 1 an input could not be read to its end, or the output not be written;
2 wrong usage; 130 interrupted (143 by SIGTERM).)";

std::vector<std::string> split_fields(const std::string& list) {
    std::vector<std::string> fields;
    for (std::size_t begin = 0; begin <= list.size();) {
        const std::size_t comma = std::min(list.find(',', begin), list.size());
        if (comma == begin)
            throw CLI::ValidationError("--by", "an empty field name in '" + list + "'");
        fields.push_back(list.substr(begin, comma - begin));
        begin = comma + 1;
    }
    return fields;
}

} // namespace

std::variant<options, int> parse_command_line(int argc, char** argv) {
    options wanted;
    wanted.jobs = std::max(1U, std::thread::hardware_concurrency());
    std::string by;
    double seconds = 0;

    CLI::App app{description, "logstat"};
    app.footer(details);
    app.add_option("--by", by, "Count the values of these fields")->type_name("FIELD[,FIELD]");
    app.add_option("--top", wanted.top, "Print only the N most frequent")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--format", wanted.format,
                   "Default: by the name of the file and its first lines")
        ->check(CLI::IsMember({"auto", "log", "csv", "ndjson"}));
    app.add_option("--jobs", wanted.jobs, "Parse with N threads (default: one for each core)")
        ->type_name("N")
        ->check(CLI::Range(1, 1024));
    app.add_flag("--malformed", wanted.malformed,
                 "Tell on standard error each malformed line, as it is found");
    app.add_flag("--ordered", wanted.ordered,
                 "Tell them in the order of the input, one file after the other");
    app.add_flag("--follow", wanted.follow, "Wait for more at the end of a file, until Ctrl-C");
    app.add_option(
           "--every", seconds,
           "Print the answer so far every so often (default with --follow on a terminal: 2)")
        ->type_name("SECONDS")
        ->check(CLI::Range(0.1, 86400.0));
    app.add_flag("--progress", wanted.progress, "Show on standard error how far it is");
    app.add_option("FILE", wanted.files, "Files to read; - or none: standard input");

    try {
        app.parse(argc, argv);
        if (app.count("--by") != 0) wanted.by = split_fields(by);
    } catch (const CLI::ParseError& problem) {
        return app.exit(problem) == 0 ? 0 : 2;
    }
    if (wanted.files.empty()) {
        if (::isatty(STDIN_FILENO) == 1) {
            std::cerr << "logstat: nothing to read: give it a file or a pipe (--help says more)\n";
            return 2;
        }
        wanted.files.emplace_back("-");
    }
    if (seconds == 0 && wanted.follow && ::isatty(STDOUT_FILENO) == 1) seconds = 2;
    wanted.every = std::chrono::duration<double>(seconds);
    return wanted;
}

} // namespace logstat
