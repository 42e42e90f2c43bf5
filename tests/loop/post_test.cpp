// SPDX-License-Identifier: MIT
#include <weft/loop/post.hpp>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <weft/loop/event_loop.hpp>
#include <weft/testing/tracked.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"

using weft::event_loop;
using weft::testing::tracked;

// Threads that post while a loop comes and goes: inbox_test.cpp, event_loop_test.cpp.

TEST_CASE("a callback may own what can only be moved, and dies when it has been called",
          "[loop][post]") {
    const no_frame_leaks check;
    test_loop loop;
    int sum = 0;
    loop.post([&, own = std::make_unique<int>(7), object = tracked()] { sum += *own; });
    loop.post_threadsafe([&, own = std::make_unique<int>(8)] { sum += *own; });
    CHECK(tracked::alive == 1);

    loop.poll();
    CHECK(tracked::alive == 0);
    loop.poll();

    CHECK(sum == 15);
}

TEST_CASE("a callback may post itself again", "[loop][post]") {
    const no_frame_leaks check;
    struct counts_down {
        event_loop& loop;
        std::string& log;
        int left;
        tracked object{};
        counts_down(event_loop& l, std::string& text, int n) : loop(l), log(text), left(n) {}
        void operator()() {
            log += static_cast<char>('0' + left);
            if (--left > 0) loop.post(std::move(*this));
        }
    };
    test_loop loop;
    std::string log;
    loop.post(counts_down(loop, log, 3));

    for (int turn = 0; turn < 5; ++turn) loop.poll();

    CHECK(log == "321");
    CHECK(tracked::alive == 0);
}

TEST_CASE("a callback that throws is destroyed and reported", "[loop][post]") {
    const no_frame_leaks check;
    test_loop loop;
    loop.post([object = tracked()] { throw std::runtime_error("here"); });
    loop.post_threadsafe([object = tracked()] { throw std::runtime_error("there"); });

    loop.poll();
    loop.poll();

    CHECK(tracked::alive == 0);
    CHECK(loop.reported == std::vector<std::string>{"here in a callback", "there in a callback"});
}

TEST_CASE("a callback that is never called is destroyed with its loop", "[loop][post]") {
    const no_frame_leaks check;
    bool called = false;
    {
        test_loop loop;
        loop.post([&, object = tracked()] { called = true; });
        loop.post_threadsafe([&, object = tracked()] { called = true; });
        CHECK(tracked::alive == 2);
    }

    CHECK(tracked::alive == 0);
    CHECK_FALSE(called);
}

TEST_CASE("a handle can be copied, and reaches its loop from anywhere", "[loop][post]") {
    STATIC_REQUIRE(std::is_copy_constructible_v<weft::loop_handle>);
    event_loop loop;
    std::string log;
    const auto handle = loop.handle();
    auto copy = handle;
    std::thread([&] { CHECK(copy.post_threadsafe([&] { log += 'a'; })); }).join();
    handle.post_threadsafe([&] { log += 'b'; });

    loop.poll();

    CHECK(log == "ab");
}

TEST_CASE("a callback whose move throws is unhandled, and leaves nothing behind", "[loop][post]") {
    struct breaks {
        int* moves;
        tracked object;
        explicit breaks(int& left) : moves(&left) {}
        breaks(breaks&& other) : moves(other.moves) {
            if (--*moves == 0) throw std::runtime_error("moved");
        }
        void operator()() const {}
    };
    const no_frame_leaks check;
    test_loop loop;
    int left = 100;
    loop.post(breaks(left));
    left = 1;
    loop.poll();

    CHECK(tracked::alive == 0);
    CHECK(loop.reported == std::vector<std::string>{"moved in a callback"});
}
