// SPDX-License-Identifier: MIT
#include <weft/testing/fixture.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>

#include <weft/core/error.hpp>
#include <weft/coro/join_handle.hpp>
#include <weft/coro/task.hpp>
#include <weft/net/connect.hpp>
#include <weft/net/tcp_listener.hpp>
#include <weft/sync/event.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using weft::task;
using weft::testing::fixture;
using weft::testing::host;
using weft::testing::simulation;
using weft::testing::tracked;

namespace {

/// Every test has a server.
struct with_server : fixture {
    host& server = sim.add_host("server");
    int served = 0;

    with_server() {
        sim.set_default_link({.latency = 10ms});
        server.spawn([this]() -> task<> {
            weft::tcp_listener listener(weft::endpoint::any(7));
            for (;;) {
                auto client = co_await listener.accept();
                ++served;
            }
        });
    }
};

struct open_fixture : fixture {
    using fixture::sim;
};

} // namespace

TEST_CASE_METHOD(fixture, "a body runs to its end, in virtual time", "[testing][fixture]") {
    bool ended = false;
    run([&]() -> task<> {
        co_await weft::sleep_for(24h);
        ended = true;
    });
    CHECK(ended);
}

TEST_CASE_METHOD(with_server, "hosts of the fixture are there, and gone without a trace",
                 "[testing][fixture]") {
    run([&](simulation& same) -> task<> {
        CHECK(&same == &sim);
        auto stream = co_await weft::connect("server", 7);
        std::array<std::byte, 1> end{};
        const std::size_t size = co_await stream.read_some(end);
        CHECK(size == 0);
    });
    CHECK(served == 1);
}

TEST_CASE_METHOD(fixture, "an error of the body is rethrown", "[testing][fixture]") {
    const auto fail = []() -> task<> {
        co_await weft::sleep_for(1s);
        throw std::runtime_error("no data");
    };
    CHECK_THROWS_WITH(run(fail), "no data");
}

TEST_CASE_METHOD(fixture, "a deadlock says who waits for what", "[testing][fixture]") {
    weft::event never;
    const auto wait = [&]() -> task<> { co_await never.wait(); };
    CHECK_THROWS_WITH(run(wait), ContainsSubstring("waits in event.wait at fixture_test.cpp:"));
}

TEST_CASE_METHOD(with_server, "an error that nobody could receive is a failure",
                 "[testing][fixture]") {
    const auto body = [&]() -> task<> {
        server.spawn([]() -> task<> { throw std::runtime_error("no disk"); }).set_name("writer");
        co_await weft::sleep_for(1s);
    };
    CHECK_THROWS_WITH(run(body), "writer failed, and nobody was told: no disk");
}

TEST_CASE_METHOD(with_server, "an error that explains what followed comes first",
                 "[testing][fixture]") {
    weft::event written;
    const auto body = [&]() -> task<> {
        server.spawn([]() -> task<> { throw std::runtime_error("no disk"); }).set_name("writer");
        co_await written.wait();
    };
    CHECK_THROWS_WITH(run(body), ContainsSubstring("writer failed, and nobody was told: no disk") &&
                                     ContainsSubstring("then: ") &&
                                     ContainsSubstring("waits in event.wait"));
}

TEST_CASE("what does not end is a failure", "[testing][fixture]") {
    fixture test(0, 1000);
    const auto body = []() -> task<> {
        for (;;) co_await weft::yield();
    };
    CHECK_THROWS_WITH(test.run(body), "it does not end");
}

TEST_CASE("a fixture runs once", "[testing][fixture]") {
    fixture test;
    const auto body = []() -> task<> { co_return; };
    test.run(body);
    CHECK_THROWS_WITH(test.run(body), "run: a fixture runs once");
}

TEST_CASE("what is left over is a failure", "[testing][fixture]") {
    SECTION("an object") {
        std::unique_ptr<tracked> kept;
        fixture test;
        const auto body = [&]() -> task<> {
            kept = std::make_unique<tracked>();
            co_return;
        };
        CHECK_THROWS_WITH(test.run(body), ContainsSubstring("left over: 1 tracked objects"));
    }
    SECTION("a frame") {
        std::optional<task<>> kept;
        fixture test;
        const auto hold = []() -> task<> { co_return; };
        const auto body = [&]() -> task<> {
            kept = hold();
            co_return;
        };
        CHECK_THROWS_WITH(test.run(body), ContainsSubstring("left over: 1 frames or records"));
    }
    SECTION("a handle of a child that has ended") {
        open_fixture test;
        weft::join_handle<int> kept;
        const auto body = [&]() -> task<> {
            kept = test.sim.spawn([]() -> task<int> { co_return 7; });
            const int value = co_await kept;
            CHECK(value == 7);
        };
        CHECK_THROWS_WITH(test.run(body), ContainsSubstring("what a join_handle keeps counts"));
    }
    SECTION("but no handle that was let go of") {
        open_fixture test;
        weft::join_handle<int> kept;
        test.run([&]() -> task<> {
            kept = test.sim.spawn([]() -> task<int> { co_return 7; });
            co_await kept.wait();
            kept = {};
        });
    }
    SECTION("a socket") {
        open_fixture test;
        std::optional<weft::tcp_listener> kept;
        const auto body = [&]() -> task<> {
            kept.emplace(weft::endpoint::any(7));
            co_return;
        };
        CHECK_THROWS_WITH(test.run(body), ContainsSubstring("1 descriptors"));
    }
}
