// SPDX-License-Identifier: MIT
#include <weft/core/branch.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weft/compose/from_callback.hpp>
#include <weft/compose/with_task_group.hpp>
#include <weft/coro/async_generator.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/run.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/death.hpp"
#include "support/run.hpp"
#include "support/slow_wait.hpp"
#include "support/stepping_loop.hpp"

using namespace std::chrono_literals;
using weft::sleep_forever;
using weft::task;
using weft::task_group;
using weft::testing::tracked;

namespace {

/// Writes its name when it dies.
struct leaves_note {
    std::string& log;
    char name;
    leaves_note(std::string& l, char n) : log(l), name(n) {}
    leaves_note(leaves_note&&) = delete;
    ~leaves_note() { log += name; }
};

/// A chain of tasks that ends in `operation`; each level has a local that writes its number.
template <class Operation> task<> chain(int depth, std::string& log, Operation operation) {
    leaves_note note(log, static_cast<char>('0' + depth));
    if (depth == 0)
        co_await operation();
    else
        co_await chain(depth - 1, log, operation);
}

/// Does `action` when it is destroyed.
template <class F> struct when_gone {
    F action;
    explicit when_gone(F f) : action(std::move(f)) {}
    when_gone(when_gone&&) = delete;
    ~when_gone() { action(); }
};

} // namespace

TEST_CASE("a branch that is cancelled before it starts never runs, and its arguments die",
          "[core][branch]") {
    bool ran = false;
    const auto body = [&](tracked) -> task<> {
        ran = true;
        co_return;
    };
    test_loop loop;

    auto by_task = loop.spawn(body(tracked()));
    auto by_call = loop.spawn(body, tracked());
    CHECK(tracked::alive == 2);
    by_task.cancel();
    by_call.cancel();
    CHECK_FALSE(by_task.done()); // the loop ends it, not the call
    loop.poll();

    CHECK_FALSE(ran);
    CHECK(by_task.done());
    CHECK(by_call.done());
    CHECK(tracked::alive == 0);
}

TEST_CASE("a cancelled chain dies from its innermost frame, before anybody who joins it goes on",
          "[core][branch]") {
    std::string log;
    run([&]() -> task<> {
        task_group children;
        auto victim = children.spawn(chain(3, log, [] { return sleep_forever(); }));
        auto joiner = [&]() -> task<> {
            co_await victim.wait();
            log += " joined";
        };
        children.spawn(joiner);
        co_await weft::yield();
        co_await weft::yield();

        victim.cancel();
        CHECK(log.empty()); // by the loop, not by the call
        co_await children.join();
    });

    CHECK(log == "0123 joined");
}

TEST_CASE("a cancelled branch receives what was completed, and stops at its next operation",
          "[core][branch]") {
    std::string log;
    test_loop loop(weft::event_loop::time::manual);
    const auto body = [&]() -> task<> {
        leaves_note note(log, '.');
        co_await weft::sleep_for(1s);
        log += "completed";
        co_await weft::yield(); // would not even have to wait
        log += " too far";
    };
    auto child = loop.spawn(body);
    loop.poll();

    loop.post([&] { child.cancel(); }); // when the sleep is over and the branch is ready
    loop.advance(1s);
    loop.poll();
    CHECK(log == "completed");
    loop.poll();

    CHECK(log == "completed.");
    CHECK(child.done());
}

TEST_CASE("a branch stops before an operation that would complete at once has its effect",
          "[core][branch]") {
    struct takes_effect final : weft::operation<takes_effect> {
        int& effects;
        explicit takes_effect(int& e) : effects(e) {}
        bool start(weft::branch&) noexcept {
            ++effects;
            return true;
        }
        bool withdraw() noexcept override { return true; }
        int await_resume() const noexcept { return effects; }
    };
    int effects = 0;
    run([&]() -> task<> {
        task_group children;
        weft::join_handle<> self;
        const auto body = [&]() -> task<> {
            co_await takes_effect(effects);
            self.cancel();
            co_await takes_effect(effects);
        };
        self = children.spawn(body);
        co_await self.wait();
        CHECK(self.done());
    });

    CHECK(effects == 1);
}

TEST_CASE("a branch that cancels itself, or its group, goes on until its next operation",
          "[core][branch]") {
    std::string log;
    const bool by_group = GENERATE(false, true);
    run([&]() -> task<> {
        task_group children;
        weft::join_handle<> self;
        const auto inner = [&]() -> task<> {
            leaves_note note(log, 'i');
            co_await weft::yield();
            if (by_group)
                children.cancel();
            else
                self.cancel();
            log += "still here ";
        };
        const auto body = [&]() -> task<> {
            leaves_note note(log, 'o');
            co_await inner();
            log += " back "; // a return is no operation
            co_await sleep_forever();
            log += "too far";
        };
        self = children.spawn(body);
        co_await children.join();
    });

    CHECK(log == "still here i back o");
}

TEST_CASE("a branch that was cancelled while it ran may end by itself", "[core][branch]") {
    run([]() -> task<> {
        task_group children;
        weft::join_handle<int> self;
        const auto body = [&]() -> task<int> {
            co_await weft::yield();
            self.cancel();
            co_return 7;
        };
        self = children.spawn(body);
        const int result = co_await self;
        CHECK(result == 7);
    });
}

TEST_CASE("a branch that is cancelled by the start of its own operation", "[core][branch]") {
    struct cancels final : weft::operation<cancels> {
        std::function<void()> cancel;
        bool completes;
        cancels(std::function<void()> f, bool at_once) : cancel(std::move(f)), completes(at_once) {}
        bool start(weft::branch&) noexcept {
            cancel();
            return completes;
        }
        bool withdraw() noexcept override { return true; }
        void await_resume() const noexcept {}
    };
    std::string log;
    const bool completes = GENERATE(false, true);
    const bool in_frame = GENERATE(false, true);
    run([&]() -> task<> {
        task_group children;
        weft::join_handle<> self;
        const std::function<void()> cancel = [&] { self.cancel(); };
        if (in_frame)
            self = children.spawn([&]() -> task<> {
                leaves_note note(log, 'x');
                co_await cancels(cancel, completes);
                log += "delivered ";
                co_await weft::yield();
                log += "too far ";
            });
        else
            self = children.spawn([&] {
                return weft::prepared<cancels, std::function<void()>, bool>(cancel, completes);
            });
        auto result = co_await self.settled();
        if (!in_frame) CHECK(result.was_cancelled() == !completes);
    });

    if (in_frame) CHECK(log == (completes ? "delivered x" : "x"));
}

TEST_CASE("only the first cancel has an effect", "[core][branch]") {
    std::string log;
    run([&]() -> task<> {
        task_group children;
        auto victim = children.spawn(chain(1, log, [] { return slow_wait(1h, 1s); }));
        auto finished = children.spawn([]() -> task<> { co_return; });
        co_await weft::yield();
        CHECK(finished.done());
        finished.cancel();

        const auto begin = weft::loop_clock::now();
        victim.cancel();
        co_await weft::sleep_for(500ms);
        CHECK(log.empty());
        victim.cancel(); // does not begin anew
        co_await victim.wait();
        CHECK(weft::loop_clock::now() == begin + 1s);
        victim.cancel();
        co_await children.join();
    });

    CHECK(log == "01");
}

TEST_CASE("a cancel may come from a destructor, from a sibling, and from its own end",
          "[core][branch]") {
    run([]() -> task<> {
        task_group children;
        std::vector<weft::join_handle<>> all(3);
        const auto body = [&](std::size_t number) -> task<> {
            when_gone guard([&] {
                for (auto& each : all) each.cancel();
                children.cancel();
            });
            tracked object;
            co_await sleep_forever();
            static_cast<void>(number);
        };
        for (std::size_t i = 0; i != all.size(); ++i) all[i] = children.spawn(body, i);
        co_await weft::yield();

        all[1].cancel(); // its destructor cancels the others
        co_await children.join();

        for (auto& each : all) CHECK(each.done());
    });

    CHECK(tracked::alive == 0);
}

TEST_CASE("a cancel in a destructor of a branch that is dropped has no effect", "[core][branch]") {
    const no_frame_leaks check;
    {
        test_loop loop;
        std::optional<task_group> children(std::in_place, loop);
        weft::join_handle<> self;
        const auto inner = []() -> task<> {
            tracked object;
            co_await sleep_forever();
        };
        const auto body = [&]() -> task<> {
            when_gone guard([&] { self.cancel(); }); // dies when the operation is gone
            co_await inner();
        };
        self = children->spawn(body);
        loop.poll();

        children.reset();

        CHECK(self.done());
    }
    CHECK(tracked::alive == 0);
}

TEST_CASE("a cancel reaches what waits below, at any depth, and waits for what takes its time",
          "[core][branch]") {
    std::string log;
    run([&]() -> task<> {
        task_group children;
        const auto body = [&]() -> task<> {
            leaves_note note(log, 'x');
            task_group grandchildren;
            grandchildren.spawn(chain(1, log, [] { return slow_wait(1h, 2s); }));
            grandchildren.spawn(chain(2, log, [] { return slow_wait(1h, 1s); }));
            co_await grandchildren.join();
        };
        auto victim = children.spawn(body);
        co_await weft::yield();
        co_await weft::yield();
        const auto begin = weft::loop_clock::now();

        victim.cancel();
        co_await victim.wait();
        CHECK(weft::loop_clock::now() == begin + 2s);
    });

    CHECK(log == "01201x");
}

TEST_CASE("cancelling a branch joins the groups made in it before its frames die",
          "[core][branch]") {
    std::string log;
    run([&]() -> task<> {
        task_group children;
        const auto body = [&]() -> task<> {
            leaves_note note(log, 'x');
            task_group older, newer;
            older.spawn(chain(0, log, [] { return slow_wait(1h, 1s); }));
            newer.spawn(chain(1, log, [] { return slow_wait(1h, 2s); }));
            co_await sleep_forever(); // not in join()
        };
        auto victim = children.spawn(body);
        co_await weft::yield();
        co_await weft::yield();

        victim.cancel();
        co_await victim.wait();
    });

    CHECK(log == "001x");
}

TEST_CASE("a branch that waits for its groups to end can be dropped", "[core][branch]") {
    const no_frame_leaks check;
    std::string log;
    {
        test_loop loop(weft::event_loop::time::manual);
        const auto body = [&]() -> task<> {
            leaves_note note(log, 'x');
            task_group children;
            children.spawn(chain(0, log, [] { return slow_wait(1h, 1s); }));
            co_await sleep_forever();
        };
        auto victim = loop.spawn(body);
        loop.poll();
        loop.poll();
        victim.cancel();
        loop.poll();
        CHECK_FALSE(victim.done());
    }

    CHECK(log == "0x");
}

TEST_CASE("dropping destroys everything below, newest first, at once", "[core][branch]") {
    const no_frame_leaks check;
    std::string log;
    {
        test_loop loop;
        const auto body = [&](char name) -> task<> {
            leaves_note note(log, name);
            task_group children;
            children.spawn(chain(0, log, [] { return slow_wait(1h, 1h); }));
            children.spawn(chain(1, log, [] { return sleep_forever(); }));
            co_await children.join();
        };
        loop.spawn(body, 'a');
        loop.spawn(body, 'b');
        loop.poll();
        loop.poll();
    }

    CHECK(log == "010b010a");
}

TEST_CASE("a branch whose end the loop has yet to hear of can be dropped", "[core][branch]") {
    const no_frame_leaks check;
    struct nothing final : weft::runnable {
        void run() noexcept override {}
    } next;
    {
        test_loop loop;
        const auto inner = []() -> task<> {
            tracked object;
            co_await weft::yield();
        };
        const auto body = [&]() -> task<tracked> {
            tracked object;
            co_await inner();
            weft::this_loop().run_next(next); // takes the place of the end of this one
            co_return object;
        };
        loop.spawn(body);
        loop.poll();
        loop.poll();
    }

    CHECK(tracked::alive == 0);
}

TEST_CASE("who joins a dropped branch may be dropped before or after it", "[core][branch]") {
    const no_frame_leaks check;
    const bool joiner_first = GENERATE(false, true);
    {
        test_loop loop;
        task_group older(loop);
        {
            task_group newer(loop);
            auto victim = (joiner_first ? older : newer).spawn([]() -> task<tracked> {
                tracked object;
                co_await sleep_forever();
                co_return object;
            });
            const auto join = [](weft::join_handle<tracked> handle) -> task<> {
                tracked result = co_await handle;
            };
            (joiner_first ? newer : older).spawn(join, std::move(victim));
            loop.poll();
        }
        loop.poll();
    }

    CHECK(tracked::alive == 0);
}

TEST_CASE("a destructor that throws while a cancel destroys its frame ends the program",
          "[core][branch]") {
    struct throws {
        ~throws() noexcept(false) { throw std::runtime_error("in a destructor"); }
    };
    const auto end = [](bool drop, auto body) {
        return last_words([=] {
            weft::event_loop loop;
            auto child = loop.spawn(body);
            loop.poll();
            if (drop) return;
            child.cancel();
            loop.poll();
        });
    };
    const auto alone = []() -> task<> {
        throws object;
        co_await sleep_forever();
    };
    const auto caught = []() -> task<> {
        try {
            throws object;
            co_await sleep_forever();
        } catch (...) {}
        co_await weft::yield();
    };
    const std::string message = "weft: a destructor threw while a cancel destroyed its coroutine\n";

    CHECK(end(false, alone) == message);
    CHECK(end(true, alone) == message);
    CHECK(end(false, caught) == message);
    CHECK(end(true, caught) == message);
}

TEST_CASE("a branch that drops its own group ends the program", "[core][branch]") {
    CHECK(last_words([] {
              weft::event_loop loop;
              auto children = std::make_unique<task_group>(loop);
              children->spawn([&]() -> task<> {
                  children.reset();
                  co_return;
              });
              loop.poll();
          }) == "weft: a coroutine was destroyed while it runs: by its own group or handle?\n");
}

TEST_CASE("nested branches end at any point", "[core][branch]") {
    sweep_on_system([]() -> task<> {
        std::string log;
        const auto body = [&](int depth, const auto& self) -> task<> {
            leaves_note note(log, 'x');
            tracked object;
            task_group children;
            if (depth > 0) {
                children.spawn(self, depth - 1, std::cref(self));
                children.spawn(chain(depth, log, [] { return slow_wait(2s, 1s); }));
                co_await weft::sleep_for(1s);
                if (depth == 1) co_await children.join();
            }
            children.cancel();
            co_await weft::yield();
            co_await children.join();
        };
        co_await body(2, body);
    });
}

TEST_CASE("a branch that runs next may be dropped before it does", "[core][branch]") {
    test_loop loop;
    std::string log;
    std::optional<task_group> dropped(std::in_place, loop);
    // Destroyed when the group of its child has told that child's parent to go on.
    struct drops {
        std::optional<task_group>* what;
        explicit drops(std::optional<task_group>* w) : what(w) {}
        drops(drops&& other) noexcept : what(std::exchange(other.what, nullptr)) {}
        ~drops() {
            if (what) what->reset();
        }
    };
    dropped->spawn([&]() -> task<> {
        const leaves_note note(log, 'x');
        co_await weft::with_task_group([&](task_group& inner) -> task<> {
            inner.spawn([&]() -> task<drops> { co_return drops(&dropped); });
            co_return;
        });
        log += "not reached";
    });
    while (dropped) REQUIRE(loop.poll() != 0);

    CHECK(log == "x");
}

TEST_CASE("what is asked to withdraw may not destroy its own branch", "[core][branch]") {
    const auto words = last_words([] {
        test_loop loop;
        std::optional<task_group> group(std::in_place, loop);
        std::optional<weft::completer<int>> done;
        auto child = group->spawn([&]() -> task<> {
            co_await weft::from_callback<int>([&](auto last) { done = last; },
                                              [&] { group.reset(); });
        });
        loop.poll();
        child.cancel();
        loop.poll();
    });

    CHECK_THAT(words, Catch::Matchers::ContainsSubstring("destroyed while"));
}

namespace {

/// Calls `f` when it is destroyed, unless it was moved from.
struct last_act {
    std::function<void()> f;
    explicit last_act(std::function<void()> does) : f(std::move(does)) {}
    last_act(last_act&& other) noexcept : f(std::exchange(other.f, nullptr)) {}
    ~last_act() {
        if (f) f();
    }
};
weft::async_generator<int> yields_one(last_act) { co_yield 1; }
weft::task<> ends(last_act) { co_await weft::yield(); }

} // namespace

TEST_CASE("a child that is destroyed by what its own end destroys ends the program",
          "[core][branch]") {
    const auto words = last_words([] {
        weft::run([]() -> weft::task<> {
            std::optional<weft::async_generator<int>> generator;
            auto group = std::make_unique<weft::task_group>(weft::this_loop());
            generator.emplace(yields_one(last_act([&] { group.reset(); })));
            co_await generator->next();
            group->spawn(ends(last_act([&] { generator.reset(); })));
            for (int i = 0; i != 4; ++i) co_await weft::yield();
        });
    });
    CHECK(words.find("destroyed while it runs") != std::string::npos);
}
