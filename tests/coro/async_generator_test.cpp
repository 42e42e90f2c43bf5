// SPDX-License-Identifier: MIT
#include <weft/coro/async_generator.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weft/compose/finally.hpp>
#include <weft/compose/shield.hpp>
#include <weft/compose/when_all.hpp>
#include <weft/compose/with_task_group.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/core/error.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/sync/event.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/steps.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using weft::async_generator;
using weft::task;
using weft::testing::tracked;

namespace {

auto now() { return weft::loop_clock::now().time_since_epoch(); }

/// Yields 1 .. `last`, each after `delay`.
async_generator<int> numbers(int last, weft::duration delay = 1ms) {
    const tracked local;
    for (int i = 1; i <= last; ++i) {
        co_await weft::sleep_for(delay);
        co_yield i;
    }
}

task<std::vector<int>> all_of(async_generator<int>& from) {
    std::vector<int> result;
    while (auto* each = co_await from.next()) result.push_back(*each);
    co_return result;
}

} // namespace

TEST_CASE("an async_generator awaits and yields in turn", "[coro][async_generator]") {
    run([]() -> task<> {
        auto counting = numbers(3);
        const auto all = co_await all_of(counting);
        CHECK(all == std::vector{1, 2, 3});
        CHECK(now() == 3ms);
        for (int i = 0; i != 2; ++i) {
            auto* nothing = co_await counting.next();
            CHECK(nothing == nullptr);
        }
    });
}

TEST_CASE("an async_generator does nothing before the first next", "[coro][async_generator]") {
    events log;
    run([&]() -> task<> {
        auto body = [&]() -> async_generator<int> {
            log.push_back("begin");
            co_yield 1;
            log.push_back("middle");
            co_yield 2;
            log.push_back("end");
        };
        auto elements = body();
        co_await weft::yield();
        log.push_back("first");
        co_await elements.next();
        co_await weft::yield();
        log.push_back("second");
        co_await elements.next();
        log.push_back("third");
        co_await elements.next();
        auto never_used = body();
    });

    CHECK(log == events{"first", "begin", "second", "middle", "third", "end"});
}

TEST_CASE("an async_generator that never waits takes no turn", "[coro][async_generator]") {
    run([]() -> task<> {
        auto count = []() -> async_generator<int> {
            for (int i = 1;; ++i) co_yield i;
        };
        auto counting = count();
        bool turned = false;
        weft::this_loop().post([&] { turned = true; });
        for (int i = 1; i != 30; ++i) {
            auto* each = co_await counting.next();
            CHECK(*each == i);
        }
        CHECK_FALSE(turned);
        // But it does not keep others waiting for ever.
        for (int i = 30; i != 1000; ++i) {
            auto* each = co_await counting.next();
            REQUIRE(*each == i);
        }
        CHECK(turned);
    });
}

TEST_CASE("an element can be moved, is kept, and may be an lvalue or a temporary",
          "[coro][async_generator]") {
    run([]() -> task<> {
        auto owners = []() -> async_generator<std::unique_ptr<int>> {
            co_yield std::make_unique<int>(1);
            auto local = std::make_unique<int>(2);
            co_yield std::move(local);
        };
        auto elements = owners();
        auto* first = co_await elements.next();
        co_await weft::yield();
        const auto taken = std::move(*first);
        CHECK(*taken == 1);
        auto* second = co_await elements.next();
        CHECK(**second == 2);

        auto words = []() -> async_generator<std::string> {
            const std::string word(40, 'x');
            co_yield word; // copied: the consumer may change it
            co_yield word + "y";
        };
        auto texts = words();
        auto* text = co_await texts.next();
        text->clear();
        text = co_await texts.next();
        CHECK(*text == std::string(40, 'x') + "y");
    });
}

TEST_CASE("an element need neither be default-constructible nor movable",
          "[coro][async_generator]") {
    struct fixed {
        explicit fixed(int n) : number(n) {}
        fixed(const fixed&) = delete;
        int number;
    };
    run([]() -> task<> {
        auto make = []() -> async_generator<fixed> { co_yield fixed(7); };
        auto elements = make();
        auto* element = co_await elements.next();
        CHECK(element->number == 7);
    });
}

TEST_CASE("what the body throws is rethrown once, and then the sequence has ended",
          "[coro][async_generator]") {
    run([]() -> task<> {
        auto body = []() -> async_generator<int> {
            const tracked local;
            co_yield 1;
            co_await weft::yield();
            throw std::runtime_error("broken");
        };
        auto elements = body();
        co_await elements.next();
        std::string caught;
        try {
            co_await elements.next();
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "broken");
        CHECK(tracked::alive == 0);
        auto* nothing = co_await elements.next();
        CHECK(nothing == nullptr);
    });
}

TEST_CASE("a copy that throws is an error of the body", "[coro][async_generator]") {
    struct stuck {
        stuck() = default;
        stuck(const stuck&) { throw std::runtime_error("cannot be copied"); }
    };
    run([]() -> task<> {
        auto body = []() -> async_generator<stuck> {
            const stuck local;
            co_yield local;
        };
        auto elements = body();
        std::string caught;
        try {
            co_await elements.next();
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "cannot be copied");
    });
}

TEST_CASE("a next that is cancelled or out of time loses nothing", "[coro][async_generator]") {
    run([]() -> task<> {
        auto counting = numbers(4, 10ms);
        std::vector<int> seen;
        int tries = 0;
        for (;;) {
            ++tries;
            auto next = co_await weft::try_for(3ms, counting.next());
            if (!next) continue;
            if (!*next) break;
            seen.push_back(**next);
            co_await weft::sleep_for(5ms); // the body rests meanwhile
        }
        CHECK(seen == std::vector{1, 2, 3, 4});
        CHECK(tries > 8);
    });
}

TEST_CASE("an element that came when nobody waited is the next one's", "[coro][async_generator]") {
    run([]() -> task<> {
        auto counting = numbers(2, 2ms);
        auto none = co_await weft::try_for(1ms, counting.next());
        CHECK_FALSE(none);
        co_await weft::sleep_for(1h);
        const auto before = now();
        auto* first = co_await counting.next();
        CHECK(*first == 1);
        CHECK(now() == before);
        auto* second = co_await counting.next();
        CHECK(*second == 2);
        CHECK(now() == before + 2ms);
    });
}

TEST_CASE("an element and a cancel in one turn: what was complete is delivered",
          "[coro][async_generator]") {
    branches b;
    weft::event ready[2];
    std::vector<int> seen;
    auto body = [](weft::event& until) -> async_generator<int> {
        co_await until.wait();
        co_yield 1;
        co_yield 2;
    };
    auto generators = std::vector<async_generator<int>>();
    for (auto& each : ready) generators.push_back(body(each));
    const auto take = [&](std::size_t which) {
        return [&, which]() -> task<> {
            auto* each = co_await generators[which].next();
            seen.push_back(static_cast<int>(10 * which) + *each);
            co_await weft::yield();
            seen.push_back(-1);
        };
    };
    const auto first = b.spawn(take(0));
    const auto second = b.spawn(take(1));
    b.run();

    b.cancel(second);
    for (auto& each : ready) each.set();
    b.cancel(first);
    b.run();
    CHECK(seen.empty()); // the body was ready, and the consumer was not: he is gone
    CHECK(b.was_destroyed(first));
    CHECK(b.was_destroyed(second));

    b.spawn(take(0));
    b.spawn(take(1));
    b.run();
    CHECK(seen == std::vector{1, 11, -1, -1});
}

TEST_CASE("left early, an async_generator dies where it is", "[coro][async_generator]") {
    events log;
    run([&]() -> task<> {
        auto body = [&]() -> async_generator<int> {
            const says_goodbye local(log, "body");
            co_yield 1;
            co_await step(1h, log, "step");
            co_yield 2;
        };
        {
            auto at_a_yield = body();
            co_await at_a_yield.next();
        }
        log.push_back("|");
        {
            auto at_work = body();
            co_await at_work.next();
            auto none = co_await weft::try_for(1ms, at_work.next());
            CHECK_FALSE(none);
        }
        log.push_back("|");
        auto assigned = body();
        co_await assigned.next();
        assigned = body();
        log.push_back("|");
    });

    CHECK(log == events{"~body", "|", "step", "~step", "~body", "|", "~body", "|"});
}

TEST_CASE("close runs the clean-ups of the body, and then there is nothing more",
          "[coro][async_generator]") {
    events log;
    run([&]() -> task<> {
        auto body = [&]() -> async_generator<int> {
            co_yield 1;
            co_await weft::finally(step(1h, log, "work"), step(2ms, log, "clean-up"));
            co_yield 2;
        };
        auto elements = body();
        co_await elements.next();
        auto none = co_await weft::try_for(1ms, elements.next());
        CHECK_FALSE(none);
        co_await elements.close();
        CHECK(now() == 3ms);
        auto* nothing = co_await elements.next();
        CHECK(nothing == nullptr);
        co_await elements.close(); // again
    });

    CHECK(log == events{"work", "~work", "clean-up", "clean-up done", "~clean-up"});
}

TEST_CASE("close before the first next, at a yield, after the end", "[coro][async_generator]") {
    run([]() -> task<> {
        auto unused = numbers(2);
        co_await unused.close();
        auto* nothing = co_await unused.next();
        CHECK(nothing == nullptr);
        CHECK(tracked::alive == 0);

        auto used = numbers(2);
        co_await used.next();
        co_await used.close();
        nothing = co_await used.next();
        CHECK(nothing == nullptr);
        CHECK(tracked::alive == 0);

        auto ended = numbers(0);
        co_await ended.next();
        co_await ended.close();
    });
}

TEST_CASE("close rethrows an error of the clean-up", "[coro][async_generator]") {
    run([]() -> task<> {
        auto body = []() -> async_generator<int> {
            co_await weft::finally(weft::sleep_for(1h), error_after(1ms, "clean-up"));
            co_yield 1;
        };
        auto elements = body();
        auto none = co_await weft::try_for(1ms, elements.next());
        CHECK_FALSE(none);
        std::string caught;
        try {
            co_await elements.close();
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "clean-up");
    });
}

TEST_CASE("a cancelled close waits for the end all the same", "[coro][async_generator]") {
    run([]() -> task<> {
        bool cleaned = false;
        auto clean_up = [&]() -> task<> {
            co_await weft::sleep_for(5ms);
            cleaned = true;
        };
        auto body = [&]() -> async_generator<int> {
            co_await weft::finally(weft::sleep_for(1h), clean_up);
            co_yield 1;
        };
        auto elements = body();
        auto none = co_await weft::try_for(1ms, elements.next());
        CHECK_FALSE(none);
        auto closed = co_await weft::try_for(1ms, elements.close());
        CHECK(closed); // it was complete, if late
        CHECK(cleaned);
        CHECK(now() == 6ms);
    });
}

TEST_CASE("somebody who waits for an element hears that it is closed", "[coro][async_generator]") {
    run([]() -> task<> {
        auto body = []() -> async_generator<int> {
            co_await weft::finally(weft::sleep_for(1h), weft::sleep_for(1ms));
            co_yield 1;
        };
        auto elements = body();
        auto wait = [&]() -> task<bool> {
            auto* nothing = co_await elements.next();
            co_return nothing == nullptr;
        };
        auto close = [&]() -> task<> {
            co_await weft::yield();
            co_await elements.close();
        };
        auto both = co_await weft::when_all(wait(), close());
        CHECK(std::get<0>(both));
    });
}

TEST_CASE("whoever asks for an element while it is being closed waits for its end",
          "[coro][async_generator]") {
    for (const bool fetched : {true, false}) {
        events log;
        run([&]() -> task<> {
            auto body = [&]() -> async_generator<int> {
                weft::task_group group; // which a cancel joins first
                group.spawn([] { return weft::finally(weft::sleep_for(1h), weft::sleep_for(3ms)); });
                co_await weft::yield();
                co_yield 1;
                log.push_back("went on");
                co_yield 2;
            };
            auto elements = body();
            if (fetched) {
                co_await elements.next();
            } else {
                weft::task_group nobody;
                nobody.spawn([&]() -> task<> { co_await elements.next(); });
                co_await weft::yield();
                nobody.cancel();
                co_await nobody.join();
                co_await weft::yield();
            }
            auto close = [&]() -> task<> { co_await elements.close(); };
            auto ask = [&](weft::duration when) -> task<bool> {
                co_await weft::sleep_for(when);
                auto* nothing = co_await elements.next();
                co_return nothing == nullptr;
            };
            auto results = co_await weft::when_all(close(), ask(0ms), ask(5ms));
            CHECK(std::get<1>(results));
            CHECK(std::get<2>(results));
            auto again = body();
            co_await again.next();
            auto at_once = [&]() -> task<bool> {
                auto* nothing = co_await again.next();
                co_return nothing == nullptr;
            };
            auto both = co_await weft::when_all([&] { return again.close(); }, at_once);
            CHECK(std::get<1>(both));
        });
        CHECK(log.empty());
    }
}

TEST_CASE("two who wait, and a body that waits for itself, are refused",
          "[coro][async_generator]") {
    run([]() -> task<> {
        auto counting = numbers(2);
        auto wait = [&]() -> task<std::string> {
            try {
                auto* each = co_await counting.next();
                co_return std::to_string(*each);
            } catch (const weft::error& error) {
                co_return error.code() == weft::errc::busy ? "busy" : error.what();
            }
        };
        auto both = co_await weft::when_all(wait(), wait());
        CHECK(both == std::tuple<std::string, std::string>("1", "busy"));
        co_await counting.close();

        async_generator<int>* own = nullptr;
        bool refused = false;
        auto body = [&]() -> async_generator<int> {
            for (int i = 0; i != 2; ++i) {
                try {
                    if (i == 0)
                        co_await own->next();
                    else
                        co_await weft::with_timeout(1s, own->close());
                } catch (const weft::deadlock_error&) {
                    refused = true;
                }
                co_yield i;
            }
        };
        auto selfish = body();
        own = &selfish;
        for (int i = 0; i != 2; ++i) {
            refused = false;
            auto* each = co_await selfish.next();
            CHECK(*each == i);
            CHECK(refused);
        }
    });
}

TEST_CASE("an error that nobody fetched is unhandled when the generator goes",
          "[coro][async_generator]") {
    const no_frame_leaks check;
    test_loop loop;
    loop.run([]() -> task<> {
        auto body = []() -> async_generator<int> {
            co_await weft::sleep_for(2ms);
            throw std::runtime_error("in vain");
            co_yield 1;
        };
        auto elements = body();
        auto none = co_await weft::try_for(1ms, elements.next());
        CHECK_FALSE(none);
        co_await weft::sleep_for(5ms);
    });

    CHECK(loop.reported == std::vector<std::string>{"in vain in async_generator"});
}

TEST_CASE("async_generators can be nested and moved", "[coro][async_generator]") {
    run([]() -> task<> {
        struct doubling {
            static async_generator<int> of(async_generator<int> inner) {
                while (auto* each = co_await inner.next()) co_yield 2 * *each;
            }
        };
        auto doubled = doubling::of(doubling::of(numbers(3)));
        auto moved = std::move(doubled);
        const auto all = co_await all_of(moved);
        CHECK(all == std::vector{4, 8, 12});
    });
    CHECK(tracked::alive == 0);
}

TEST_CASE("an async_generator ends well wherever it is ended", "[coro][async_generator]") {
    sweep([]() -> task<> {
        auto counting = numbers(3);
        const auto all = co_await all_of(counting);
        static_cast<void>(all);
    });
    sweep([]() -> task<> {
        auto body = []() -> async_generator<tracked> {
            co_yield tracked();
            co_await weft::finally(value_after(1ms, 1), value_after(1ms, 2));
            const tracked local;
            co_yield local;
            co_await weft::finally(value_after(1h, 1), value_after(1ms, 2));
        };
        auto elements = body();
        for (int i = 0; i != 4; ++i) {
            auto next = co_await weft::try_for(1ms, elements.next());
            static_cast<void>(next);
        }
        co_await elements.close();
    });
    sweep([]() -> task<> {
        auto counting = numbers(2);
        auto close = [&]() -> task<> {
            co_await weft::sleep_for(1ms);
            co_await counting.close();
        };
        co_await weft::when_all(all_of(counting), close());
    });
}

TEST_CASE("what a generator's body has spawned cannot wait for the end of the body",
          "[coro][async_generator]") {
    for (const bool plain : {false, true}) {
        run([plain]() -> task<> {
            std::optional<async_generator<int>> numbers;
            std::string caught;
            const auto close = [&]() -> task<> {
                try {
                    co_await numbers->close();
                } catch (const weft::deadlock_error& error) {
                    caught = error.what();
                }
            };
            const auto make = [&]() -> async_generator<int> {
                if (plain) {
                    weft::task_group group;
                    group.spawn(close);
                    co_await group.join();
                } else {
                    const auto spawn = [&](weft::task_group& group) -> task<> {
                        group.spawn([&]() -> task<> { co_await weft::shield(close()); });
                        co_return;
                    };
                    co_await weft::with_task_group(spawn);
                }
                co_yield 7;
            };
            numbers.emplace(make());

            auto* number = co_await numbers->next();
            REQUIRE(number != nullptr);
            CHECK(*number == 7);
            CHECK(caught.find("its own end") != std::string::npos);
            co_await numbers->close();
        });
    }
}

TEST_CASE("unstarted async_generators that hold each other die without recursion",
          "[coro][async_generator]") {
    const auto first = [](tracked) -> async_generator<int> { co_yield 1; };
    const auto around = [](async_generator<int> inner, tracked) -> async_generator<int> {
        while (auto* each = co_await inner.next()) co_yield *each;
    };
    const no_frame_leaks check;

    {
        auto all = first(tracked());
        for (int i = 0; i != 100'000; ++i) all = around(std::move(all), tracked());
        CHECK(tracked::alive == 100'001);
    }

    CHECK(tracked::alive == 0);
}

namespace {

weft::async_generator<int> keeps(std::unique_ptr<weft::async_generator<int>>) { co_yield 1; }
weft::async_generator<int> kept() { co_yield 2; }

} // namespace

TEST_CASE("an async_generator can be assigned what it holds", "[coro][async_generator]") {
    auto inner = std::make_unique<weft::async_generator<int>>(kept());
    auto* const raw = inner.get();
    auto outer = keeps(std::move(inner));
    outer = std::move(*raw);

    run([&]() -> weft::task<> {
        auto* element = co_await outer.next();
        CHECK(*element == 2);
        co_await outer.close();
    });
}

TEST_CASE("the error of a generator that nobody received is told to its loop",
          "[coro][async_generator]") {
    auto fails = []() -> weft::async_generator<int> {
        co_yield 1;
        co_await weft::yield();
        throw std::runtime_error("lost");
    };
    test_loop loop;
    std::optional<weft::async_generator<int>> generator(fails());
    loop.run([&]() -> weft::task<> {
        co_await generator->next();
        weft::task_group group;
        auto impatient = group.spawn([&]() -> weft::task<> { co_await generator->next(); });
        co_await weft::yield();
        impatient.cancel();
        co_await impatient.wait();
        co_await weft::yield();
    });
    CHECK(loop.reported.empty());

    generator.reset();

    CHECK(loop.reported == std::vector<std::string>{"lost in async_generator"});
}

TEST_CASE("a body that holds the last owner of its generator destroys that when it ends",
          "[coro][async_generator]") {
    struct holder {
        std::optional<weft::async_generator<int>> generator;
    };
    weft::event go;
    std::weak_ptr<holder> alive;
    auto body = [&](std::shared_ptr<holder>) -> weft::async_generator<int> {
        co_yield 1;
        co_await go.wait();
    };
    run([&]() -> weft::task<> {
        auto owner = std::make_shared<holder>();
        alive = owner;
        owner->generator.emplace(body(owner));
        co_await owner->generator->next();
        const auto none = co_await weft::try_for(1ms, owner->generator->next());
        CHECK_FALSE(none);
        owner.reset();
        CHECK_FALSE(alive.expired());
        go.set();
        co_await weft::yield();
        co_await weft::yield();
        CHECK(alive.expired());
    });
}
