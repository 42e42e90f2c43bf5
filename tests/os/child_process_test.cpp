// SPDX-License-Identifier: MIT
#include <weft/os/child_process.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <weft/compose/when_all_settled.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/loop/run.hpp>
#include <weft/net/write_all.hpp>
#include <weft/os/spawn_process.hpp>
#include <weft/time/sleep.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/fork.hpp"
#include "support/reactors.hpp"
#include "support/run.hpp"
#include "support/run_on.hpp"

using namespace std::chrono_literals;
using weft::process_options;
using weft::process_result;
using weft::redirect;
using weft::spawn_process;
using weft::task;

namespace {

weft::child_process shell(std::string script, process_options options = {}) {
    return spawn_process({"sh", "-c", std::move(script)}, options);
}

/// Everything that the script leaves, with all streams here.
task<process_result> result_of(std::string script, std::string input = {}) {
    auto child = shell(std::move(script), {.input = redirect::pipe(), .error = redirect::pipe()});
    process_result result = co_await child.communicate(std::move(input));
    co_return result;
}

} // namespace

TEMPLATE_TEST_CASE("what a program reads and writes goes through streams", "[os][child_process]",
                   SYSTEM_REACTORS) {
    run_on<TestType>([]() -> task<> {
        auto child = spawn_process({"cat"}, {.input = redirect::pipe()});
        std::byte buffer[100];
        for (const std::string_view line : {"one\n", "two\n"}) {
            co_await weft::write_all(child.standard_input(), line);
            const auto size = co_await child.standard_output().read_some(buffer);
            CHECK(weft::text(weft::const_buffer(buffer).first(size)) == line);
        }
        CHECK_FALSE(child.status());
        co_await child.standard_input().shutdown_write();
        const auto end = co_await child.standard_output().read_some(buffer);
        const int status = co_await child.wait();
        CHECK(end == 0);
        CHECK(status == 0);
    });
}

TEMPLATE_TEST_CASE("communicate moves more than a pipe holds, both ways", "[os][child_process]",
                   SYSTEM_REACTORS) {
    run_on<TestType>([]() -> task<> {
        const std::string much(300'000, 'x');
        auto result = co_await result_of("tee /dev/stderr; exit 7", much);
        CHECK(result.status == 7);
        CHECK(result.out == much);
        CHECK(result.err == much);
    });
}

TEST_CASE("an exit status is told as Python does", "[os][child_process]") {
    run([]() -> task<> {
        const nothing_left_open check;
        auto exits = shell("exit 3");
        auto dies = shell("kill -KILL $$");
        auto sleeps = spawn_process({"sleep", "1000"});
        sleeps.terminate();
        const int exited = co_await exits.wait();
        const int killed = co_await dies.wait();
        const int terminated = co_await sleeps.wait();
        CHECK(exited == 3);
        CHECK(killed == -SIGKILL);
        CHECK(terminated == -SIGTERM);

        sleeps.kill(); // too late: no effect, on nobody
        const int again = co_await sleeps.wait();
        CHECK(again == -SIGTERM);
        CHECK(sleeps.status() == -SIGTERM);
    });
}

TEST_CASE("several may wait for one process, and a wait may be cancelled", "[os][child_process]") {
    const nothing_left_open check;
    weft::run([]() -> task<> {
        auto child = spawn_process({"sleep", "1000"});
        const auto none = co_await weft::try_for(1ms, child.wait());
        CHECK_FALSE(none);
        const auto kill = [&]() -> task<> {
            child.kill();
            co_return;
        };
        auto all = co_await weft::when_all(child.wait(), child.wait(), kill());
        CHECK(std::get<0>(all) == -SIGKILL);
        CHECK(std::get<1>(all) == -SIGKILL);
    });
}

TEST_CASE("a program that does not read its input is no error to communicate",
          "[os][child_process]") {
    run([]() -> task<> {
        const nothing_left_open check;
        auto result = co_await result_of("exec 0<&-; echo done", std::string(300'000, 'x'));
        CHECK(result.out == "done\n");
    });
}

TEST_CASE("input that nobody can get is an error, and no input is none", "[os][child_process]") {
    run([]() -> task<> {
        const nothing_left_open check;
        auto child = spawn_process({"cat"}, {.input = redirect::null()});
        auto settled = co_await weft::when_all_settled(child.communicate("lost"));
        const auto* error = std::get<0>(settled).error_as<std::invalid_argument>();
        REQUIRE(error);
        CHECK(std::string(error->what()).find("no standard input") != std::string::npos);

        auto result = co_await child.communicate(); // it still runs, and can be talked to
        CHECK(result.status == 0);
        CHECK(result.out.empty());

        auto other = spawn_process({"cat"}, {.input = redirect::pipe()});
        co_await weft::write_all(other.standard_input(), "all");
        other.standard_input().close();
        result = co_await other.communicate();
        CHECK(result.out == "all");
    });
}

TEST_CASE("writing to a program that has ended is EPIPE and no signal", "[os][child_process]") {
    run([]() -> task<> {
        const nothing_left_open check;
        auto child = spawn_process({"true"}, {.input = redirect::pipe()});
        co_await child.wait();
        std::error_code error;
        co_await weft::write_all(child.standard_input(), "x", error);
        CHECK(error == std::errc::broken_pipe);
    });
}

TEST_CASE("the destructor ends the process, whoever waits", "[os][child_process]") {
    const nothing_left_open check;
    weft::run([]() -> task<> {
        std::optional child(spawn_process({"sleep", "1000"}));
        auto waits = weft::this_loop().spawn(child->wait());
        co_await weft::sleep_for(0s);
        const auto id = child->id();

        child.reset();
        CHECK(::kill(id, 0) != 0);
        const int status = co_await waits;
        CHECK(status == -SIGKILL);

        auto other = spawn_process({"sleep", "1000"});
        other = spawn_process({"sleep", "1000"}); // the first one is ended
    });
}

TEST_CASE("somebody else who waits for the process is an error", "[os][child_process]") {
    const nothing_left_open check;
    weft::run([]() -> task<> {
        auto child = spawn_process({"true"});
        ::waitpid(child.id(), nullptr, 0);
        std::string caught;
        try {
            co_await child.wait();
        } catch (const std::system_error& error) {
            caught = error.what();
            CHECK(error.code().value() == ECHILD);
        }
        CHECK(caught.find("true") != std::string::npos);
    });
}

TEST_CASE("it does without a pidfd", "[os][child_process]") {
    const nothing_left_open check;
    weft::run([]() -> task<> {
        // Once before: a sanitizer that meets a type for the first time needs a descriptor.
        auto ordinary = shell("exit 0", {.output = redirect::null()});
        co_await ordinary.wait();
        // As if the system had none: there is no descriptor left.
        std::vector<weft::unique_fd> all;
        ::rlimit before{};
        ::getrlimit(RLIMIT_NOFILE, &before);
        auto lowered = before;
        lowered.rlim_cur = 64;
        ::setrlimit(RLIMIT_NOFILE, &lowered);
        for (;;) {
            weft::unique_fd more(::open("/dev/null", O_RDONLY | O_CLOEXEC));
            if (!more) break;
            all.push_back(std::move(more));
        }
        auto child = shell("exit 5", {.output = redirect::null()});
        all.clear();
        ::setrlimit(RLIMIT_NOFILE, &before);

        const int status = co_await child.wait();
        CHECK(status == 5);
        auto sleeps = spawn_process({"sleep", "1000"});
        sleeps.kill();
        const int killed = co_await sleeps.wait();
        CHECK(killed == -SIGKILL);
    });
}

TEST_CASE("a fork of the process leaves the child alone", "[os][child_process]") {
    const nothing_left_open check;
    weft::run([]() -> task<> {
        std::optional child(spawn_process({"sleep", "1000"}));
        const int exit_code = exit_code_of([&] {
            child.reset();
            return 0;
        });
        CHECK(exit_code == 0);
        CHECK(::kill(child->id(), 0) == 0);
        CHECK_FALSE(child->status());
        co_return;
    });
}

TEST_CASE("it may be cancelled or dropped at any point", "[os][child_process]") {
    const bool dropped = GENERATE(false, true);
    for (int steps = 0; steps != 12; ++steps) {
        INFO((dropped ? "dropped" : "cancelled") << " after " << steps << " turns");
        const nothing_left_open check;
        const no_frame_leaks frames;
        weft::event_loop loop;
        auto main = loop.spawn([]() -> task<> {
            const auto result = co_await result_of("cat; cat /dev/zero", std::string(100'000, 'x'));
            static_cast<void>(result);
        });
        for (int turn = 0; turn != steps; ++turn) loop.run_one();
        if (dropped) continue;
        main.cancel();
        while (!main.done()) loop.run_one();
    }
}
