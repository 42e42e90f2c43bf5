// SPDX-License-Identifier: MIT
#include <weft/os/spawn_process.hpp>

#include <cerrno>
#include <csignal>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <weft/net/buffer.hpp>
#include <weft/os/pipe.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/run.hpp"

using weft::process_options;
using weft::process_result;
using weft::redirect;
using weft::spawn_process;
using weft::task;

namespace {

weft::child_process shell(std::string script, process_options options = {}) {
    return spawn_process({"sh", "-c", std::move(script)}, options);
}

/// What the script writes.
task<std::string> output_of(std::string script) {
    auto child = shell(std::move(script), {.input = redirect::pipe()});
    const process_result result = co_await child.communicate();
    co_return result.out;
}

} // namespace

TEST_CASE("a program that does not exist is an error that names it", "[os][spawn_process]") {
    run([]() -> task<> {
        const nothing_left_open check;
        const auto start = [](std::vector<std::string> argv, process_options options = {}) {
            try {
                spawn_process(std::move(argv), options);
            } catch (const std::system_error& error) {
                return std::to_string(error.code().value()) + ": " + error.what();
            }
            return std::string("started");
        };
        // What a folder of PATH may not be asked for might be there: that is another error.
        const char* const path = ::getenv("PATH");
        const std::string path_before = path ? path : "/bin:/usr/bin";
        ::setenv("PATH", "/bin:/usr/bin", 1);
        const auto code = std::to_string(ENOENT);
        CHECK(start({"no-such-program", "x"}) ==
              code + ": starting no-such-program: No such file or directory");
        CHECK(start({"/etc/no-such-program"}).find("/etc/no-such-program") != std::string::npos);
        CHECK(start({"/"}).find(std::to_string(EACCES)) == 0);
        CHECK(start({"true"}, {.directory = "/no/where"}) ==
              code + ": starting true in the directory /no/where: No such file or directory");
        CHECK_THROWS_AS(spawn_process({}), std::invalid_argument);
        ::setenv("PATH", path_before.c_str(), 1);
        co_return;
    });
}

TEST_CASE("what a program cannot be given is an error that names both", "[os][spawn_process]") {
    run([]() -> task<> {
        const nothing_left_open check;
        const auto error_of = [](auto&& f) {
            try {
                f();
            } catch (const std::system_error& error) {
                return std::string(error.what());
            }
            return std::string("no error");
        };
        CHECK(error_of([] { shell("true", {.error = redirect::to(12345)}); }) ==
              "starting sh: its standard error: Bad file descriptor");

        const std::string program = "cat";
        weft::detail::spawn_actions actions(program);
        CHECK(error_of([&] { actions.duplicate(-1, 0); }) ==
              "starting cat: its standard input: Bad file descriptor");
        CHECK(error_of([&] { actions.open_null(-1); }) ==
              "starting cat: its standard error: Bad file descriptor");
        co_return;
    });
}

TEST_CASE("a full table of descriptors is an error that names the program and its stream",
          "[os][spawn_process]") {
    run([]() -> task<> {
        const nothing_left_open check;
        rlimit before{};
        ::getrlimit(RLIMIT_NOFILE, &before);
        // The sanitizer of undefined behaviour wants descriptors for types that it meets first.
        auto unlimited = shell("true", {.input = redirect::pipe()});
        co_await unlimited.communicate();
        std::string what;
        try {
            spawn_process({"/no/such/program"});
        } catch (const std::system_error& error) {
            what = error.what();
        }
        CHECK(what.find("starting /no/such/program") == 0);
        for (rlim_t most = 3; what != "started" && most != before.rlim_cur; ++most) {
            const rlimit few{most, before.rlim_max};
            ::setrlimit(RLIMIT_NOFILE, &few);
            try {
                const auto child = shell("true", {.input = redirect::pipe()});
                what = "started";
            } catch (const std::system_error& error) {
                what = error.what();
            }
            ::setrlimit(RLIMIT_NOFILE, &before);
            INFO(what);
            CHECK((what == "started" || what.find("starting sh: its standard ") == 0));
        }
        CHECK(what == "started");
    });
}

TEST_CASE("directory, environment and streams are as the options say", "[os][spawn_process]") {
    run([]() -> task<> {
        const nothing_left_open check;
        const std::vector<std::string> environment{"A=1", "B=two words"};
        auto env = spawn_process({"/usr/bin/env"}, {.environment = environment});
        auto there = shell("pwd", {.directory = "/"});
        auto merged = shell("echo out; echo err >&2", {.error = redirect::to_output()});
        auto nothing = spawn_process({"cat"}, {.input = redirect::null()});
        auto quiet = shell("echo nobody reads this", {.output = redirect::null()});

        auto result = co_await env.communicate();
        CHECK(result.out == "A=1\nB=two words\n");
        result = co_await there.communicate();
        CHECK(result.out == "/\n");
        result = co_await merged.communicate();
        CHECK(result.out == "out\nerr\n");
        result = co_await nothing.communicate();
        CHECK(result.out.empty());
        CHECK(result.status == 0);
        CHECK_FALSE(quiet.standard_output().is_open());
        result = co_await quiet.communicate();
        CHECK(result.status == 0);
    });
}

TEST_CASE("streams may be descriptors, the standard ones too, crosswise", "[os][spawn_process]") {
    run([]() -> task<> {
        const nothing_left_open check;
        auto first = weft::make_pipe();
        auto second = weft::make_pipe();
        const weft::unique_fd saved[] = {weft::unique_fd(::fcntl(1, F_DUPFD_CLOEXEC, 3)),
                                         weft::unique_fd(::fcntl(2, F_DUPFD_CLOEXEC, 3))};
        ::dup2(first.second.native_handle(), 1);
        ::dup2(second.second.native_handle(), 2);
        auto child = shell("echo out; echo err >&2",
                           {.output = redirect::to(2), .error = redirect::to(1)});
        ::dup2(saved[0].get(), 1);
        ::dup2(saved[1].get(), 2);

        const int status = co_await child.wait();
        first.second.close();
        second.second.close();
        std::byte buffer[100];
        auto size = co_await first.first.read_some(buffer);
        CHECK(weft::text(weft::const_buffer(buffer).first(size)) == "err\n");
        size = co_await second.first.read_some(buffer);
        CHECK(weft::text(weft::const_buffer(buffer).first(size)) == "out\n");
        CHECK(status == 0);
    });
}

TEST_CASE("a child has three descriptors, clean signals, and streams that block",
          "[os][spawn_process]") {
    run([]() -> task<> {
        const nothing_left_open check;
        ::sigset_t blocked, before;
        ::sigemptyset(&blocked);
        ::sigaddset(&blocked, SIGUSR1);
        ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
        const auto pipe_before = ::signal(SIGPIPE, SIG_IGN);
        const int inherited = ::open("/dev/null", O_RDONLY); // not close-on-exec

        auto list = co_await output_of("ls /proc/self/fd | wc -l");
        auto mask = co_await output_of("grep SigBlk /proc/self/status | cut -f 2");
        auto ignored = co_await output_of("grep SigIgn /proc/self/status | cut -f 2");
        auto flags = co_await output_of("grep flags /proc/self/fdinfo/0");

        CHECK(list == "4\n"); // with the folder
        CHECK(mask == "0000000000000000\n");
        CHECK((std::stoull(ignored, nullptr, 16) & (1U << (SIGPIPE - 1))) == 0);
        CHECK(flags == "flags:\t00\n");
        ::close(inherited);
        ::signal(SIGPIPE, pipe_before);
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    });
}
