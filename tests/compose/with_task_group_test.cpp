// SPDX-License-Identifier: MIT
#include <weft/compose/with_task_group.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weft/compose/finally.hpp>
#include <weft/compose/shield.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/core/error.hpp>
#include <weft/core/exception_group.hpp>
#include <weft/coro/this_task.hpp>
#include <weft/sync/event.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/steps.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using weft::task;
using weft::task_group;
using weft::with_task_group;

namespace {

auto now() { return weft::loop_clock::now().time_since_epoch(); }

/// Cannot be made from nothing, and not be copied.
struct ticket {
    explicit ticket(int n) : number(n) {}
    ticket(ticket&&) = default;
    int number;
};

/// Can be made, but not be moved.
struct stuck {
    stuck() = default;
    stuck(stuck&&) { throw std::runtime_error("cannot be moved"); }
};

/// Waits until it is ended, and then fails.
auto fails_at_the_end(std::string what) {
    return weft::finally(weft::sleep_for(1h), error_after(0ms, std::move(what)));
}

} // namespace

TEST_CASE("with_task_group returns when its body and all children have ended",
          "[compose][with_task_group]") {
    events log;
    run([&]() -> task<> {
        const int value = co_await with_task_group([&](task_group& g) -> task<int> {
            g.spawn(step(2ms, log, "a"));
            g.spawn(step, 1ms, std::ref(log), "b");
            log.push_back("body");
            co_return 7;
        });
        CHECK(value == 7);
        CHECK(now() == 2ms);
    });

    CHECK(log == events{"body", "a", "b", "b done", "~b", "a done", "~a"});
}

TEST_CASE("with_task_group without children is its body", "[compose][with_task_group]") {
    run([]() -> task<> {
        int target = 0;
        auto refer = [&](task_group&) -> task<int&> { co_return target; };
        auto own = [](task_group&) -> task<std::unique_ptr<int>> {
            co_return std::make_unique<int>(4);
        };
        auto number = [](task_group&) -> task<ticket> { co_return ticket(5); };
        auto wait = [](task_group&) { return weft::sleep_for(1ms); };
        auto at_once = [](task_group&) -> task<> { co_return; };

        int& same = co_await with_task_group(refer);
        auto owned = co_await with_task_group(own);
        const ticket drawn = co_await with_task_group(number);
        co_await with_task_group(at_once);
        CHECK(now() == 0ms);
        co_await with_task_group(wait);

        CHECK(&same == &target);
        CHECK(*owned == 4);
        CHECK(drawn.number == 5);
        CHECK(now() == 1ms);
    });
}

TEST_CASE("a result that throws when it is moved is an error of the body",
          "[compose][with_task_group]") {
    run([]() -> task<> {
        std::string caught;
        try {
            co_await with_task_group([](task_group&) -> task<stuck> { co_return stuck(); });
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "cannot be moved");
    });
}

TEST_CASE("a child's error cancels its siblings, newest first, then the body, and is rethrown",
          "[compose][with_task_group]") {
    events log;
    run([&]() -> task<> {
        std::string caught;
        try {
            co_await with_task_group([&](task_group& g) -> task<> {
                g.spawn(step(1h, log, "a"));
                g.spawn(error_after(1ms, "broken"));
                g.spawn(step(1h, log, "b"));
                co_await step(1h, log, "body");
            });
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "broken");
        CHECK(now() == 1ms);
    });

    CHECK(log == events{"body", "a", "b", "~b", "~a", "~body"});
}

TEST_CASE("later errors in a group are unhandled, once each, with the name of the task",
          "[compose][with_task_group]") {
    const no_frame_leaks check;
    test_loop loop;
    auto main = []() -> task<> {
        co_await with_task_group([](task_group& g) -> task<> {
            g.spawn([] { return fails_at_the_end("second"); }).set_name("one");
            g.spawn(error_after(1ms, "first"));
            g.spawn([] { return fails_at_the_end("third"); }).set_name("two");
            co_return;
        });
    };

    CHECK_THROWS_WITH(loop.run(main), "first");
    CHECK(loop.reported == std::vector<std::string>{"third in two", "second in one"});
}

TEST_CASE("an error of the body cancels the children and is rethrown under every policy",
          "[compose][with_task_group]") {
    for (const auto policy : {weft::on_error::cancel, weft::on_error::report}) {
        events log;
        run([&]() -> task<> {
            std::string caught;
            try {
                co_await with_task_group(policy, [&](task_group& g) -> task<> {
                    g.spawn(step(1h, log, "child"));
                    co_await weft::sleep_for(1ms);
                    throw std::runtime_error("body");
                });
            } catch (const std::runtime_error& error) {
                caught = error.what();
            }
            CHECK(caught == "body");
        });
        CHECK(log == events{"child", "~child"});
    }
}

TEST_CASE("a body that throws before it is a coroutine is an error of the body",
          "[compose][with_task_group]") {
    run([]() -> task<> {
        bool started = false;
        std::string caught;
        try {
            co_await with_task_group([&](task_group& g) -> task<> {
                g.spawn([&]() -> task<> {
                    started = true;
                    co_return;
                });
                if (g.size() == 1) throw std::runtime_error("not a coroutine");
                return error_after(0ms, "never");
            });
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "not a coroutine");
        CHECK_FALSE(started);
    });
}

TEST_CASE("on_error::report leaves the siblings alone", "[compose][with_task_group]") {
    const no_frame_leaks check;
    test_loop loop;
    events log;
    loop.run([&]() -> task<> {
        std::string caught;
        const int value =
            co_await with_task_group(weft::on_error::report, [&](task_group& g) -> task<int> {
                g.spawn(error_after(1ms, "nobody asks")).set_name("ignored");
                g.spawn(step(3ms, log, "sibling"));
                auto handle = g.spawn(error_after(1ms, "asked for"));
                try {
                    co_await std::move(handle);
                } catch (const std::runtime_error& error) {
                    caught = error.what();
                }
                co_return 7;
            });
        CHECK(value == 7);
        CHECK(caught == "asked for");
        CHECK(now() == 3ms);
    });

    CHECK(log == events{"sibling", "sibling done", "~sibling"});
    CHECK(loop.reported == std::vector<std::string>{"nobody asks in ignored"});
}

TEST_CASE("on_error::collect throws all errors in the order of completion, even a single one",
          "[compose][with_task_group]") {
    run([]() -> task<> {
        std::vector<std::string> caught;
        const auto collect = [&](const weft::exception_group& group) {
            for (const auto& each : group.errors())
                weft::visit_error<std::runtime_error>(
                    each, [&](const auto& error) { caught.push_back(error.what()); });
        };
        try {
            co_await with_task_group(weft::on_error::collect, [](task_group& g) -> task<> {
                g.spawn([] { return fails_at_the_end("third"); });
                g.spawn(error_after(1ms, "first"));
                g.spawn([] { return fails_at_the_end("second"); });
                co_await fails_at_the_end("the body's");
            });
        } catch (const weft::exception_group& group) {
            collect(group);
        }
        CHECK(caught == std::vector<std::string>{"first", "second", "third", "the body's"});

        caught.clear();
        try {
            co_await with_task_group(weft::on_error::collect, [](task_group& g) -> task<> {
                g.spawn(error_after(1ms, "alone"));
                co_return;
            });
        } catch (const weft::exception_group& group) {
            collect(group);
        }
        CHECK(caught == std::vector<std::string>{"alone"});
    });
}

TEST_CASE("cancelling the group ends the children and not the body", "[compose][with_task_group]") {
    events log;
    run([&]() -> task<> {
        const int value = co_await with_task_group([&](task_group& g) -> task<int> {
            auto child = g.spawn(step(1h, log, "child"));
            co_await weft::yield();
            g.cancel();
            co_await child.wait();
            bool refused = false;
            try {
                g.spawn(step(0ms, log, "too late"));
            } catch (const weft::closed_error& error) {
                refused = error.code() == weft::errc::group_closed;
            }
            CHECK(refused);
            co_await weft::sleep_for(1ms);
            co_return 7;
        });
        CHECK(value == 7);
    });

    CHECK(log == events{"child", "~child"});
}

TEST_CASE("children may spawn siblings while the group is joined", "[compose][with_task_group]") {
    int ended = 0;
    run([&]() -> task<> {
        co_await with_task_group([&](task_group& g) -> task<> {
            struct tree {
                static task<> grow(task_group& group, int& count, int depth) {
                    co_await weft::sleep_for(1ms);
                    if (depth != 0)
                        for (int i = 0; i != 2; ++i)
                            group.spawn(grow, std::ref(group), std::ref(count), depth - 1);
                    ++count;
                }
            };
            g.spawn(tree::grow, std::ref(g), std::ref(ended), 4);
            co_return;
        });
        CHECK(now() == 5ms);
    });

    CHECK(ended == 31);
}

TEST_CASE("children that keep spawning cannot keep a cancelled group alive",
          "[compose][with_task_group]") {
    int refused = 0;
    run([&]() -> task<> {
        auto body = [&](task_group& g) -> task<> {
            struct hydra {
                ~hydra() {
                    for (int i = 0; i != 2; ++i) try {
                            group.spawn(head, std::ref(group), std::ref(count));
                        } catch (const weft::closed_error&) {
                            ++count;
                        }
                }
                static task<> head(task_group& group, int& count) {
                    const hydra local{group, count};
                    co_await weft::sleep_for(1h);
                }
                task_group& group;
                int& count;
            };
            for (int i = 0; i != 3; ++i) g.spawn(hydra::head, std::ref(g), std::ref(refused));
            co_await weft::sleep_for(1h);
        };
        auto none = co_await weft::try_for(1ms, with_task_group(body));
        CHECK_FALSE(none);
        CHECK(now() == 1ms);
    });

    CHECK(refused == 6);
}

TEST_CASE("a cancel ends the children, clean-ups included, before the frame of the body dies",
          "[compose][with_task_group]") {
    events log;
    run([&]() -> task<> {
        auto caller = [&]() -> task<> {
            const says_goodbye goodbye(log, "caller");
            co_await with_task_group([&](task_group& g) -> task<> {
                const says_goodbye local(log, "body");
                g.spawn([&] { return weft::finally(step(1h, log, "a"), step(5ms, log, "clean")); });
                g.spawn(step(1h, log, "b"));
                co_await weft::sleep_for(1h);
            });
        };
        auto none = co_await weft::try_for(1ms, caller());
        CHECK_FALSE(none);
        CHECK(now() == 6ms);
    });

    CHECK(log == events{"a", "b", "~b", "~a", "clean", "clean done", "~clean", "~body", "~caller"});
}

TEST_CASE("a time-out that cuts off a child does not deliver the body",
          "[compose][with_task_group]") {
    run([]() -> task<> {
        auto body = [](task_group& g) -> task<int> {
            g.spawn(value_after(1h, 0));
            co_return 7;
        };
        auto value = co_await weft::try_for(1ms, with_task_group(body));
        CHECK_FALSE(value);
        CHECK(now() == 1ms);
    });
}

TEST_CASE("a cancel that comes when all is complete delivers the body",
          "[compose][with_task_group]") {
    branches b;
    weft::event event;
    events log;
    const auto wait = [&]() -> task<> {
        const int value = co_await with_task_group([&](task_group& g) -> task<int> {
            g.spawn([&] { return event.wait(); });
            co_return 7;
        });
        log.push_back("value " + std::to_string(value));
    };
    const auto in_time = b.spawn(wait);
    const auto too_late = b.spawn(wait);
    b.run();

    b.cancel(too_late);
    event.set();
    b.cancel(in_time);
    b.run();

    CHECK(log == events{"value 7"});
}

TEST_CASE("an error of a child's clean-up is heard in a cancelled group",
          "[compose][with_task_group]") {
    run([]() -> task<> {
        std::string caught;
        try {
            auto body = [](task_group& g) -> task<> {
                g.spawn([] { return fails_at_the_end("clean-up"); });
                co_await weft::sleep_for(1h);
            };
            co_await weft::try_for(1ms, with_task_group(body));
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "clean-up");
    });
}

TEST_CASE("a body that is complete or cancelled in one turn: the first of both counts",
          "[compose][with_task_group]") {
    branches b;
    weft::event event;
    events log;
    const auto wait = [&]() -> task<> {
        const int value = co_await with_task_group([&](task_group& g) -> task<int> {
            g.spawn(value_after(1h, 0)).cancel();
            co_await event.wait();
            co_return 7;
        });
        log.push_back("value " + std::to_string(value));
        co_await weft::yield();
        log.push_back("never");
    };
    const auto first = b.spawn(wait);
    const auto second = b.spawn(wait);
    b.run();

    b.cancel(second);
    event.set();
    b.cancel(first);
    b.run();

    CHECK(b.was_destroyed(first));
    CHECK(b.was_destroyed(second));
    CHECK(log == events{"value 7"});
}

TEST_CASE("a child that has ended is released at once", "[compose][with_task_group]") {
    run([]() -> task<> {
        co_await with_task_group([](task_group& g) -> task<> {
            const auto before = weft::testing::tracked::alive;
            auto use = [](weft::testing::tracked) -> task<> { co_return; };
            for (int i = 0; i != 20'000; ++i) {
                auto handle = g.spawn(use, weft::testing::tracked());
                if (i % 50 == 0) {
                    co_await weft::yield();
                    CHECK(weft::testing::tracked::alive == before);
                    CHECK(g.empty());
                }
            }
        });
    });
}

TEST_CASE("a dropped group drops its children, newest first, then its body",
          "[compose][with_task_group]") {
    events log;
    std::shared_ptr<std::vector<std::string>> reported;
    {
        test_loop loop;
        reported = loop.log;
        loop.spawn([&]() -> task<> {
            const says_goodbye goodbye(log, "caller");
            co_await with_task_group([&](task_group& g) -> task<> {
                g.spawn(step(1h, log, "a"));
                g.spawn([&] { return weft::finally(step(1h, log, "b"), step(0ms, log, "no")); });
                co_await step(1h, log, "body");
            });
        });
        loop.poll();
        loop.poll();
    }

    CHECK(log == events{"body", "a", "b", "~b", "~a", "~body", "~caller"});
    REQUIRE(reported->size() == 1);
    CHECK_THAT(reported->front(), Catch::Matchers::ContainsSubstring("clean-up was skipped"));
}

TEST_CASE("an error that a dropped group could not deliver is unhandled",
          "[compose][with_task_group]") {
    std::shared_ptr<std::vector<std::string>> reported;
    {
        test_loop loop;
        reported = loop.log;
        loop.spawn([&]() -> task<> {
            co_await with_task_group([&](task_group& g) -> task<> {
                g.spawn([] { return weft::shield(weft::sleep_for(1h)); });
                g.spawn(error_after(0ms, "in vain"));
                co_return;
            });
        });
        while (loop.poll() != 0) {}
        CHECK(reported->empty());
    }

    CHECK(*reported == std::vector<std::string>{"in vain"});
}

TEST_CASE("with_task_group ends well wherever it is ended", "[compose][with_task_group]") {
    sweep([]() -> task<> {
        co_await with_task_group([](task_group& g) -> task<> {
            g.spawn(value_after(2ms, 1));
            g.spawn([] { return weft::finally(value_after(1ms, 2), value_after(1ms, 3)); });
            co_await weft::sleep_for(1ms);
        });
        co_await weft::yield();
    });
    sweep([]() -> task<> {
        try {
            co_await with_task_group([](task_group& g) -> task<> {
                g.spawn(error_after(1ms, "x"));
                g.spawn([] { return fails_at_the_end("y"); });
                co_await value_after(2ms, 1);
            });
        } catch (const std::runtime_error&) {
        }
    });
    sweep([]() -> task<> {
        co_await with_task_group(weft::on_error::report, [](task_group& outer) -> task<> {
            const weft::testing::tracked local;
            outer.spawn([&]() -> task<> {
                auto inner = [&](task_group& g) -> task<> {
                    g.spawn(value_after(1ms, 1));
                    outer.spawn(value_after(1ms, 2));
                    co_return;
                };
                co_await with_task_group(inner);
            });
            co_return;
        });
    });
}

TEST_CASE("a group whose last child has ended takes no more", "[compose][with_task_group]") {
    bool refused = false;
    run([&]() -> task<> {
        task_group* group = nullptr;
        // A result that nobody takes: it is destroyed when the group has heard of the end.
        struct spawns {
            task_group** to;
            bool* was_refused;
            explicit spawns(task_group** g, bool* r) : to(g), was_refused(r) {}
            spawns(spawns&& other) noexcept
                : to(std::exchange(other.to, nullptr)), was_refused(other.was_refused) {}
            ~spawns() {
                if (!to) return;
                try {
                    (*to)->spawn([]() -> task<> { co_return; });
                } catch (const weft::closed_error&) {
                    *was_refused = true;
                }
            }
        };
        co_await with_task_group([&](task_group& g) -> task<> {
            group = &g;
            g.spawn([&]() -> task<spawns> { co_return spawns(&group, &refused); });
            co_return;
        });
    });

    CHECK(refused);
}
