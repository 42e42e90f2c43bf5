// SPDX-License-Identifier: MIT
// work_queue: a queue of jobs on a Redis server.
//   seq 1000 | ./work_queue produce --stream squares
//   ./work_queue work --stream squares --exec 'echo $(($1 * $1))' --until-empty
//   ./work_queue status --stream squares
// redis.hpp bridges hiredis, a C library, to weft's loop, and is the model for other such bridges;
// redis_client.hpp waits for a server that went away; queue.hpp says what a queue is in Redis;
// worker.cpp, produce.cpp and status.cpp are the commands.
#include <csignal>
#include <exception>
#include <variant>

#include <fmt/format.h>

#include <weft/weft.hpp>

#include "commands.hpp"
#include "options.hpp"

namespace {

using namespace work_queue;

weft::task<> obey(const options& wanted) {
    switch (wanted.what) {
    case options::action::produce: return produce(wanted);
    case options::action::work: return work(wanted);
    case options::action::status: break;
    }
    return show_status(wanted);
}

} // namespace

int main(int argc, char** argv) {
    const auto parsed = parse_command_line(argc, argv);
    if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;

    std::signal(SIGPIPE, SIG_IGN); // hiredis writes to connections that are gone
    try {
        weft::run(obey(std::get<options>(parsed)));
        return 0;
    } catch (const std::exception& problem) {
        fmt::print(stderr, "work_queue: {}\n", problem.what());
    }
    return 1;
}
