// SPDX-License-Identifier: MIT
// What the user asked for.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace work_queue {

struct options {
    enum class action { produce, work, status };

    action what = action::status;
    std::string host = "127.0.0.1";
    std::uint16_t port = 6379;
    std::string stream;
    bool progress = false;

    // produce
    std::optional<std::size_t> count; // nothing: the lines of standard input
    std::size_t most = 10000;         // jobs in the queue
    std::size_t pipeline = 64;        // commands on their way

    // work
    std::string name; // of this worker
    std::string command;
    std::size_t concurrency = 4;
    std::size_t deliveries = 5;
    std::chrono::milliseconds retry_after{30000};
    std::chrono::milliseconds sleep{0};
    bool until_empty = false;

    // status
    bool follow = false;
};

/// Returns the options, or the program's exit code when the command line asks for nothing more
/// (--help) or is wrong (a message has been printed).
std::variant<options, int> parse_command_line(int argc, char** argv);

} // namespace work_queue
