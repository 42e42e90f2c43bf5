// SPDX-License-Identifier: MIT
#include "job.hpp"

#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include <weft/os/run_process.hpp>

namespace work_queue {

namespace {

/// In one write(2): what has been said to be done must have been printed, and workers may share
/// their output.
void print_line(std::string payload) {
    payload += '\n';
    for (std::string_view rest = payload; !rest.empty();) {
        const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) throw std::system_error(errno, std::generic_category(), "printing a job");
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
}

weft::task<std::string> run_command(const std::string& command, std::string payload) {
    // Ctrl-C reaches all that runs in a terminal; it is meant for the worker, which finishes.
    std::vector<std::string> argv{"sh", "-c", "trap '' INT\n" + command, "sh", std::move(payload)};
    try {
        const auto result = co_await weft::run_process(
            std::move(argv), {},
            {.input = weft::redirect::null(), .output = weft::redirect::inherit()});
        if (result.status == 0) co_return std::string();
        co_return result.status > 0 ? fmt::format("exit code {}", result.status)
                                    : fmt::format("ended by signal {}", -result.status);
    } catch (const std::system_error& problem) {
        co_return problem.what(); // no memory or no descriptor for a process: perhaps next time
    }
}

} // namespace

weft::task<std::string> perform(const options& wanted, std::string payload) {
    if (wanted.sleep.count() != 0) co_await weft::sleep_for(wanted.sleep);
    if (!wanted.command.empty()) {
        auto problem = co_await run_command(wanted.command, std::move(payload));
        co_return problem;
    }
    print_line(std::move(payload));
    co_return std::string();
}

} // namespace work_queue
