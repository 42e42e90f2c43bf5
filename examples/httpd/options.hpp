// SPDX-License-Identifier: MIT
// What the user asked for.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

namespace httpd {

using seconds = std::chrono::duration<double>;

struct options {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8080; // 0: any
    std::string root = ".";
    std::string certificate, key; // PEM files; empty: no TLS
    std::size_t threads = 1;
    std::size_t max_connections = 10000;
    std::size_t max_header = 16 * 1024;
    std::size_t max_body = 1024 * 1024;
    seconds header_timeout{10};
    seconds idle_timeout{60};
    seconds request_timeout{30};
    seconds send_timeout{30};
    seconds drain{10};
    bool verbose = false;

    bool is_secure() const noexcept { return !certificate.empty(); }
};

/// Returns the options, or the program's exit code when the command line asks for nothing more
/// (--help) or is wrong (a message has been printed).
std::variant<options, int> parse_command_line(int argc, char** argv);

} // namespace httpd
