// SPDX-License-Identifier: MIT
// httpd: a web server.
//   ./httpd --port 8080 --root .
//   ./httpd --port 0 --threads 4 --cert chain.pem --key key.pem
// server.cpp starts a loop on every thread; connection.hpp talks to one client, over any stream;
// pages.cpp knows what answers which path; site.cpp finds files. HTTP itself is taken apart by
// Boost.Beast (request_parser.cpp).
#include <cstdio>
#include <exception>
#include <variant>

#include <fmt/format.h>

#include "options.hpp"
#include "server.hpp"

int main(int argc, char** argv) {
    const auto parsed = httpd::parse_command_line(argc, argv);
    if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;

    try {
        httpd::server server(std::get<httpd::options>(parsed));
        fmt::print("listening on {}\n", server.url());
        std::fflush(stdout);
        server.run();
        return 0;
    } catch (const std::exception& problem) {
        fmt::print(stderr, "httpd: {}\n", problem.what());
    }
    return 1;
}
