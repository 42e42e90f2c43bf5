// SPDX-License-Identifier: MIT
#include <weft/compose/from_callback.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using weft::completer;
using weft::from_callback;
using weft::task;

namespace {

auto now() { return weft::loop_clock::now().time_since_epoch(); }

/// Calls back when it is told to.
template <class T>
struct service {
    std::vector<completer<T>> calls;

    auto ask() {
        return from_callback<T>([this](completer<T> done) { calls.push_back(std::move(done)); });
    }
};

} // namespace

TEST_CASE("what is given to the completer is the result", "[compose][from_callback]") {
    run([]() -> task<> {
        auto later = [](auto done) {
            weft::this_loop().post([done] { CHECK(done.set_value("address")); });
        };
        const std::string text = co_await from_callback<std::string>(later);
        CHECK(text == "address");
    });
}

TEST_CASE("nothing is begun before it is awaited", "[compose][from_callback]") {
    run([]() -> task<> {
        int begun = 0;
        auto waiting = from_callback<int>([&](auto done) {
            ++begun;
            done.set_value(7);
        });
        auto moved = std::move(waiting);
        co_await weft::yield();
        CHECK(begun == 0);
        const int value = co_await std::move(moved);
        CHECK(value == 7);
        CHECK(begun == 1);
    });
}

TEST_CASE("a callback may come at once, with values of every kind", "[compose][from_callback]") {
    run([]() -> task<> {
        int target = 0;
        co_await from_callback<void>([](auto done) { done.set_value(); });
        int& same = co_await from_callback<int&>([&](auto done) { done.set_value(target); });
        auto own = co_await from_callback<std::unique_ptr<int>>(
            [](auto done) { done.set_value(std::make_unique<int>(4)); });
        CHECK(&same == &target);
        CHECK(*own == 4);
        CHECK(now() == 0ms);
    });
}

TEST_CASE("errors of the completer and of the initiator are rethrown",
          "[compose][from_callback]") {
    run([]() -> task<> {
        std::string caught;
        std::error_code code;
        try {
            co_await from_callback<int>([](auto done) {
                done.set_error(std::make_error_code(std::errc::timed_out));
            });
        } catch (const std::system_error& error) {
            code = error.code();
        }
        try {
            co_await from_callback<int>([](const auto&) { throw std::runtime_error("initiator"); });
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(code == std::errc::timed_out);
        CHECK(caught == "initiator");

        // What came before it counts.
        const int value = co_await from_callback<int>([](const auto& done) {
            done.set_value(7);
            throw std::runtime_error("too late");
        });
        CHECK(value == 7);
    });
}

TEST_CASE("a callback that comes after the initiator threw comes too late",
          "[compose][from_callback]") {
    branches b;
    std::optional<completer<int>> kept;
    bool withdrawn = false;
    const auto waiter = b.spawn([&]() -> task<> {
        // The last of these goes on in the next turn only: so many may complete at once.
        for (unsigned i = 1; i != weft::scheduler::completions_per_resumption; ++i)
            co_await from_callback<void>([](auto done) { done.set_value(); });
        co_await from_callback<int>(
            [&](auto done) {
                kept = done;
                throw std::runtime_error("initiator");
            },
            [&] { withdrawn = true; });
    });
    b.turn();
    REQUIRE(kept);
    CHECK_FALSE(kept->set_value(7));
    b.run();

    CHECK_THROWS_WITH(b.rethrow(waiter), "initiator");
    CHECK_FALSE(withdrawn); // the wait has not ended before its completion
}

TEST_CASE("a value that throws when it is moved is an error", "[compose][from_callback]") {
    struct fragile {
        fragile() = default;
        fragile(fragile&& other) : moves(other.moves + 1) {
            if (moves == limit) throw std::runtime_error("moved too often");
        }
        int moves = 0;
        int limit = 1;
    };
    run([]() -> task<> {
        std::string caught;
        try {
            co_await from_callback<fragile>([](auto done) { done.set_value(fragile()); });
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "moved too often");
    });
}

TEST_CASE("a completer that is destroyed without a word ends the wait",
          "[compose][from_callback]") {
    run([]() -> task<> {
        std::optional<completer<int>> kept;
        for (const bool at_once : {true, false}) {
            std::error_code code;
            try {
                auto begin = [&](completer<int> done) {
                    if (!at_once) {
                        kept = std::move(done);
                        weft::this_loop().post([&] { kept.reset(); });
                    }
                };
                co_await from_callback<int>(begin);
            } catch (const weft::error& error) {
                code = error.code();
            }
            CHECK(code == weft::errc::closed);
        }
    });
}

TEST_CASE("a cancel withdraws what was begun, and the callback is told that it is late",
          "[compose][from_callback]") {
    run([]() -> task<> {
        std::optional<completer<int>> kept;
        int withdrawn = 0;
        auto begin = [&](auto done) { kept = done; };
        auto withdraw = [&] { ++withdrawn; };

        auto none = co_await weft::try_for(1ms, from_callback<int>(begin, withdraw));
        CHECK_FALSE(none);
        CHECK(withdrawn == 1);
        CHECK_FALSE(kept->set_value(7));

        auto in_time = [&](auto done) {
            kept = done;
            weft::this_loop().post([done] { done.set_value(7); });
        };
        auto value = co_await weft::try_for(1ms, from_callback<int>(in_time, withdraw));
        CHECK(value == 7);
        CHECK(withdrawn == 1);
    });
}

TEST_CASE("withdrawing may call back, destroy the callback, or fail", "[compose][from_callback]") {
    const no_frame_leaks check;
    test_loop loop;
    loop.run([]() -> task<> {
        std::optional<completer<int>> kept;
        bool too_late = false;
        bool posted = false;
        auto begin = [&](auto done) { kept = done; };
        co_await weft::try_for(1ms, from_callback<int>(begin, [&] {
            too_late = !kept->set_value(7);
            kept.reset();
            weft::this_loop().post([&] { posted = true; });
        }));
        CHECK(too_late);
        CHECK(posted);
        auto none = co_await weft::try_for(
            1ms, from_callback<int>(begin, [] { throw std::runtime_error("cannot"); }));
        CHECK_FALSE(none);
    });

    CHECK(loop.reported == std::vector<std::string>{"cannot in from_callback: on_cancel"});
}

TEST_CASE("a drop withdraws too", "[compose][from_callback]") {
    branches b;
    std::optional<completer<int>> kept;
    int withdrawn = 0;
    const auto waiter = b.spawn([&]() -> task<> {
        co_await from_callback<int>([&](auto done) { kept = done; }, [&] { ++withdrawn; });
    });
    b.run();

    b.drop(waiter);
    CHECK(withdrawn == 1);
    CHECK_FALSE(kept->set_value(7));
}

TEST_CASE("a callback and a cancel in one turn: the first of both counts",
          "[compose][from_callback]") {
    branches b;
    service<int> asked;
    std::vector<int> got;
    const auto wait = [&]() -> task<> {
        const int value = co_await asked.ask();
        got.push_back(value);
        co_await weft::yield();
        got.push_back(-1);
    };
    const auto first = b.spawn(wait);
    const auto second = b.spawn(wait);
    const auto third = b.spawn(wait);
    b.run();

    CHECK(asked.calls[0].set_value(1));
    b.cancel(first);
    b.cancel(second);
    CHECK_FALSE(asked.calls[1].set_value(2));
    CHECK(asked.calls[2].set_value(3));
    b.drop(third); // it dies with the value
    b.run();

    CHECK(got == std::vector{1});
    CHECK(b.was_destroyed(first));
    CHECK(b.was_destroyed(second));
}

TEST_CASE("a completer outlives the loop", "[compose][from_callback]") {
    service<int> asked;
    {
        test_loop loop;
        auto wait = [&]() -> task<> { co_await asked.ask(); };
        loop.spawn(wait);
        loop.poll();
        REQUIRE(asked.calls.size() == 1);
    }

    CHECK_FALSE(asked.calls[0].set_value(7));
}

TEST_CASE("from_callback ends well wherever it is ended", "[compose][from_callback]") {
    sweep([]() -> task<> {
        const weft::testing::tracked local;
        std::optional<completer<weft::testing::tracked>> kept;
        weft::task_group group;
        group.spawn([&]() -> task<> {
            co_await weft::yield();
            if (kept) kept->set_value({});
            co_await weft::yield();
        });
        auto begin = [&](auto done) { kept = done; };
        auto got = co_await from_callback<weft::testing::tracked>(begin, [&] { kept.reset(); });
        co_await group.join();
        static_cast<void>(got);
    });
}
