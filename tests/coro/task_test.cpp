// SPDX-License-Identifier: MIT
#include <weft/coro/task.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weft/core/awaitable.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/death.hpp"
#include "support/note.hpp"
#include "support/run.hpp"
#include "support/sweep.hpp"

// Cancelling and dropping: core/branch_test.cpp. Deep chains: scenario/stack_test.cpp.

using namespace std::chrono_literals;
using weft::task;
using weft::testing::tracked;

namespace {

struct no_default {
    int value;
    explicit no_default(int v) : value(v) {}
};

struct throws_when_moved {
    int moves_left;
    explicit throws_when_moved(int moves) : moves_left(moves) {}
    throws_when_moved(throws_when_moved&& other) : moves_left(other.moves_left - 1) {
        if (moves_left < 0) throw std::runtime_error("moved once too often");
    }
};

/// Notes how deep in the stack its objects die.
struct depth_probe {
    static inline std::uintptr_t highest = 0, lowest = 0;
    bool alive = true;
    depth_probe() = default;
    depth_probe(depth_probe&& other) : alive(std::exchange(other.alive, false)) {}
    ~depth_probe() {
        if (!alive) return;
        const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
        if (highest == 0) highest = lowest = here;
        if (here < lowest) lowest = here;
        if (here > highest) highest = here;
    }
};

} // namespace

TEST_CASE("a task does nothing until it is awaited", "[coro][task]") {
    bool started = false;
    const auto start = [&]() -> task<> {
        started = true;
        co_return;
    };

    auto pending = start();
    CHECK_FALSE(started);
    run(std::move(pending));

    CHECK(started);
}

TEST_CASE("a task is awaited as an rvalue, once, and can only be moved", "[coro][task]") {
    STATIC_REQUIRE(weft::awaits<task<int>>);
    STATIC_REQUIRE_FALSE(weft::awaits<task<int>&>);
    STATIC_REQUIRE_FALSE(weft::awaits<const task<int>&>);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<task<int>>);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<task<int>>);
    STATIC_REQUIRE(std::is_nothrow_move_assignable_v<task<int>>);
    STATIC_REQUIRE_FALSE(std::is_default_constructible_v<task<int>>);
}

TEST_CASE("a task runs at once when it is awaited, and its parent when it ends", "[coro][task]") {
    std::string log;
    run([&]() -> task<> {
        const auto inner = [&](char name) -> task<> {
            log += name;
            co_return;
        };
        log += '(';
        co_await inner('a');
        auto later = inner('b');
        co_await inner('c');
        co_await std::move(later);
        log += ')';
    });

    CHECK(log == "(acb)");
}

TEST_CASE("a task returns anything that can be moved, or a reference", "[coro][task]") {
    run([]() -> task<> {
        SECTION("nothing") {
            const auto nothing = []() -> task<> { co_return; };
            STATIC_REQUIRE(std::is_void_v<weft::await_result_t<task<>>>);
            co_await nothing();
        }
        SECTION("a reference, to the object itself") {
            int object = 1;
            const auto refer = [&]() -> task<int&> { co_return object; };
            int& result = co_await refer();
            CHECK(&result == &object);
        }
        SECTION("a reference to a constant") {
            const std::string object = "constant";
            const auto refer = [&]() -> task<const std::string&> { co_return object; };
            const std::string& result = co_await refer();
            CHECK(&result == &object);
        }
        SECTION("an rvalue reference") {
            auto object = std::make_unique<int>(7);
            const auto refer = [&]() -> task<std::unique_ptr<int>&&> {
                co_return std::move(object);
            };
            const std::unique_ptr<int> result = co_await refer();
            CHECK(*result == 7);
            CHECK(object == nullptr);
        }
        SECTION("a constant") {
            const auto constant = []() -> task<const int> { co_return 7; };
            const int result = co_await constant();
            CHECK(result == 7);
        }
        SECTION("what can only be moved") {
            const auto make = []() -> task<std::unique_ptr<int>> {
                co_return std::make_unique<int>(7);
            };
            const auto result = co_await make();
            CHECK(*result == 7);
        }
        SECTION("what cannot be made from nothing") {
            const auto make = []() -> task<no_default> { co_return no_default(7); };
            const auto result = co_await make();
            CHECK(result.value == 7);
        }
        SECTION("a truth value") {
            const auto no = []() -> task<bool> { co_return false; };
            const bool result = co_await no();
            CHECK_FALSE(result);
        }
        SECTION("what the value converts to, or what a list makes") {
            const auto text = []() -> task<std::string> { co_return "text"; };
            const auto list = []() -> task<std::vector<int>> { co_return {1, 2, 3}; };
            const std::string characters = co_await text();
            const std::vector<int> numbers = co_await list();
            CHECK(characters == "text");
            CHECK(numbers.size() == 3);
        }
        co_return;
    });
}

TEST_CASE("a result that throws while it is moved is an error of the await", "[coro][task]") {
    const auto make = [](int moves) -> task<throws_when_moved> {
        co_return throws_when_moved(moves);
    };
    run([&]() -> task<> {
        int failures = 0;
        for (const int moves : {0, 1}) { // into the task; out of it
            try {
                auto result = co_await make(moves);
                static_cast<void>(result);
            } catch (const std::runtime_error&) {
                ++failures;
            }
        }
        CHECK(failures == 2);
        const auto result = co_await make(2);
        CHECK(result.moves_left == 0);
    });
}

TEST_CASE("an exception travels from a task to its awaiter, as it is", "[coro][task]") {
    const auto fail = []() -> task<int> {
        throw std::runtime_error("no data");
        co_return 0;
    };
    CHECK_THROWS_WITH(run(fail()), "no data");

    run([&]() -> task<> {
        std::string caught;
        try {
            const auto outer = [&]() -> task<> {
                tracked object;
                co_await weft::yield();
                const int result = co_await fail();
                static_cast<void>(result);
            };
            co_await outer();
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "no data");
        CHECK(tracked::alive == 0);
    });
}

TEST_CASE("an exception after the result replaces it", "[coro][task]") {
    struct throws_at_the_end {
        ~throws_at_the_end() noexcept(false) { throw std::runtime_error("late"); }
    };
    const auto late = []() -> task<tracked> {
        throws_at_the_end object;
        co_return tracked();
    };

    CHECK_THROWS_WITH(run([&]() -> task<> { static_cast<void>(co_await late()); }), "late");
    CHECK(tracked::alive == 0);
}

TEST_CASE("destroying a task that never ran destroys its parameters", "[coro][task]") {
    const no_frame_leaks check;
    const auto hold = [](tracked) -> task<> { co_return; };
    {
        auto pending = hold(tracked());
        CHECK(tracked::alive == 1);
        auto another = hold(tracked());
        another = std::move(pending);
        CHECK(tracked::alive == 1);
        auto& itself = another;
        another = std::move(itself);
        CHECK(tracked::alive == 1);
    }

    CHECK(tracked::alive == 0);
}

TEST_CASE("a task dies when its await has ended, before what follows", "[coro][task]") {
    run([]() -> task<> {
        const auto hold = [](tracked) -> task<int> {
            tracked local;
            co_await weft::yield();
            co_return tracked::alive;
        };
        auto pending = hold(tracked());
        const int during = co_await std::move(pending);
        CHECK(during == 2);
        CHECK(tracked::alive == 0);
    });
}

TEST_CASE("a task that is moved into an await dies before the locals made after it",
          "[coro][task]") {
    std::string log;
    {
        test_loop loop;
        loop.spawn([&]() -> task<> {
            const auto inner = [&]() -> task<> {
                note last(log, 'i');
                co_await weft::sleep_forever();
            };
            auto pending = inner();
            note local(log, 'o');
            co_await std::move(pending);
        });
        loop.poll();
    }

    CHECK(log == "io");
}

TEST_CASE("a task leaves the place where it waits", "[coro][task]") {
    run([]() -> task<> {
        weft::task_group children;
        const auto inner = []() -> task<> { co_await weft::sleep_forever(); };
        children.spawn([&]() -> task<> { co_await inner(); });
        co_await weft::yield();

        const weft::frame* const leaf = children.children().first()->leaf();
        REQUIRE(leaf != nullptr);
        REQUIRE(leaf->parent != nullptr);
        CHECK(leaf->above()->parent == nullptr);
        CHECK(leaf->awaits_at.line() + 1 == leaf->above()->awaits_at.line());
        CHECK(std::string(leaf->awaits_at.file_name()) == __FILE__);
        children.cancel();
    });
}

#ifndef NDEBUG
TEST_CASE("awaiting a task that was moved from ends the program", "[coro][task]") {
    CHECK_THAT(last_words([] {
                   weft::event_loop loop;
                   loop.run([]() -> task<> {
                       auto inner = []() -> task<> { co_return; };
                       auto pending = inner();
                       co_await std::move(pending);
                       co_await std::move(pending); // NOLINT
                   });
               }),
               Catch::Matchers::ContainsSubstring("a task is awaited once"));
}
#endif

TEST_CASE("tasks of every kind end at any point", "[coro][task]") {
    sweep([]() -> task<> {
        const auto leaf = [](tracked argument) -> task<tracked> {
            co_await weft::sleep_for(1s);
            co_await weft::yield();
            co_return argument;
        };
        const auto fails = [&]() -> task<tracked> {
            tracked local;
            tracked result = co_await leaf(tracked());
            throw std::runtime_error("no");
            co_return result;
        };
        for (int i = 0; i < 2; ++i) {
            try {
                auto pending = fails();
                tracked local;
                tracked result = co_await std::move(pending);
            } catch (const std::runtime_error&) {}
            tracked result = co_await leaf(tracked());
        }
    });
}

TEST_CASE("unstarted tasks that hold each other are destroyed, however many, in little stack",
          "[coro][task]") {
    const auto first = [](tracked, depth_probe) -> task<> { co_return; };
    const auto around = [](task<> inner, tracked, depth_probe) -> task<> {
        co_await std::move(inner);
    };
    depth_probe::highest = 0;
    const no_frame_leaks check;

    {
        auto all = first(tracked(), depth_probe());
        for (int i = 0; i != 100'000; ++i) all = around(std::move(all), tracked(), depth_probe());
        CHECK(tracked::alive == 100'001);
    }

    CHECK(tracked::alive == 0);
    CHECK(depth_probe::highest - depth_probe::lowest < 65536);
}

namespace {

weft::task<int> holds(std::unique_ptr<weft::task<int>>) { co_return 1; }
weft::task<int> held() { co_return 2; }

struct cell {
    int* value = new int(7);
    cell() = default;
    cell(cell&& other) noexcept : value(std::exchange(other.value, nullptr)) {}
    ~cell() { delete std::exchange(value, nullptr); }
};
struct reader {
    const int* of = nullptr;
    int* sum = nullptr;
    reader(const int* from, int* into) : of(from), sum(into) {}
    reader(reader&& other) noexcept : of(std::exchange(other.of, nullptr)), sum(other.sum) {}
    ~reader() {
        if (of) *sum += *of;
    }
};
weft::task<> reads(reader) { co_return; }
struct job {
    cell first;
    weft::task<> refers_to_first;
};
weft::task<> has(job) { co_return; }
weft::task<> wraps(weft::task<>) { co_return; }

} // namespace

TEST_CASE("a task can be assigned what it holds", "[coro][task]") {
    auto inner = std::make_unique<weft::task<int>>(held());
    auto* const raw = inner.get();
    auto outer = holds(std::move(inner));
    outer = std::move(*raw);

    CHECK(run(std::move(outer)) == 2);
}

TEST_CASE("an unstarted task that is held deeply is destroyed before what it refers to",
          "[coro][task]") {
    int sum = 0;
    {
        cell first;
        const int* const value = first.value;
        auto nested = has(job{std::move(first), reads(reader(value, &sum))});
        for (int i = 0; i != 80; ++i) nested = wraps(std::move(nested));
    }
    CHECK(sum == 7);
}

TEST_CASE("several tasks in one expression, of which some have ended, can be ended",
          "[coro][task]") {
    // g++ 12 takes their results when all have ended.
    const auto number = [](tracked) -> task<int> { co_return 1; };
    const auto waits = [](tracked) -> task<int> {
        co_await weft::sleep_for(1ms);
        co_return 2;
    };
    const auto fails = [](tracked) -> task<int> {
        throw std::runtime_error("no");
        co_return 0;
    };
    sweep([&]() -> task<> {
        const int sum = co_await number(tracked()) + co_await waits(tracked());
        CHECK(sum == 3);
    });
    CHECK(tracked::alive == 0);
    run([&]() -> task<> {
        bool failed = false;
        try {
            const int sum = co_await fails(tracked()) + co_await number(tracked());
            static_cast<void>(sum);
        } catch (const std::runtime_error&) {
            failed = true;
        }
        CHECK(failed);
    });
    CHECK(tracked::alive == 0);
}
