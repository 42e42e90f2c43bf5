// SPDX-License-Identifier: MIT
#include <weft/os/run_process.hpp>

#include <csignal>
#include <string>
#include <system_error>
#include <vector>

#include <weft/compose/with_timeout.hpp>
#include <weft/loop/run.hpp>
#include <weft/os/pipe.hpp>
#include <weft/time/sleep.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;
using weft::run_process;
using weft::task;

namespace {

std::vector<std::string> shell(std::string script) { return {"sh", "-c", std::move(script)}; }

} // namespace

TEST_CASE("a program is run and leaves its status, output and errors", "[os][run_process]") {
    run([]() -> task<> {
        const nothing_left_open check;
        const auto result = co_await run_process(shell("cat; echo bad >&2; exit 3"), "hello");
        CHECK(result.status == 3);
        CHECK(result.out == "hello");
        CHECK(result.err == "bad\n");

        const auto quiet = co_await run_process(shell("cat"));
        CHECK(quiet.status == 0);
        CHECK(quiet.out.empty());

        std::string caught;
        try {
            co_await run_process(std::vector<std::string>(1, "no-such-program"));
        } catch (const std::system_error& error) {
            caught = error.what();
        }
        CHECK(caught.find("no-such-program") != std::string::npos);
    });
}

TEST_CASE("many programs run at a time", "[os][run_process]") {
    const nothing_left_open check;
    weft::run([]() -> task<> {
        std::vector<task<weft::process_result>> all;
        for (int i = 0; i != 20; ++i)
            all.push_back(run_process(shell("echo " + std::to_string(i))));
        const auto results = co_await weft::when_all(std::move(all));
        for (std::size_t i = 0; i != 20; ++i) CHECK(results[i].out == std::to_string(i) + "\n");
    });
}

TEST_CASE("a cancel asks the program to end, and waits", "[os][run_process]") {
    const nothing_left_open check;
    weft::run([]() -> task<> {
        auto [in, out] = weft::make_pipe();
        weft::process_options options;
        options.error = weft::redirect::to(out.native_handle());
        const std::string listens = "trap 'echo told >&2; exit' TERM; echo up >&2; ";
        auto child = weft::this_loop().spawn(
            run_process(shell(listens + "while :; do sleep 0.01; done"), {}, options));
        std::byte buffer[100];
        auto size = co_await in.read_some(buffer);
        CHECK(weft::text(weft::const_buffer(buffer).first(size)) == "up\n");

        child.cancel();
        const auto end = co_await child.settled();
        CHECK(end.was_cancelled());
        size = co_await in.read_some(buffer);
        CHECK(weft::text(weft::const_buffer(buffer).first(size)) == "told\n");
    });
}

TEST_CASE("a program that will not end is killed", "[os][run_process]") {
    const nothing_left_open check;
    weft::run([]() -> task<> {
        auto [in, out] = weft::make_pipe();
        weft::process_options options;
        options.error = weft::redirect::to(out.native_handle());
        options.grace = 1ms;
        const std::string is_deaf = "trap '' TERM; echo up >&2; ";
        auto child = weft::this_loop().spawn(
            run_process(shell(is_deaf + "while :; do sleep 0.01; done"), {}, options));
        std::byte buffer[100];
        const auto size = co_await in.read_some(buffer);
        CHECK(size == 3);

        child.cancel();
        const auto end = co_await child.settled();
        CHECK(end.was_cancelled());
    });
}

TEST_CASE("run_process may be cancelled or dropped at any point", "[os][run_process]") {
    const bool dropped = GENERATE(false, true);
    for (int steps = 0; steps != 8; ++steps) {
        INFO((dropped ? "dropped" : "cancelled") << " after " << steps << " turns");
        const nothing_left_open check;
        const no_frame_leaks frames;
        weft::event_loop loop;
        auto main = loop.spawn([]() -> task<> {
            const auto result = co_await run_process(shell("cat; exec cat /dev/zero"),
                                                     std::string(100'000, 'x'));
            static_cast<void>(result);
        });
        for (int turn = 0; turn != steps; ++turn) loop.run_one();
        if (dropped) {
            loop.on_unhandled([](const std::exception_ptr&, std::string_view) noexcept {});
            continue; // which skips the clean-up: the destructor ends the process
        }
        main.cancel();
        while (!main.done()) loop.run_one();
    }
}
