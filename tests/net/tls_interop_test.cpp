// SPDX-License-Identifier: MIT
//
// TLS with others: the programs `openssl` and `curl`, over real sockets.
#include <weft/net/tls_stream.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/compose/when_all.hpp>
#include <weft/compose/when_all_settled.hpp>
#include <weft/coro/task.hpp>
#include <weft/loop/unique_fd.hpp>
#include <weft/loop/wait_readable.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/buffered_reader.hpp>
#include <weft/net/connect.hpp>
#include <weft/net/endpoint.hpp>
#include <weft/net/serve.hpp>
#include <weft/net/tcp_listener.hpp>
#include <weft/net/tcp_stream.hpp>
#include <weft/net/tls_context.hpp>
#include <weft/net/write_all.hpp>
#include <weft/sync/event.hpp>

#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/sockets.hpp"

using Catch::Matchers::ContainsSubstring;
using weft::task;
using weft::tcp_stream;
using weft::tls_context;
using secure = weft::tls_stream<tcp_stream>;

namespace {

/// A program that runs, with pipes for its standard input and output.
class program {
public:
    explicit program(std::vector<std::string> command) {
        int to_it[2], from_it[2];
        REQUIRE(::pipe2(to_it, O_CLOEXEC) == 0);
        REQUIRE(::pipe2(from_it, O_CLOEXEC) == 0);
        input_ = weft::unique_fd(to_it[1]);
        output_ = weft::unique_fd(from_it[0]);
        const weft::unique_fd its_input(to_it[0]), its_output(from_it[1]);
        std::vector<char*> argv;
        for (auto& each : command) argv.push_back(each.data());
        argv.push_back(nullptr);
        ::posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, its_input.get(), 0);
        ::posix_spawn_file_actions_adddup2(&actions, its_output.get(), 1);
        ::posix_spawn_file_actions_adddup2(&actions, its_output.get(), 2);
        REQUIRE(::posix_spawnp(&id_, argv[0], &actions, nullptr, argv.data(), environ) == 0);
        ::posix_spawn_file_actions_destroy(&actions);
    }
    program(program&&) = delete;
    ~program() {
        if (id_ <= 0) return;
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
    }

    void write(std::string_view text) const {
        REQUIRE(::write(input_.get(), text.data(), text.size()) ==
                static_cast<ssize_t>(text.size()));
    }
    /// Reads its output until that contains `text`, or ends.
    task<> read_until(std::string_view text) {
        while (output.find(text) == std::string::npos) {
            co_await weft::wait_readable(output_.get());
            char part[4096];
            const auto size = ::read(output_.get(), part, sizeof part);
            if (size <= 0) break;
            output.append(part, static_cast<std::size_t>(size));
        }
    }
    /// Returns its exit code; all of its output is in `output` then.
    task<int> end() {
        co_await read_until("\x01 no output has this");
        int status = -1;
        ::waitpid(std::exchange(id_, 0), &status, 0);
        co_return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

    std::string output;

private:
    ::pid_t id_ = 0;
    weft::unique_fd input_, output_;
};

std::string file(const std::string& name) { return certificates::instance().path(name); }

bool have(const char* name) {
    return std::system((std::string("command -v ") + name + " >/dev/null 2>&1").c_str()) == 0;
}

/// Serves one client with `handler` while `program` runs with `argv`, where PORT is replaced.
/// Returns what the handler failed with.
template <class Handler>
task<std::string> with_server(std::vector<std::string> argv, std::string input, Handler handler,
                              std::string& output, int& exit_code) {
    weft::tcp_listener listener(weft::endpoint::loopback(0));
    const auto port = std::to_string(listener.local_endpoint().port());
    for (auto& each : argv)
        if (const auto at = each.find("PORT"); at != each.npos) each.replace(at, 4, port);
    const auto context = tls_context::server(file("server.pem"), file("server.key"));
    program client(std::move(argv));
    client.write(input);
    const auto serve_one = [&]() -> task<> {
        auto plain = co_await listener.accept();
        auto stream = co_await weft::tls_accept(std::move(plain), context);
        co_await handler(stream);
    };
    auto settled = co_await weft::when_all_settled(serve_one(), client.end());
    exit_code = std::get<1>(settled).value();
    output = client.output;
    const auto* error = std::get<0>(settled).template error_as<std::system_error>();
    co_return error ? error->what() : "";
}

/// Answers one line, and says good-bye.
task<> answer_line(secure& stream) {
    weft::buffered_reader reader(stream);
    const auto line = co_await reader.read_line();
    co_await weft::write_all(stream, "you said ", line.value_or("nothing"), "\n");
    co_await stream.shutdown_write();
}

/// Answers one HTTP request.
task<> answer_http(secure& stream) {
    weft::buffered_reader reader(stream);
    const auto head = co_await reader.read_until("\r\n\r\n");
    const std::string first(head.value().substr(0, head.value().find('\r')));
    co_await weft::write_all(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", first);
    co_await stream.shutdown_write();
}

} // namespace

TEST_CASE("openssl s_client talks to a server of weft", "[net][tls_stream]") {
    const auto version = GENERATE("-tls1_2", "-tls1_3");
    run_on([&]() -> task<> {
        std::string output;
        int exit_code = -1;
        const std::vector<std::string> argv{
            "openssl",      "s_client",         "-connect",  "127.0.0.1:PORT",       version,
            "-CAfile",      file("ca.pem"),     "-quiet",    "-verify_return_error",
            "-verify_hostname", "localhost"};
        const auto failure = co_await with_server(argv, "hello\n", answer_line, output, exit_code);
        CHECK(failure == "");
        CHECK(exit_code == 0);
        CHECK_THAT(output, ContainsSubstring("you said hello"));
    });
}

TEST_CASE("openssl s_client refuses a server of weft that it does not trust",
          "[net][tls_stream]") {
    run_on([&]() -> task<> {
        std::string output;
        int exit_code = -1;
        const std::vector<std::string> argv{
            "openssl", "s_client",           "-connect",             "127.0.0.1:PORT",
            "-CAfile", file("stranger.pem"), "-verify_return_error", "-quiet"};
        const auto failure = co_await with_server(argv, "hello\n", answer_line, output, exit_code);
        CHECK_THAT(failure, ContainsSubstring("unknown ca"));
        CHECK(exit_code != 0);
    });
}

TEST_CASE("a client of weft talks to openssl s_server", "[net][tls_stream]") {
    const auto version = GENERATE("-tls1_2", "-tls1_3");
    run_on([&]() -> task<> {
        program server({"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
                        file("server.pem"), "-key", file("server.key"), "-rev", version});
        co_await server.read_until("ACCEPT 127.0.0.1:");
        co_await server.read_until("\n");
        const auto at = server.output.find("127.0.0.1:") + 10;
        const auto port = static_cast<std::uint16_t>(std::stoi(server.output.substr(at)));
        const auto context = tls_context::client(file("ca.pem"));

        for (const char* host : {"localhost", "127.0.0.1"}) {
            auto plain = co_await weft::connect(weft::endpoint::loopback(port));
            auto stream = co_await weft::tls_connect(std::move(plain), context, host);
            co_await weft::write_all(stream, "stressed\n");
            weft::buffered_reader reader(stream);
            const auto line = co_await reader.read_line();
            CHECK(line == "desserts");
            co_await stream.shutdown_write();
        }
        for (const char* host : {"example.com", "127.0.0.2"}) {
            auto plain = co_await weft::connect(weft::endpoint::loopback(port));
            auto settled = co_await weft::when_all_settled(
                weft::tls_connect(std::move(plain), context, host));
            const auto* error = std::get<0>(settled).error_as<std::system_error>();
            REQUIRE(error);
            CHECK_THAT(error->what(), ContainsSubstring(host) && ContainsSubstring("mismatch"));
        }
        auto plain = co_await weft::connect(weft::endpoint::loopback(port));
        const auto wary = tls_context::client(); // whom the system trusts
        auto settled = co_await weft::when_all_settled(
            weft::tls_connect(std::move(plain), wary, "localhost"));
        const auto* error = std::get<0>(settled).error_as<std::system_error>();
        REQUIRE(error);
        CHECK_THAT(error->what(), ContainsSubstring("certificate verify failed"));
    });
}

TEST_CASE("curl gets a page from a server of weft, and refuses one that it does not trust",
          "[net][tls_stream]") {
    if (!have("curl")) {
        WARN("curl is not installed: skipped");
        return;
    }
    run_on([&]() -> task<> {
        std::string output;
        int exit_code = -1;
        // Neither what its user has configured, nor a proxy.
        const std::vector<std::string> argv{"curl",      "-q",       "--noproxy",
                                            "*",         "-sS",      "--cacert",
                                            file("ca.pem"), "https://127.0.0.1:PORT/page"};
        auto failure = co_await with_server(argv, "", answer_http, output, exit_code);
        CHECK(failure == "");
        CHECK(exit_code == 0);
        CHECK(output == "GET /page HTTP/1.1");

        const std::vector<std::string> wary{"curl", "-q",  "--noproxy",
                                            "*",    "-sS", "https://127.0.0.1:PORT/page"};
        failure = co_await with_server(wary, "", answer_http, output, exit_code);
        CHECK(failure != "");
        CHECK(exit_code == 60); // "the peer certificate cannot be authenticated"
    });
}

TEST_CASE("a TLS server on real sockets goes on after clients that fail", "[net][tls_stream]") {
    run_on([&]() -> task<> {
        weft::tcp_listener listener(weft::endpoint::loopback(0));
        const auto at = listener.local_endpoint();
        const auto context = tls_context::server(file("server.pem"), file("server.key"));
        weft::event stop;
        int failed = 0;
        const auto handler = [&](tcp_stream plain) -> task<> {
            auto accepting = weft::tls_accept(std::move(plain), context);
            auto settled = co_await weft::when_all_settled(std::move(accepting));
            if (!std::get<0>(settled)) {
                ++failed;
                co_return;
            }
            secure stream = std::get<0>(settled).take();
            co_await answer_line(stream);
        };
        const auto clients = [&]() -> task<> {
            const auto trusted = tls_context::client(file("ca.pem"));
            {
                auto garbage = co_await weft::connect(at);
                co_await weft::write_all(garbage, "GET / HTTP/1.0\r\n\r\n");
                std::string answer(100, '?');
                std::error_code code;
                co_await garbage.read_some(std::as_writable_bytes(std::span(answer)), code);
                auto silent = co_await weft::connect(at);
                silent.abort();
            }
            for (int i = 0; i < 20; ++i) {
                auto plain = co_await weft::connect(at);
                auto stream = co_await weft::tls_connect(std::move(plain), trusted, "localhost");
                co_await weft::write_all(stream, "me\n");
                weft::buffered_reader reader(stream);
                const auto line = co_await reader.read_line();
                CHECK(line == "you said me");
            }
            stop.set();
        };
        co_await weft::when_all(weft::serve(listener, handler, {.stop = &stop}), clients());
        CHECK(failed == 2);
    });
}
