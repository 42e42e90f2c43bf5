// SPDX-License-Identifier: MIT
#include <weft/compose/for_each_concurrent.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weft/compose/finally.hpp>
#include <weft/compose/shield.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/coro/generator.hpp>
#include <weft/coro/task_local.hpp>
#include <weft/sync/event.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/steps.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using weft::for_each_concurrent;
using weft::task;

namespace {

auto now() { return weft::loop_clock::now().time_since_epoch(); }

weft::generator<int> count_up(int& made) {
    for (;;) {
        ++made;
        co_yield made;
    }
}

} // namespace

TEST_CASE("for_each_concurrent starts in order, and never more than n at once",
          "[compose][for_each_concurrent]") {
    std::vector<int> order;
    int running = 0;
    int most = 0;
    run([&]() -> task<> {
        auto one = [&](int i) -> task<> {
            order.push_back(i);
            most = std::max(most, ++running);
            co_await weft::sleep_for(i % 2 == 0 ? 1ms : 3ms);
            --running;
        };
        co_await for_each_concurrent(std::views::iota(0, 10), 3, one);
        CHECK(running == 0);
    });

    CHECK(order == std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    CHECK(most == 3);
}

TEST_CASE("for_each_concurrent of nothing is ready", "[compose][for_each_concurrent]") {
    run([]() -> task<> {
        co_await for_each_concurrent(std::vector<int>(), 3, [](int) { return weft::yield(); });
        CHECK(now() == 0ms);
    });
}

TEST_CASE("a limit of 0 is refused", "[compose][for_each_concurrent]") {
    run([]() -> task<> {
        bool refused = false;
        try {
            const std::vector<int> range(1);
            co_await for_each_concurrent(range, 0, [](int) { return weft::yield(); });
        } catch (const std::invalid_argument&) {
            refused = true;
        }
        CHECK(refused);
    });
}

TEST_CASE("the elements are those of the range, not copies", "[compose][for_each_concurrent]") {
    std::vector<std::string> words{"a", "b", "c"};
    run([&]() -> task<> {
        auto twice = [](std::string& word) -> task<int> { // the result is nobody's
            co_await weft::yield();
            word += word;
            co_return 1;
        };
        co_await for_each_concurrent(std::views::all(words), 2, twice);
    });

    CHECK(words == std::vector<std::string>{"aa", "bb", "cc"});
}

TEST_CASE("for_each_concurrent keeps what it is given", "[compose][for_each_concurrent]") {
    std::vector<int> seen;
    run([&]() -> task<> {
        std::vector<std::unique_ptr<int>> owned;
        for (int i = 0; i != 4; ++i) owned.push_back(std::make_unique<int>(i));
        auto look = [&seen, own = std::make_unique<int>(10)](auto& each) -> task<> {
            co_await weft::yield();
            seen.push_back(*each + *own);
        };
        auto all = for_each_concurrent(std::move(owned), 2, std::move(look));
        auto moved = std::move(all);
        co_await std::move(moved);
    });

    CHECK(seen == std::vector{10, 11, 12, 13});
}

TEST_CASE("elements that the range makes live as long as they are in use",
          "[compose][for_each_concurrent]") {
    std::vector<std::string> seen;
    run([&]() -> task<> {
        auto made = std::views::iota(0, 4) |
                    std::views::transform([](int i) { return std::string(40, static_cast<char>('a' + i)); });
        auto look = [&](std::string each) -> task<> {
            co_await weft::sleep_for(1ms);
            seen.push_back(each.substr(0, 1));
        };
        co_await for_each_concurrent(made, 2, look);
    });

    CHECK(seen == std::vector<std::string>{"a", "b", "c", "d"});
}

TEST_CASE("the elements of a generator outlive its next step", "[compose][for_each_concurrent]") {
    std::vector<int> seen;
    run([&]() -> task<> {
        auto make = []() -> weft::generator<std::unique_ptr<int>> {
            for (int i = 0; i != 5; ++i) co_yield std::make_unique<int>(i);
        };
        auto look = [&](std::unique_ptr<int>&& each) -> task<> {
            co_await weft::sleep_for(1ms);
            seen.push_back(*each);
        };
        co_await for_each_concurrent(make(), 3, look);

        auto words = []() -> weft::generator<const std::string&> {
            for (char c = 'a'; c != 'd'; ++c) co_yield std::string(40, c);
        };
        auto size = [&](const std::string& word) -> task<> {
            co_await weft::sleep_for(1ms);
            seen.push_back(word.back());
        };
        co_await for_each_concurrent(words(), 2, size);
    });

    CHECK(seen == std::vector<int>{0, 1, 2, 3, 4, 'a', 'b', 'c'});
}

TEST_CASE("the next element is taken when one has ended", "[compose][for_each_concurrent]") {
    run([]() -> task<> {
        int made = 0;
        auto one = [](int i) { return weft::sleep_for(i == 1 ? 10ms : 1ms); };
        auto none = co_await weft::try_for(3500us, for_each_concurrent(count_up(made), 2, one));
        CHECK_FALSE(none);
        CHECK(made == 5); // 1 runs; 2, 3 and 4 have ended; 5 runs
    });
}

TEST_CASE("the first error stops: no more are taken, the running are cancelled, newest first",
          "[compose][for_each_concurrent]") {
    events log;
    int made = 0;
    run([&]() -> task<> {
        auto one = [&](int i) -> task<> {
            const std::string name = std::to_string(i);
            if (i == 3)
                co_await error_after(1ms, "broken");
            else
                co_await step(i == 1 ? 1ms : 1h, log, name);
        };
        std::string caught;
        try {
            co_await for_each_concurrent(count_up(made), 4, one);
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "broken");
        CHECK(now() == 1ms);
    });

    CHECK(log == events{"1", "2", "4", "1 done", "~1", "~4", "~2"});
    CHECK(made == 5); // in place of 1, and never started
}

TEST_CASE("later errors in for_each_concurrent are unhandled", "[compose][for_each_concurrent]") {
    const no_frame_leaks check;
    test_loop loop;
    auto main = []() -> task<> {
        auto one = [](int i) -> task<> {
            const std::string what = std::to_string(i);
            if (i == 1)
                co_await error_after(1ms, what);
            else
                co_await weft::finally(weft::sleep_for(1h), error_after(0ms, what));
        };
        co_await for_each_concurrent(std::views::iota(0, 9), 3, one);
    };

    CHECK_THROWS_WITH(loop.run(main), "1");
    CHECK(loop.reported == std::vector<std::string>{"2", "0"});
}

TEST_CASE("an error of the callable or of the range is one like any other",
          "[compose][for_each_concurrent]") {
    events log;
    auto caught_from = [](auto start) {
        std::string caught;
        run([&]() -> task<> {
            try {
                co_await start();
            } catch (const std::runtime_error& error) {
                caught = error.what();
            }
        });
        return caught;
    };
    const auto throwing_call = [&] {
        return for_each_concurrent(std::views::iota(0), 2, [&](int i) {
            if (i == 1) throw std::runtime_error("callable");
            return step(1h, log, std::to_string(i));
        });
    };
    const auto throwing_range = [&] {
        auto range = []() -> weft::generator<int> {
            co_yield 0;
            co_yield 1;
            throw std::runtime_error("range");
        };
        return for_each_concurrent(range(), 2,
                                   [&](int i) { return step(i * 1h, log, std::to_string(i)); });
    };
    const auto throwing_at_once = [] {
        auto range = []() -> weft::generator<int> {
            throw std::runtime_error("first");
            co_yield 0;
        };
        return for_each_concurrent(range(), 2, [](int) { return weft::yield(); });
    };

    CHECK(caught_from(throwing_call) == "callable");
    CHECK(log == events{"0", "~0"});
    log.clear();
    CHECK(caught_from(throwing_range) == "range");
    CHECK(log == events{"0", "1", "0 done", "~0", "~1"});
    CHECK(caught_from(throwing_at_once) == "first");
}

TEST_CASE("a cancel ends and joins those that run, and takes no more",
          "[compose][for_each_concurrent]") {
    events log;
    int made = 0;
    run([&]() -> task<> {
        auto caller = [&]() -> task<> {
            const says_goodbye goodbye(log, "caller");
            auto one = [&](int i) -> task<> {
                auto clean_up = [] { return weft::sleep_for(2ms); };
                co_await weft::finally(step(1h, log, std::to_string(i)), clean_up);
            };
            co_await for_each_concurrent(count_up(made), 2, one);
        };
        auto none = co_await weft::try_for(1ms, caller());
        CHECK_FALSE(none);
        CHECK(now() == 3ms);
    });

    CHECK(log == events{"1", "2", "~2", "~1", "~caller"});
    CHECK(made == 2);
}

TEST_CASE("an error at the end of a cancelled for_each_concurrent is delivered",
          "[compose][for_each_concurrent]") {
    run([]() -> task<> {
        auto one = [](int) {
            return weft::finally(weft::sleep_for(1h), error_after(0ms, "clean-up"));
        };
        std::string caught;
        try {
            co_await weft::try_for(1ms, for_each_concurrent(std::views::iota(0), 1, one));
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "clean-up");
    });
}

TEST_CASE("an element complete before the cancel in one turn, and one after",
          "[compose][for_each_concurrent]") {
    branches b;
    weft::event event;
    std::vector<int> done;
    const auto all = [&]() -> task<> {
        auto one = [&](int i) -> task<> {
            co_await event.wait();
            done.push_back(i);
        };
        co_await for_each_concurrent(std::views::iota(0), 2, one);
    };
    const auto first = b.spawn(all);
    const auto second = b.spawn(all);
    b.run();

    b.cancel(second);
    event.set();
    b.cancel(first);
    b.run();

    CHECK(done == std::vector{0, 1}); // those of `first`, and none after them
    CHECK(b.was_destroyed(first));
    CHECK(b.was_destroyed(second));
}

TEST_CASE("an error that a dropped for_each_concurrent could not deliver is unhandled",
          "[compose][for_each_concurrent]") {
    std::shared_ptr<std::vector<std::string>> reported;
    {
        test_loop loop;
        reported = loop.log;
        loop.spawn([]() -> task<> {
            auto one = [](int i) -> task<> {
                if (i == 1) throw std::runtime_error("in vain");
                co_await weft::shield(weft::sleep_for(1h));
            };
            co_await for_each_concurrent(std::views::iota(0), 2, one);
        });
        while (loop.poll() != 0) {}
        CHECK(reported->empty());
    }

    CHECK(*reported == std::vector<std::string>{"in vain in for_each_concurrent"});
}

TEST_CASE("for_each_concurrent ends well wherever it is ended", "[compose][for_each_concurrent]") {
    sweep([]() -> task<> {
        auto one = [](int i) { return value_after((i % 3) * 1ms, i); };
        co_await for_each_concurrent(std::views::iota(0, 6), 2, one);
        co_await weft::yield();
    });
    sweep([]() -> task<> {
        auto one = [](int i) -> task<> {
            if (i == 4) co_await error_after(1ms, "x");
            co_await weft::finally(value_after(2ms, i), value_after(1ms, i));
        };
        try {
            co_await for_each_concurrent(std::views::iota(0), 3, one);
        } catch (const std::runtime_error&) {
        }
    });
}

TEST_CASE("a range is asked for its elements in the branch that waits",
          "[compose][for_each_concurrent]") {
    static weft::task_local<int> level{0};
    std::vector<int> levels;
    run([&]() -> task<> {
        auto body = [&]() -> task<> {
            auto elements = std::views::iota(0, 5) | std::views::transform([&](int i) {
                                levels.push_back(level.get());
                                return i;
                            });
            auto wait = [](int) -> task<> { co_await weft::yield(); };
            co_await weft::for_each_concurrent(elements, 2, wait);
        };
        co_await level.with(7, body);
    });
    CHECK(levels == std::vector<int>(5, 7));
}
