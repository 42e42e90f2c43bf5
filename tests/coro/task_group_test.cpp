// SPDX-License-Identifier: MIT
#include <weft/coro/task_group.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weft/core/exception_group.hpp>
#include <weft/coro/task.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/note.hpp"
#include "support/run.hpp"
#include "support/slow_wait.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using weft::on_error;
using weft::task;
using weft::task_group;
using weft::testing::tracked;

namespace {

/// Sleeps; writes its name when it dies.
task<> sleeps(std::string& log, char name, weft::duration length) {
    note mine(log, name);
    co_await weft::sleep_for(length);
}

task<> fails(std::string text, weft::duration after) {
    co_await weft::sleep_for(after);
    throw std::runtime_error(text);
}

/// Fails when it is cancelled, as a clean-up would.
class fails_to_stop final : public weft::operation<fails_to_stop> {
public:
    bool start(weft::branch&) noexcept { return false; }
    bool withdraw() noexcept override {
        complete();
        return false;
    }
    void await_resume() const { throw std::runtime_error("clean-up"); }
};

} // namespace

TEST_CASE("join waits for all children, those that are spawned meanwhile included",
          "[coro][task_group]") {
    std::string log;
    run([&]() -> task<> {
        task_group children;
        children.spawn([&]() -> task<> {
            co_await weft::sleep_for(1s);
            children.spawn(sleeps(log, 'b', 1s));
            note mine(log, 'a');
        });
        co_await children.join();
        log += '.';
        CHECK(children.empty());
    });

    CHECK(log == "ab.");
}

TEST_CASE("join of an empty group does not wait", "[coro][task_group]") {
    run([]() -> task<> {
        task_group children;
        bool others_ran = false;
        weft::this_loop().post([&] { others_ran = true; });
        co_await children.join();
        CHECK_FALSE(others_ran);
    });
}

TEST_CASE("several may join one group", "[coro][task_group]") {
    std::string log;
    run([&]() -> task<> {
        task_group children, joiners;
        children.spawn(sleeps(log, 'x', 1s));
        for (const char name : {'a', 'b'})
            joiners.spawn([&, name]() -> task<> {
                co_await children.join();
                log += name;
            });
        co_await joiners.join();
    });

    CHECK(log == "xab");
}

TEST_CASE("an error cancels the siblings, newest first, and is rethrown as it is",
          "[coro][task_group]") {
    std::string log;
    run([&]() -> task<> {
        task_group children;
        children.spawn(sleeps(log, 'a', 1h));
        children.spawn(fails("no data", 1s));
        children.spawn(sleeps(log, 'b', 1h));
        children.spawn([]() -> task<> { co_await slow_wait(1h, 5s); });
        std::string caught;
        try {
            co_await children.join();
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "no data");
        CHECK(weft::loop_clock::now() == weft::time_point(6s)); // all have ended
    });

    CHECK(log == "ba");
}

TEST_CASE("errors after the first are reported, once each, with the child's name",
          "[coro][task_group]") {
    test_loop loop;
    loop.run([]() -> task<> {
        task_group children;
        children.spawn([] { return fails_to_stop(); }).set_name("second");
        children.spawn(fails("first", 1s));
        std::string caught;
        try {
            co_await children.join();
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "first");
    });

    CHECK(loop.reported == std::vector<std::string>{"clean-up in second"});
}

TEST_CASE("a group that collects throws all errors, in the order of their completion",
          "[coro][task_group]") {
    run([]() -> task<> {
        task_group children(on_error::collect);
        children.spawn([] { return fails_to_stop(); });
        children.spawn(fails("second", 1s));
        children.spawn(fails("first", 0s));
        co_await weft::yield();
        std::string caught;
        try {
            co_await children.join();
        } catch (const weft::exception_group& errors) {
            caught = errors.what();
        }
        CHECK(caught == "2 errors: first; clean-up");

        children.spawn(fails("alone", 1s)); // still a group of errors
        try {
            co_await children.join();
        } catch (const weft::exception_group& errors) {
            caught = errors.what();
        }
        CHECK(caught == "1 error: alone");
    });
}

TEST_CASE("a group that reports goes on, and its errors wait for the handles",
          "[coro][task_group]") {
    test_loop loop;
    std::string log;
    loop.run([&]() -> task<> {
        task_group children(on_error::report);
        children.spawn(fails("nobody's", 1s)).set_name("lost");
        auto kept = children.spawn(fails("kept", 1s));
        children.spawn(sleeps(log, 'a', 2s));
        co_await children.join();
        CHECK(log == "a");

        std::string caught;
        try {
            co_await kept;
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "kept");
    });

    CHECK(loop.reported == std::vector<std::string>{"nobody's in lost"});
}

TEST_CASE("a group that cancels gets an error even if somebody joins the child, too",
          "[coro][task_group]") {
    run([]() -> task<> {
        task_group children;
        int caught = 0;
        auto child = children.spawn(fails("no data", 1s));
        try {
            co_await child;
        } catch (const std::runtime_error&) {
            ++caught;
        }
        try {
            co_await children.join();
        } catch (const std::runtime_error&) {
            ++caught;
        }
        CHECK(caught == 2);
    });
}

TEST_CASE("an error of a group that is never joined is reported to its loop",
          "[coro][task_group]") {
    test_loop loop;
    {
        task_group children(loop);
        children.spawn(fails("no data", 0s));
        loop.poll();
        loop.poll();
        CHECK(loop.reported.empty());
    }

    CHECK(loop.reported.size() == 1);
}

TEST_CASE("cancelling a group cancels the children, and not the owner", "[coro][task_group]") {
    std::string log;
    run([&]() -> task<> {
        task_group children;
        auto a = children.spawn(sleeps(log, 'a', 1h));
        auto b = children.spawn(sleeps(log, 'b', 1h));
        co_await weft::yield();

        children.cancel();
        CHECK(log.empty());
        co_await weft::sleep_for(1s);
        CHECK(log == "ba");
        CHECK(a.done());
        co_await children.join();
    });
}

TEST_CASE("a cancelled group takes no more children until it is joined", "[coro][task_group]") {
    run([]() -> task<> {
        bool ran = false;
        task_group children;
        const auto body = [&](tracked) -> task<> {
            ran = true;
            co_return;
        };
        children.cancel();

        CHECK_THROWS_AS(children.spawn(body(tracked())), weft::closed_error);
        CHECK_THROWS_AS(children.spawn(body, tracked()), weft::closed_error);
        CHECK(tracked::alive == 0);
        CHECK(children.empty());
        co_await children.join();
        CHECK_FALSE(ran);

        children.spawn(body, tracked());
        co_await children.join();
        CHECK(ran);
    });
}

TEST_CASE("a child that spawns for ever cannot keep a cancelled group alive",
          "[coro][task_group]") {
    run([]() -> task<> {
        task_group children;
        int heads = 0;
        const auto hydra = [&](const auto& self) -> task<> {
            ++heads;
            struct grows {
                task_group& group;
                const decltype(self)& body;
                ~grows() {
                    try {
                        group.spawn(body, std::cref(body));
                    } catch (const weft::closed_error&) {}
                }
            } again{children, self};
            children.spawn(self, std::cref(self));
            co_await weft::sleep_for(1s);
        };
        children.spawn(hydra, std::cref(hydra));
        for (int i = 0; i < 5; ++i) co_await weft::yield();
        CHECK(heads == 5);

        children.cancel();
        co_await children.join();
        CHECK(children.empty());
        CHECK(heads <= 6);
    });
}

TEST_CASE("a child that waits for the end of its own group gets an error", "[coro][task_group]") {
    run([]() -> task<> {
        task_group children;
        int caught = 0;
        const auto joins = [&]() -> task<> {
            try {
                co_await children.join();
            } catch (const weft::deadlock_error&) {
                ++caught;
            }
        };
        children.spawn(joins);
        children.spawn([&]() -> task<> {
            task_group grandchildren;
            grandchildren.spawn(joins); // deeper down it is no better
            co_await grandchildren.join();
        });
        co_await children.join();
        CHECK(caught == 2);
    });
}

TEST_CASE("cancelling a joiner ends the wait, and the children of a group that is its own",
          "[coro][task_group]") {
    std::string log;
    run([&]() -> task<> {
        task_group outside, tasks;
        outside.spawn(sleeps(log, 'o', 2h));
        auto stranger = tasks.spawn([&] { return outside.join(); });
        auto maker = tasks.spawn([&]() -> task<> {
            task_group children;
            children.spawn(sleeps(log, 'c', 2h));
            co_await children.join();
        });
        co_await weft::sleep_for(1s);

        stranger.cancel();
        maker.cancel();
        co_await tasks.join();
        CHECK(log == "c");
        CHECK(outside.size() == 1);
        outside.cancel();
        co_await outside.join();
    });
}

TEST_CASE("a group that is destroyed destroys its children, newest first", "[coro][task_group]") {
    std::string log;
    run([&]() -> task<> {
        {
            task_group children;
            children.spawn(sleeps(log, 'a', 1h));
            children.spawn(sleeps(log, 'b', 1h));
            children.spawn([object = tracked()]() -> task<> { co_return; });
            co_await weft::yield();
            children.spawn(sleeps(log, 'c', 1h)); // never started: it has no local yet
        }
        log += '.';
        CHECK(tracked::alive == 0);
    });

    CHECK(log == "ba.");
}

TEST_CASE("a group outside of a coroutine is used like any other", "[coro][task_group]") {
    const no_frame_leaks check;
    std::string log;
    test_loop loop;
    {
        task_group children(loop);
        children.spawn(sleeps(log, 'a', 1s));
        children.spawn(sleeps(log, 'b', 2s));
        while (log.empty()) loop.run_one();
        CHECK(log == "a");
        CHECK(children.size() == 1);
    }

    CHECK(log == "ab");
}

TEST_CASE("a million short children need no more memory than one", "[coro][task_group]") {
    run([]() -> task<> {
        task_group children;
        std::size_t most = 0;
        const auto before = weft::frame_pool::now().live;
        for (int i = 0; i < 1'000'000; ++i) {
            children.spawn([]() -> task<> { co_return; });
            if (i % 100 == 99) {
                co_await weft::yield();
                most = std::max(most, children.size());
            }
        }
        CHECK(most == 0);
        CHECK(weft::frame_pool::now().live == before);
    });
}

TEST_CASE("a child that cannot be allocated is not there", "[coro][task_group]") {
    struct too_large {
        too_large() = default;
        too_large(const too_large&) { throw std::bad_alloc(); }
        std::vector<int> own{1, 2, 3};
    };
    run([]() -> task<> {
        task_group children;
        const too_large argument;
        CHECK_THROWS_AS(children.spawn([](const too_large&) -> task<> { co_return; }, argument),
                        std::bad_alloc);
        CHECK(children.empty());
        co_await children.join();
    });
}

TEST_CASE("groups end at any point", "[coro][task_group]") {
    const auto policy = GENERATE(on_error::cancel, on_error::report, on_error::collect);
    sweep([policy]() -> task<> {
        std::string log;
        task_group children(policy);
        children.spawn(sleeps(log, 'a', 2s));
        children.spawn(fails("no data", 3s));
        children.spawn([] { return fails_to_stop(); });
        children.spawn([&]() -> task<> {
            task_group grandchildren;
            grandchildren.spawn(sleeps(log, 'c', 1s));
            grandchildren.spawn([] { return slow_wait(1s, 1s); });
            children.spawn(sleeps(log, 'd', 1s));
            co_await grandchildren.join();
        });
        auto timer = children.spawn([&]() -> task<> {
            co_await weft::sleep_for(4s);
            children.cancel();
        });
        try {
            co_await children.join();
        } catch (const std::exception&) {}
    });
}
