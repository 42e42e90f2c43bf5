// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

namespace work_queue {

namespace {

constexpr const char* description =
    R"(A queue of jobs on a Redis server: any number of producers and workers, on any number of
machines. Each job is done at least once.)";

constexpr const char* details =
    R"(Try it, with a Redis server (6.2 or newer) on this machine:
  find . -name '*.cpp' | work_queue produce --stream sizes
  work_queue work --stream sizes --exec 'wc -l "$1"' --until-empty
  work_queue status --stream sizes
COMMAND --help tells more about each command.

A job is a line of text. A worker that holds a job renews its claim every now and then; when it
dies, the job is given to another one after --retry-after. So is a job that fails. After
--deliveries attempts it is put aside, with the reason, in the stream NAME:dead
(redis-cli XRANGE NAME:dead - +).
When the server goes away, everybody waits until it is back. A job that was done when its worker
died, or the server, before either could say so, is done again: jobs should not mind.

Exit code: 0; 1 the server cannot be reached at the start, or it refuses a command; 2 wrong
usage.)";

constexpr const char* about_produce =
    R"(It waits while there are --most jobs in the queue, and while --pipeline are on their way.)";

constexpr const char* about_work =
    R"(A job is to run a command (--exec), or else to print the line.
SIGINT and SIGTERM: it takes no more jobs, finishes those it has in hand, and ends. A second signal
ends it at once; its jobs are done by others.)";

constexpr const char* about_status =
    R"(A job is waiting until a worker takes it, then in hand, and in the end done; or dead: put
aside after too many attempts.)";

void set_server(options& wanted, const std::string& text) {
    const auto colon = text.rfind(':');
    const auto end = text.data() + text.size();
    const auto begin = colon == text.npos ? end : text.data() + colon + 1;
    const auto port = std::from_chars(begin, end, wanted.port);
    wanted.host = text.substr(0, colon);
    if (wanted.host.size() > 2 && wanted.host.front() == '[' && wanted.host.back() == ']')
        wanted.host = wanted.host.substr(1, wanted.host.size() - 2); // [::1]:6379
    if (begin == end || port.ec != std::errc() || port.ptr != end || wanted.host.empty() ||
        wanted.port == 0)
        throw CLI::ValidationError("--redis", "'" + text + "' is not HOST:PORT");
}

std::string default_name() {
    char host[256] = "worker";
    ::gethostname(host, sizeof host - 1);
    return fmt::format("{}-{}", host, ::getpid());
}

CLI::Option* add_milliseconds(CLI::App* to, const std::string& name,
                              std::chrono::milliseconds& value, const std::string& about) {
    auto set = [&value](const double& seconds) {
        value = std::chrono::milliseconds(std::llround(seconds * 1000));
    };
    return to->add_option_function<double>(name, set, about)->type_name("SECONDS");
}

} // namespace

std::variant<options, int> parse_command_line(int argc, char** argv) {
    options wanted;
    CLI::App app{description, "work_queue"};
    app.require_subcommand(1);

    auto add_command = [&](options::action what, const char* name, const char* short_about,
                           const char* about) {
        auto* command = app.add_subcommand(name, short_about);
        command->footer(about);
        command->callback([&wanted, what] { wanted.what = what; });
        auto set = [&wanted](const std::string& text) { set_server(wanted, text); };
        command->add_option_function<std::string>("--redis", set, "The server")
            ->type_name("HOST:PORT")
            ->default_str("127.0.0.1:6379");
        command->add_option("--stream", wanted.stream, "The queue's name")
            ->type_name("NAME")
            ->required();
        return command;
    };
    auto* produce =
        add_command(options::action::produce, "produce",
                    "Adds jobs: the lines of standard input, or with --count some to try it with",
                    about_produce);
    produce->add_option("--count", wanted.count, "Add this many jobs \"job 1\", \"job 2\", ...")
        ->type_name("N");
    produce->add_option("--most", wanted.most, "Wait while so many jobs are in the queue")
        ->capture_default_str()
        ->type_name("N")
        ->check(CLI::PositiveNumber);
    produce->add_option("--pipeline", wanted.pipeline, "So many commands on their way")
        ->capture_default_str()
        ->type_name("N")
        ->check(CLI::PositiveNumber);

    auto* work = add_command(options::action::work, "work", "Does jobs, until it is told to stop",
                             about_work);
    work->add_option(
            "--exec", wanted.command,
            "A job is `sh -c CMD`, with the line as $1; it fails unless the exit code is 0")
        ->type_name("CMD");
    add_milliseconds(work, "--sleep", wanted.sleep, "A job takes at least so long")
        ->check(CLI::Range(0.0, 86400.0));
    work->add_option("--concurrency", wanted.concurrency, "So many jobs at a time")
        ->capture_default_str()
        ->type_name("N")
        ->check(CLI::PositiveNumber);
    add_milliseconds(work, "--retry-after", wanted.retry_after,
                     "Take over jobs of which nothing was heard for so long")
        ->check(CLI::Range(0.1, 86400.0))
        ->default_str("30");
    work->add_option("--deliveries", wanted.deliveries, "Put a job aside after so many attempts")
        ->capture_default_str()
        ->type_name("N")
        ->check(CLI::PositiveNumber);
    work->add_flag("--until-empty", wanted.until_empty, "End when no job is left, also of others");
    work->add_option("--name", wanted.name, "Unique among the workers (default: host and process)")
        ->type_name("NAME");

    for (auto* each : {produce, work})
        each->add_flag("--progress", wanted.progress, "Show on standard error how far it is");
    add_command(options::action::status, "status", "Tells where the jobs are, and who works",
                about_status)
        ->add_flag("--follow", wanted.follow, "Once a second, until no job is left");

    app.footer(details); // subcommands would inherit it
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& problem) {
        return app.exit(problem) == 0 ? 0 : 2;
    }
    if (wanted.name.empty()) wanted.name = default_name();
    return wanted;
}

} // namespace work_queue
