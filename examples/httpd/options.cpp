// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace httpd {

namespace {

constexpr const char* description =
    R"(Serves the files of a folder, and a few pages of its own, over HTTP/1.1 and HTTPS.)";

constexpr const char* details =
    R"(Try it:
  httpd --port 8080 --root .
  curl http://127.0.0.1:8080/                                  a file, or a list of them
  curl -r 0-99 http://127.0.0.1:8080/README.md                 a part of one
  curl -N 'http://127.0.0.1:8080/stream?every=500&count=10'    server-sent events
  curl 'http://127.0.0.1:8080/work?n=1000000'                  primes, counted on another thread
  curl -d 'hello' http://127.0.0.1:8080/echo                   the body streams back as it comes
  curl http://127.0.0.1:8080/stats                             what is alive

Its first line of output says where it listens. Files whose names begin with a dot are not served
(but /.well-known is), nor is what a symbolic link outside of the folder names.

SIGTERM and SIGINT: no connection is accepted any more, requests that have begun are answered, and
it ends: after --drain seconds in any case. A second signal ends it at once.

Exit code: 0; 1 it could not begin (the port is used, a file is missing) or go on; 2 wrong usage.)";

} // namespace

std::variant<options, int> parse_command_line(int argc, char** argv) {
    options wanted;

    CLI::App app{description, "httpd"};
    app.footer(details);
    app.option_defaults()->always_capture_default();
    app.add_option("--port", wanted.port, "Where to listen; 0: any port that is free");
    app.add_option("--address", wanted.address, "IPv4 or IPv6; 0.0.0.0 or ::, all of them");
    app.add_option("--root", wanted.root, "The folder to serve")->type_name("DIR");
    auto* certificate =
        app.add_option("--cert", wanted.certificate, "HTTPS: the certificate chain, PEM")
            ->type_name("FILE");
    auto* key = app.add_option("--key", wanted.key, "and its private key, PEM")->type_name("FILE");
    certificate->needs(key);
    key->needs(certificate);
    app.add_option("--threads", wanted.threads, "One loop each; the system spreads connections")
        ->check(CLI::Range(1, 256));
    app.add_option("--max-connections", wanted.max_connections, "More wait until there is room")
        ->check(CLI::Range(1, 10000000));
    app.add_option("--max-header", wanted.max_header, "Bytes of a request's head; more: 431")
        ->check(CLI::Range(256, 1 << 24));
    app.add_option("--max-body", wanted.max_body, "Bytes of a request's body; more: 413");

    const auto time = [&app](const char* name, seconds& value, const char* what) {
        app.add_option_function<double>(
               name, [&value](double given) { value = seconds(given); }, what)
            ->type_name("SECONDS")
            ->default_str(fmt::format("{}", value.count()))
            ->check(CLI::Range(0.0, 86400.0 * 365));
    };
    time("--header-timeout", wanted.header_timeout,
         "From a request's first byte to its head's end");
    time("--idle-timeout", wanted.idle_timeout, "How long a connection waits for the next request");
    time("--request-timeout", wanted.request_timeout, "How long a request may take to arrive");
    time("--send-timeout", wanted.send_timeout, "How long a client may take for 256 KiB");
    time("--drain", wanted.drain, "After a signal: how long requests may go on");
    app.add_flag("--verbose", wanted.verbose, "Log requests, and why connections ended, to stderr");

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& problem) {
        return app.exit(problem) == 0 ? 0 : 2;
    }
    return wanted;
}

} // namespace httpd
