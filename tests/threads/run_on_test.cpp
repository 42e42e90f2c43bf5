// SPDX-License-Identifier: MIT
#include <weft/threads/run_on.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <weft/compose/finally.hpp>
#include <weft/compose/when_all.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/loop/run.hpp>
#include <weft/sync/event.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;
using weft::loop_handle;
using weft::run_on;
using weft::task;

namespace {

/// A loop that runs on a thread of its own until this goes.
class other_thread {
public:
    other_thread() {
        thread_ = std::thread([this] {
            const auto frames = weft::frame_pool::now().live;
            {
                weft::event_loop own;
                loop_ = &own;
                loop_.notify_one();
                try {
                    own.run([]() -> task<> { co_await weft::event().wait(); });
                } catch (const weft::cancelled_error&) {
                }
            }
            if (weft::frame_pool::now().live != frames) std::terminate();
        });
        loop_.wait(nullptr);
    }
    ~other_thread() {
        loop_.load()->stop();
        thread_.join();
    }

    loop_handle handle() const { return loop_.load()->handle(); }
    std::thread::id id() const { return thread_.get_id(); }

private:
    std::atomic<weft::event_loop*> loop_{nullptr};
    std::thread thread_;
};

/// Takes turns of both loops until `done`.
template <class Done>
void turns(branches& here, weft::event_loop& there, Done done) {
    for (int turn = 0; turn != 50 && !done(); ++turn) {
        here.turn();
        there.poll();
    }
    CHECK(done());
}

} // namespace

TEST_CASE("a task runs on another loop and its result comes back", "[threads][run_on]") {
    const other_thread other;
    run([&]() -> task<> {
        const auto there = [](std::string text) -> task<std::pair<std::string, std::thread::id>> {
            co_await weft::yield();
            co_return std::pair(text + "!", std::this_thread::get_id());
        };
        for (int i = 0; i != 100; ++i) {
            const auto [text, id] = co_await run_on(other.handle(), there, std::string("hello"));
            CHECK(text == "hello!");
            CHECK(id == other.id());
        }
    });
}

TEST_CASE("errors come back as they are", "[threads][run_on]") {
    const other_thread other;
    run([&]() -> task<> {
        std::string caught;
        try {
            co_await run_on(other.handle(), []() -> task<> {
                co_await weft::yield();
                throw std::out_of_range("row 9");
            });
        } catch (const std::out_of_range& error) {
            caught = error.what();
        }
        CHECK(caught == "row 9");
    });
}

TEST_CASE("a loop that is gone is an error", "[threads][run_on]") {
    run([]() -> task<> {
        auto handle = [] {
            const weft::event_loop gone;
            return gone.handle();
        }();
        std::error_code code;
        try {
            co_await run_on(handle, []() -> task<> { co_return; });
        } catch (const weft::error& error) {
            code = error.code();
        }
        CHECK(code == weft::errc::closed);
    });
}

TEST_CASE("a cancel is forwarded and waits for the end over there", "[threads][run_on]") {
    const other_thread other;
    std::atomic<bool> cleaned{false};
    std::atomic<bool> begun{false};
    run([&]() -> task<> {
        auto there = [&]() -> task<> {
            auto body = [&]() -> task<> {
                begun = true;
                co_await weft::event().wait();
            };
            auto cleanup = [&]() -> task<> {
                co_await weft::sleep_for(1ms);
                cleaned = true;
            };
            co_await weft::finally(body, cleanup);
        };
        auto here = [&]() -> task<> { co_await run_on(other.handle(), there); };
        auto child = weft::this_loop().spawn(here);
        while (!begun) co_await weft::yield();
        child.cancel();
        const auto end = co_await child.settled();
        CHECK(end.was_cancelled());
        CHECK(cleaned);
    });
}

TEST_CASE("it may be cancelled, dropped, or lose its loop at any point", "[threads][run_on]") {
    enum { cancelled, dropped, there_destroyed, there_cancelled };
    const int how = GENERATE(range(0, 4));
    const int point = GENERATE(range(0, 8));
    INFO("way " << how << ", point " << point);

    const auto objects = weft::testing::tracked::alive;
    const no_frame_leaks check;
    {
        branches here;
        std::optional<test_loop> there(std::in_place);
        bool ended_there = false;
        const auto waiter = here.spawn([&, handle = there->handle()]() -> task<> {
            const weft::testing::tracked local;
            auto body = [&](weft::testing::tracked argument) -> task<weft::testing::tracked> {
                co_await weft::yield();
                co_await weft::yield();
                ended_there = true;
                co_return argument;
            };
            co_await run_on(handle, body, weft::testing::tracked());
        });
        for (int turn = 0; turn != point; ++turn) turn % 2 == 0 ? here.turn() : there->poll();
        switch (how) {
        case cancelled: here.cancel(waiter); break;
        case dropped: here.drop(waiter); break;
        case there_destroyed: there.reset(); break;
        case there_cancelled:
            try {
                there->stop();
                there->run([]() -> task<> { co_await weft::event().wait(); });
            } catch (const weft::cancelled_error&) {
            }
            break;
        }
        if (there)
            turns(here, *there, [&] { return !here.is_alive(waiter); });
        else
            here.run();
        CHECK_FALSE(here.is_alive(waiter));
        if (how >= there_destroyed && !ended_there) {
            REQUIRE(here.has_thrown(waiter));
            try {
                here.rethrow(waiter);
            } catch (const weft::error& error) {
                const bool closed = error.code() == weft::errc::closed;
                CHECK((closed || error.code() == weft::errc::cancelled));
            }
        }
        here.run();
        if (there) there->poll();
    }
    CHECK(weft::testing::tracked::alive == objects);
}

TEST_CASE("the waiter's loop may be gone when the result comes", "[threads][run_on]") {
    const auto objects = weft::testing::tracked::alive;
    test_loop there;
    {
        test_loop here;
        here.spawn([&]() -> task<> {
            co_await run_on(there.handle(), []() -> task<weft::testing::tracked> {
                co_await weft::yield();
                co_return weft::testing::tracked();
            });
        });
        here.poll();
        there.poll();
    }
    for (int turn = 0; turn != 10; ++turn) there.poll();

    CHECK(weft::testing::tracked::alive == objects);
}

TEST_CASE("a loop may run something on itself", "[threads][run_on]") {
    run([]() -> task<> {
        const int value = co_await run_on(weft::this_loop().handle(), []() -> task<int> {
            co_await weft::yield();
            co_return 7;
        });
        CHECK(value == 7);
    });
}

TEST_CASE("two loops call each other, and some calls time out", "[threads][run_on]") {
    const other_thread other;
    const no_frame_leaks check;
    weft::run([&]() -> task<> {
        const auto home = weft::this_loop().handle();
        int back = 0;
        auto call = [&](int number) -> task<> {
            auto there = [&, number]() -> task<int> {
                auto again = [&back]() -> task<int> {
                    co_await weft::yield();
                    co_return ++back;
                };
                const int result = co_await run_on(home, again);
                if (number % 3 == 0) co_await weft::event().wait();
                co_return result;
            };
            const weft::duration limit = number % 3 == 1 ? weft::duration(1h) : 5ms;
            auto result = co_await weft::try_for(limit, run_on(other.handle(), there));
            if (number % 3 == 0) CHECK_FALSE(result);
            if (number % 3 == 1) CHECK(result);
        };
        weft::task_group group;
        for (int i = 0; i != 60; ++i) group.spawn(call, i);
        co_await group.join();
        CHECK(back >= 20);
    });
}

TEST_CASE("a cancel that comes too late changes nothing", "[threads][run_on]") {
    branches here;
    test_loop there;
    std::string end = "nothing";
    const auto waiter = here.spawn([&]() -> task<> {
        const int value = co_await run_on(there.handle(), []() -> task<int> { co_return 7; });
        end = std::to_string(value);
        co_await weft::event().wait();
        end = "went on";
    });
    here.run();
    there.poll();
    there.poll();

    here.cancel(waiter);
    turns(here, there, [&] { return !here.is_alive(waiter); });

    CHECK(end == "7");
    CHECK(here.was_destroyed(waiter));
}
