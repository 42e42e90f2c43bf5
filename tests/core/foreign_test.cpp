// SPDX-License-Identifier: MIT
#include <weft/core/foreign.hpp>

#include <chrono>
#include <coroutine>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;
using weft::task;
using weft::task_group;
using weft::testing::tracked;

namespace {

/// Somebody else's event, with handles of coroutines that wait for it.
struct their_event {
    std::vector<std::coroutine_handle<>> waiting;

    struct awaiter {
        their_event* event;
        int value;
        tracked object{};

        awaiter(their_event* e, int v) : event(e), value(v) {}
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> waiter) { event->waiting.push_back(waiter); }
        int await_resume() const noexcept { return value; }
    };
    awaiter wait(int value) { return awaiter(this, value); }
    void fire() {
        for (auto each : std::exchange(waiting, {})) each.resume();
    }
};

/// Its members can be called on an lvalue only, which is what the language does.
struct lvalues_only {
    bool await_ready() & noexcept { return false; }
    bool await_suspend(std::coroutine_handle<>) & noexcept { return false; }
    int await_resume() & noexcept { return 7; }
};

/// How `await_suspend` may answer.
enum class answer { ready, yes, no, itself, resumed_at_once };

template <answer Answer> struct answers {
    bool await_ready() const noexcept { return Answer == answer::ready; }
    auto await_suspend(std::coroutine_handle<> waiter) const {
        if constexpr (Answer == answer::yes) {
            waiter.resume();
            return true;
        } else if constexpr (Answer == answer::no) {
            return false;
        } else if constexpr (Answer == answer::itself) {
            return waiter;
        } else {
            waiter.resume();
        }
    }
    int await_resume() const noexcept { return 7; }
};

enum class where { ready, suspend, resume };
template <where Where> struct throws {
    static void at(where place) {
        if (place == Where) throw std::runtime_error("foreign");
    }
    bool await_ready() const {
        at(where::ready);
        return false;
    }
    bool await_suspend(std::coroutine_handle<>) const {
        at(where::suspend);
        return false;
    }
    void await_resume() const { at(where::resume); }
};

/// Resumes from a thread of its own.
class from_thread {
public:
    explicit from_thread(std::thread& thread) : thread_(&thread) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) {
        *thread_ = std::thread([waiter] { waiter.resume(); });
    }
    std::thread::id await_resume() const noexcept { return std::this_thread::get_id(); }

private:
    std::thread* thread_;
};

} // namespace

TEST_CASE("a foreign awaitable is awaited like any other", "[core][foreign]") {
    their_event event;
    std::string log;
    run([&]() -> task<> {
        task_group children;
        children.spawn([&]() -> task<> {
            const int result = co_await event.wait(7);
            log += std::to_string(result);
        });
        co_await weft::yield();
        CHECK(tracked::alive == 1);

        event.fire();
        CHECK(log.empty()); // our code does not run inside of theirs
        co_await children.join();
        CHECK(tracked::alive == 0);
    });

    CHECK(log == "7");
}

TEMPLATE_TEST_CASE("a foreign awaitable may complete at once, in every way that there is",
                   "[core][foreign]", answers<answer::ready>, answers<answer::yes>,
                   answers<answer::no>, answers<answer::itself>, answers<answer::resumed_at_once>,
                   lvalues_only) {
    run([]() -> task<> {
        const int temporary = co_await TestType();
        TestType object;
        const int named = co_await object;
        task_group children;
        auto child = children.spawn([] { return TestType(); });
        const int kept = co_await child;
        CHECK(temporary == 7);
        CHECK(named == 7);
        CHECK(kept == 7);
    });
}

TEST_CASE("a foreign awaitable that is always ready starves nobody", "[core][foreign]") {
    run([]() -> task<> {
        task_group children;
        bool stop = false;
        children.spawn([&]() -> task<> {
            while (!stop) {
                const int result = co_await answers<answer::ready>();
                static_cast<void>(result);
            }
        });
        children.spawn([&]() -> task<> {
            stop = true;
            co_return;
        });
        co_await children.join();
    });
}

TEST_CASE("what a foreign awaitable throws is rethrown, wherever it comes from",
          "[core][foreign]") {
    run([]() -> task<> {
        int caught = 0;
        try {
            co_await throws<where::ready>();
        } catch (const std::runtime_error&) {
            ++caught;
        }
        try {
            co_await throws<where::suspend>();
        } catch (const std::runtime_error&) {
            ++caught;
        }
        try {
            co_await throws<where::resume>();
        } catch (const std::runtime_error&) {
            ++caught;
        }
        CHECK(caught == 3);
    });
}

TEST_CASE("a foreign awaitable may resume from another thread", "[core][foreign]") {
    const no_frame_leaks check;
    std::thread thread;
    weft::event_loop loop; // in real time: a thread is outside of simulated time
    const auto resumed_on =
        loop.run([&]() -> task<std::thread::id> { co_return co_await from_thread(thread); });
    thread.join();

    CHECK(resumed_on == std::this_thread::get_id());
}

TEST_CASE("a thousand foreign resumptions from other threads are all delivered",
          "[core][foreign]") {
    const no_frame_leaks check;
    int resumed = 0;
    std::vector<std::thread> threads(100);
    weft::event_loop loop;
    loop.run([&]() -> task<> {
        for (int round = 0; round < 10; ++round) {
            task_group children;
            for (auto& thread : threads)
                children.spawn([&]() -> task<> {
                    const auto id = co_await from_thread(thread);
                    resumed += id == std::this_thread::get_id();
                });
            co_await children.join();
            for (auto& thread : threads) thread.join();
        }
    });

    CHECK(resumed == 1000);
}

TEST_CASE("a cancelled branch waits for a foreign awaitable, and receives its result",
          "[core][foreign]") {
    their_event event;
    std::string log;
    run([&]() -> task<> {
        task_group children;
        auto victim = children.spawn([&]() -> task<> {
            const int result = co_await event.wait(7);
            log += std::to_string(result);
            co_await weft::yield();
            log += " too far";
        });
        co_await weft::yield();

        victim.cancel();
        co_await weft::sleep_for(1h);
        CHECK_FALSE(victim.done());
        event.fire();
        co_await victim.wait();
    });

    CHECK(log == "7");
    CHECK(tracked::alive == 0);
}

TEST_CASE("a foreign awaitable that never resumes is a deadlock, and can be dropped",
          "[core][foreign]") {
    const no_frame_leaks check;
    their_event event;

    CHECK_THROWS_AS(run([&]() -> task<> {
                        const int result = co_await event.wait(7);
                        static_cast<void>(result);
                    }),
                    weft::deadlock_error);

    CHECK(tracked::alive == 0);
    CHECK(event.waiting.size() == 1); // nobody may resume it any more
}

TEST_CASE("a drop takes back what another thread has resumed", "[core][foreign]") {
    const no_frame_leaks check;
    std::thread thread;
    bool resumed = false;
    {
        weft::event_loop loop;
        loop.spawn([&]() -> task<> {
            static_cast<void>(co_await from_thread(thread));
            resumed = true;
        });
        loop.poll();
        thread.join(); // it has been resumed, and the loop has not heard of it
    }

    CHECK_FALSE(resumed);
}

TEST_CASE("a foreign awaitable that can only be moved is kept by a fork", "[core][foreign]") {
    struct owns {
        std::unique_ptr<int> value;
        explicit owns(int v) : value(std::make_unique<int>(v)) {}
        owns(owns&&) = default;
        bool await_ready() const noexcept { return true; }
        void await_suspend(std::coroutine_handle<>) const noexcept {}
        int& await_resume() const noexcept { return *value; }
    };
    run([]() -> task<> {
        task_group children;
        auto child = children.spawn([] { return owns(7); });
        co_await child.wait();
        const auto result = co_await owns(8);
        CHECK(result == 8);
    });
}
