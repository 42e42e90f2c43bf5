// SPDX-License-Identifier: MIT
//
// Many threads post to a loop, and stop it. Run the hidden case under the thread sanitizer.
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include <weft/core/error.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/sync/oneshot.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"

using weft::task;

namespace {

/// Has `threads` threads post `each` callbacks; returns in which order those of one thread ran: 0
/// is wrong, else how many there were.
std::size_t post_from(std::size_t threads, std::size_t each) {
    test_loop loop(weft::event_loop::time::system);
    std::vector<std::size_t> next(threads); // the loop's alone
    std::size_t total = 0;
    bool in_order = true;
    weft::oneshot<int> all;
    std::vector<std::thread> posting;
    for (std::size_t thread = 0; thread != threads; ++thread)
        posting.emplace_back([&, thread, to = loop.handle()] {
            for (std::size_t i = 0; i != each; ++i)
                to.post_threadsafe([&, thread, i] {
                    in_order = in_order && next[thread] == i;
                    ++next[thread];
                    if (++total == threads * each) all.set_value(0);
                });
        });
    loop.run([&]() -> task<> { co_await all.receive(); });
    for (auto& thread : posting) thread.join();
    return in_order ? total : 0;
}

/// Runs a loop `rounds` times, while two threads post to it and stop it. Returns how many posts of
/// those that were accepted did not run.
std::size_t stop_while_posting(int rounds) {
    std::atomic<bool> over{false};
    std::atomic<std::size_t> accepted{0};
    std::size_t ran = 0;
    {
        test_loop loop(weft::event_loop::time::system);
        std::vector<std::thread> others;
        for (int i = 0; i != 2; ++i)
            others.emplace_back([&] {
                while (!over) {
                    accepted += loop.post_threadsafe([&] { ++ran; });
                    loop.stop();
                }
            });
        for (int round = 0; round != rounds; ++round)
            CHECK_THROWS_AS(loop.run([]() -> task<> { co_await weft::sleep_forever(); }),
                            weft::cancelled_error);
        over = true;
        for (auto& each : others) each.join();
        loop.poll();
    }
    return accepted - ran;
}

} // namespace

TEST_CASE("8 threads post, and nothing is lost nor changes its order", "[threads][posting]") {
    CHECK(post_from(8, 25'000) == 200'000);
}

TEST_CASE("a loop is stopped while threads post", "[threads][posting]") {
    CHECK(stop_while_posting(500) == 0);
}

TEST_CASE("the same, a million times each", "[.][threads][posting]") {
    CHECK(post_from(8, 1'000'000) == 8'000'000);
    CHECK(stop_while_posting(100'000) == 0);
}
