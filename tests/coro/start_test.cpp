// SPDX-License-Identifier: MIT
#include <weft/coro/start.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/slow_wait.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using weft::started;
using weft::task;
using weft::task_group;
using weft::testing::tracked;

namespace {

/// Says after a second that it listens, and does so for an hour.
task<> listens(started<int> ready, std::string& log) {
    co_await weft::sleep_for(1s);
    ready(8080);
    log += "listening ";
    ready(1); // no effect
    co_await weft::sleep_for(1h);
    log += "closed ";
}

template <class T = int, class F> std::string error_of(F f) {
    std::string text;
    run([&]() -> task<> {
        task_group children;
        try {
            if constexpr (std::is_void_v<T>) {
                co_await children.start<void>(f);
            } else {
                const int value = co_await children.start<T>(f);
                text = std::to_string(value);
            }
        } catch (const std::exception& error) {
            text = error.what();
        }
        co_await children.join(); // which has heard of no error
    });
    return text;
}

} // namespace

TEST_CASE("start waits until the child is ready, and returns what it says", "[coro][start]") {
    std::string log;
    run([&]() -> task<> {
        task_group children;
        const int port = co_await children.start<int>(listens, std::ref(log));
        CHECK(port == 8080);
        CHECK(weft::loop_clock::now() == weft::time_point(1s));
        CHECK(log == "listening ");
        CHECK(children.size() == 1);
        co_await children.join();
    });

    CHECK(log == "listening closed ");
}

TEST_CASE("a child that has nothing to say is started without a value", "[coro][start]") {
    std::string log;
    run([&]() -> task<> {
        task_group children;
        const auto body = [&](started<> ready, tracked&) -> task<> {
            co_await weft::sleep_for(1s);
            ready();
            log += "ready ";
            ready(); // no effect
            co_await weft::sleep_for(1h);
            log += "ended ";
        };
        co_await children.start<void>(body, tracked());
        CHECK(weft::loop_clock::now() == weft::time_point(1s));
        CHECK(log == "ready ");
        CHECK(children.size() == 1);
        co_await children.join();
        CHECK(tracked::alive == 0);
    });

    CHECK(log == "ready ended ");
    STATIC_REQUIRE(std::is_invocable_v<started<void>>);
    STATIC_REQUIRE_FALSE(std::is_invocable_v<started<void>, int>);
    STATIC_REQUIRE_FALSE(std::is_invocable_v<started<int>>);
}

TEST_CASE("a child may say where something is", "[coro][start]") {
    run([]() -> task<> {
        task_group children;
        const auto body = [](started<int&> ready) -> task<> {
            int value = 7;
            ready(value);
            co_await weft::sleep_for(1s);
            CHECK(value == 8);
        };
        int& value = co_await children.start<int&>(body);
        ++value;
        co_await children.join();
    });
}

TEST_CASE("the arguments of a started child live in it, and are lvalues", "[coro][start]") {
    run([]() -> task<> {
        task_group children;
        const auto body = [](started<std::unique_ptr<int>> ready, std::unique_ptr<int>& value,
                             tracked&) -> task<> {
            ready(std::move(value));
            co_await weft::sleep_for(1s);
            CHECK(tracked::alive == 1);
        };
        const auto value = co_await children.start<std::unique_ptr<int>>(
            body, std::make_unique<int>(7), tracked());
        CHECK(*value == 7);
        co_await children.join();
        CHECK(tracked::alive == 0);
    });
}

TEST_CASE("a child that fails before it is ready fails its starter, not the group",
          "[coro][start]") {
    CHECK(error_of([](started<int>) -> task<> {
              co_await weft::sleep_for(1s);
              throw std::runtime_error("address in use");
          }) == "address in use");
    CHECK(error_of([](started<int>) -> task<int> {
              throw std::runtime_error("at once");
              co_return 0;
          }) == "at once");
    CHECK(error_of<void>([](started<>) -> task<> {
              co_await weft::sleep_for(1s);
              throw std::runtime_error("no disk");
          }) == "no disk");
}

TEST_CASE("a child that ends without being ready is an error of its starter", "[coro][start]") {
    CHECK_THAT(error_of([](started<int>) -> task<> { co_return; }),
               Catch::Matchers::ContainsSubstring("before it had called `started`"));
    CHECK_THAT(error_of<void>([](started<>) -> task<> { co_return; }),
               Catch::Matchers::ContainsSubstring("before it had called `started`"));
    CHECK(error_of<void>([](started<> ready) -> task<> {
              ready();
              co_return;
          }).empty());
    CHECK(error_of([](started<int> ready) -> task<> {
              ready(7);
              co_return;
          }) == "7");
}

TEST_CASE("a child that fails after it was ready fails the group", "[coro][start]") {
    run([]() -> task<> {
        task_group children;
        const int value = co_await children.start<int>([](started<int> ready) -> task<> {
            ready(7);
            co_await weft::sleep_for(1s);
            throw std::runtime_error("later");
        });
        CHECK(value == 7);
        std::string caught;
        try {
            co_await children.join();
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "later");
    });
}

TEST_CASE("cancelling a starter cancels the child that is not ready, and joins it",
          "[coro][start]") {
    std::string log;
    run([&]() -> task<> {
        task_group children, tasks;
        const auto slow = [](started<int> ready) -> task<> {
            tracked object;
            co_await slow_wait(1h, 2s);
            ready(7);
        };
        auto starter = tasks.spawn([&]() -> task<> {
            static_cast<void>(co_await children.start<int>(slow));
            log += "not reached";
        });
        co_await weft::sleep_for(1s);

        starter.cancel();
        co_await starter.wait();
        CHECK(weft::loop_clock::now() == weft::time_point(3s));
        CHECK(tracked::alive == 0);
        CHECK(children.empty());
        co_await children.join();
    });

    CHECK(log.empty());
}

TEST_CASE("a child becomes ready and its starter is cancelled, in one turn", "[coro][start]") {
    const bool ready_first = GENERATE(false, true);
    std::string log, served;
    test_loop loop(weft::event_loop::time::manual);
    task_group children(loop);
    auto starter = loop.spawn([&]() -> task<> {
        const int port = co_await children.start<int>(listens, std::ref(served));
        log += std::to_string(port);
        co_await weft::yield();
        log += " too far";
    });
    loop.poll();
    loop.poll();

    loop.advance(1s);
    if (ready_first) {
        loop.poll();
        starter.cancel();
    } else {
        starter.cancel();
        loop.poll();
    }
    for (int turn = 0; turn < 4; ++turn) loop.poll();

    CHECK(starter.done());
    CHECK(log == (ready_first ? "8080" : ""));
    CHECK(children.size() == (ready_first ? 1 : 0)); // ready: it goes on
}

TEST_CASE("start in a cancelled group is refused", "[coro][start]") {
    run([]() -> task<> {
        task_group children;
        children.cancel();
        bool refused = false;
        std::string log;
        try {
            static_cast<void>(co_await children.start<int>(listens, std::ref(log)));
        } catch (const weft::closed_error&) {
            refused = true;
        }
        CHECK(refused);
        CHECK(log.empty());
    });
}

TEST_CASE("somebody else may say that a child is ready, later than both", "[coro][start]") {
    std::optional<started<int>> kept;
    run([&]() -> task<> {
        task_group children;
        auto starter = children.spawn([&] {
            return children.start<int>([&](started<int> ready) -> task<> {
                kept = ready;
                co_await weft::sleep_forever();
            });
        });
        co_await weft::sleep_for(1s);
        (*kept)(7);
        const int value = co_await starter;
        CHECK(value == 7);
        children.cancel();
        co_await children.join();
        (*kept)(8);
        kept.reset();
    });
}

TEST_CASE("start ends at any point", "[coro][start]") {
    sweep([]() -> task<> {
        std::string log;
        task_group children;
        const int port = co_await children.start<int>(
            [](started<int> ready, tracked&) -> task<tracked> {
                co_await slow_wait(2s, 1s);
                ready(7);
                co_await weft::sleep_for(1s);
                co_return tracked();
            },
            tracked());
        const int other = co_await children.start<int>(listens, std::ref(log));
        static_cast<void>(port + other);
        co_await children.start<void>(
            [](started<> ready, tracked&) -> task<> {
                co_await slow_wait(2s, 1s);
                ready();
                co_await weft::sleep_for(1s);
            },
            tracked());
        children.cancel();
        co_await children.join();
    });
}

TEST_CASE("a copy of `started` may be called when the child has ended", "[coro][start]") {
    run([]() -> task<> {
        std::optional<started<int>> kept;
        task_group children;
        auto ends = [&](started<int> ready) -> task<> {
            kept = ready;
            children.spawn([&]() -> task<> {
                co_await weft::sleep_for(1s);
                (*kept)(7); // in the turn in which the child has ended: too late
            });
            co_await weft::sleep_for(1s);
        };

        std::string text;
        try {
            co_await children.start<int>(ends);
        } catch (const weft::error& found) {
            text = found.what();
        }
        co_await children.join();

        CHECK_THAT(text, Catch::Matchers::ContainsSubstring("ended before"));
    });
}

TEST_CASE("what moving the value of `started` throws goes to who waits", "[coro][start]") {
    struct breaks {
        int* moves;
        explicit breaks(int& left) : moves(&left) {}
        breaks(breaks&& other) : moves(other.moves) {
            if ((*moves)-- == 0) throw std::runtime_error("broken");
        }
    };
    for (int moves = 0; moves != 6; ++moves) {
        run([&]() -> task<> {
            int left = moves;
            task_group children;
            auto child = [&](started<breaks> ready) -> task<> {
                ready(breaks(left));
                co_return;
            };
            std::string text;
            try {
                co_await children.start<breaks>(child);
            } catch (const std::runtime_error& found) {
                text = found.what();
            }
            CHECK(text == (left < 0 ? "broken" : ""));
        });
    }
}

TEST_CASE("the error of a child is not lost with who waits for its start", "[coro][start]") {
    test_loop loop;
    {
        task_group outer(loop);
        task_group children(loop);
        auto fails = [](started<int>) -> task<> {
            co_await weft::yield();
            throw std::runtime_error("lost");
        };
        outer.spawn([&]() -> task<> { co_await children.start<int>(fails); });
        while (children.empty()) loop.poll();
        while (!children.empty()) loop.poll();
    } // the child has ended, who waits has not resumed

    CHECK(loop.reported == std::vector<std::string>{"lost"});
}

TEST_CASE("the end of who waits for a start may end the child", "[coro][start]") {
    const no_frame_leaks check;
    test_loop loop;
    std::string log;
    std::optional<task_group> children(std::in_place, loop);
    // What the dying operation destroys drops the group of the child.
    struct drops {
        std::optional<task_group>* what;
        bool* armed;
        drops(std::optional<task_group>* group, bool* on) : what(group), armed(on) {}
        drops(const drops&) = default;
        ~drops() {
            if (std::exchange(*armed, false)) what->reset();
        }
    };
    bool armed = false;
    {
        task_group outer(loop);
        outer.spawn([&]() -> task<> {
            auto waits = [&log, last = drops(&children, &armed)](
                             started<>) -> task<> {
                const tracked object;
                co_await weft::sleep_forever();
                log += "not reached";
            };
            co_await children->start(waits);
        });
        while (children->empty()) loop.poll();
        loop.poll();
        armed = true;
    }

    CHECK_FALSE(armed);
    CHECK_FALSE(children);
    CHECK(log.empty());
}
