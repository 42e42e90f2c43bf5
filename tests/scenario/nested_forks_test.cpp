// SPDX-License-Identifier: MIT
//
// Random trees of forks in forks, with clean-ups that await, groups, generators and time-outs, ended
// in random ways at random moments: cancelled from outside, cancelled and dropped, dropped. What is
// checked knows nothing of how weft does it; see `world` and `node`:
//   - a clean-up runs exactly once if its body began, unless its owner was dropped; then it says so;
//   - every error is received exactly once: by a handler, by main, or as unhandled;
//   - children end before their parents, in this order die their locals, each once;
//   - what was told to end begins nothing more; what runs in a shield or a clean-up is not told;
//   - results are those of who completed, and of nobody else;
//   - nothing is left.
// A failure prints its seed: WEFT_SEED=n runs that one alone, WEFT_SEEDS=n as many of them.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <weft/compose/as_completed.hpp>
#include <weft/compose/cancel_scope.hpp>
#include <weft/compose/finally.hpp>
#include <weft/compose/for_each_concurrent.hpp>
#include <weft/compose/shield.hpp>
#include <weft/compose/when_all.hpp>
#include <weft/compose/when_all_settled.hpp>
#include <weft/compose/when_any.hpp>
#include <weft/compose/with_task_group.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/core/exception_group.hpp>
#include <weft/coro/async_generator.hpp>
#include <weft/coro/shared_task.hpp>
#include <weft/coro/task_local.hpp>
#include <weft/coro/this_task.hpp>
#include <weft/sync/event.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/slow_wait.hpp"
#include "support/stepping_loop.hpp"

using namespace std::chrono_literals;
using weft::task;

namespace {

/// A small generator of numbers: the same on every platform.
class dice {
public:
    explicit dice(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}

    /// Returns a number below `bound`.
    std::size_t below(std::size_t bound) {
        state_ += 0x9e3779b97f4a7c15u;
        auto mixed = state_;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
        return static_cast<std::size_t>((mixed ^ (mixed >> 31)) % bound);
    }
    bool one_in(std::size_t n) { return below(n) == 0; }

private:
    std::uint64_t state_;
};

/// Thrown by nodes, each once.
struct node_error : std::runtime_error {
    explicit node_error(std::size_t node)
        : std::runtime_error("error of node " + std::to_string(node)), id(node) {}
    std::size_t id;
};

// What a node does.
enum class kind {
    // leaves
    value,       // returns at once
    sleep,       // for `delay`
    yields,      // a few times
    burst,       // awaits what is ready, more often than one may in one resumption
    waits,       // for event `number`
    sets,        // event `number`
    fails,       // after `delay`
    slow,        // takes time to be withdrawn
    cancels,     // the scope or group around it, if there is one
    spawns,      // its child into the group around it, if there is one
    last_leaf = spawns,
    // others
    chain,       // awaits its children one after the other
    all,         // when_all
    any,         // when_any
    settled,     // when_all_settled
    timeout,     // with_timeout, fails if it is too late
    attempt,     // try_for
    scope,       // cancel_scope
    shields,     // shield
    cleans_up,   // finally: first child, then second
    group,       // with_task_group
    own_group,   // a task_group of its own, joined
    left_group,  // a task_group of its own, left with children in it
    each,        // for_each_concurrent
    as_they_end, // as_completed
    generator,   // async_generator
    shared,      // shared_task with two who await it
    binds,       // task_local::with
    last = binds,
};

struct world;

/// What one node of the tree does, and what has happened to it in this run.
struct node {
    kind does{};
    std::size_t id = 0;
    std::size_t number = 0; // chooses among variants
    weft::duration delay{};
    weft::on_error policy{};
    bool catches = false; // keeps errors to itself
    node* parent = nullptr;
    node* spawner = nullptr; // who spawns it, if not `parent`
    std::vector<std::unique_ptr<node>> children;

    world* in = nullptr;
    unsigned started = 0, completed = 0, threw = 0, destroyed = 0;
    unsigned alive_children = 0;
    unsigned bodies = 0, cleanups = 0, cleanups_ended = 0; // of a finally
    weft::cancel_scope* scope = nullptr;
    weft::task_group* group = nullptr;

    void reset(world& w) {
        in = &w;
        started = completed = threw = destroyed = 0;
        alive_children = 0;
        bodies = cleanups = cleanups_ended = 0;
        scope = nullptr;
        group = nullptr;
        for (auto& each : children) each->reset(w);
    }
    template <class F>
    void visit(F&& f) {
        f(*this);
        for (auto& each : children) each->visit(f);
    }
    std::size_t size() const { return children.size(); }
    node& child(std::size_t index) { return *children[index]; }
    int value() const { return static_cast<int>(id); }

    /// Whether it runs in something that may be dropped without the rest of the tree.
    bool may_be_dropped() const {
        for (const auto* each = parent; each; each = each->parent)
            if (each->does == kind::left_group || each->does == kind::generator ||
                each->does == kind::as_they_end || each->does == kind::shared)
                return true;
        return false;
    }
    /// The value that `binding` has in it.
    int expected_binding() const {
        const auto* from = spawner ? spawner : parent;
        if (!from) return 0;
        return from->does == kind::binds ? from->value() : from->expected_binding();
    }
};

constinit weft::task_local<int> binding;

/// One run of a tree, and what is known about it.
struct world {
    std::vector<std::string> problems;
    std::vector<std::exception_ptr> received; // kept, so that no two have the same address
    std::array<weft::event, 3> events;
    std::size_t thrown = 0, may_be_lost = 0, skipped = 0;
    std::vector<unsigned> received_by_id;

    void check(bool holds, std::string_view what, const node* where = nullptr) {
        if (holds) return;
        problems.push_back(std::string(what) +
                           (where ? " at node " + std::to_string(where->id) : ""));
    }

    /// Somebody received an error for good.
    void receive(std::exception_ptr error, std::string_view by) {
        const auto group = [&](const weft::exception_group& found) {
            for (const auto& each : found.errors()) receive(each, by);
        };
        if (weft::visit_error<weft::exception_group>(error, group)) return;
        for (const auto& each : received)
            check(each != error, std::string("an error was received twice: ").append(by));
        weft::visit_error<node_error>(error, [&](const node_error& found) {
            ++received_by_id[found.id];
            check(received_by_id[found.id] == 1,
                  "an error was received twice: " + std::string(found.what()));
        });
        weft::visit_error<weft::error>(error, [&](const weft::error& found) {
            if (std::string_view(found.what()).find("clean-up was skipped") != std::string::npos)
                ++skipped;
        });
        received.push_back(std::move(error));
    }
};

/// In the frame of every node: it is destroyed once, after its children.
class presence {
public:
    explicit presence(node& n) : node_(n) {
        ++node_.started;
        node_.in->check(node_.started == 1, "started twice", &node_);
        node_.in->check(binding.get() == node_.expected_binding(), "binding", &node_);
        if (node_.parent) ++node_.parent->alive_children;
    }
    presence(const presence&) = delete;
    ~presence() {
        ++node_.destroyed;
        node_.in->check(node_.destroyed == 1, "destroyed twice", &node_);
        node_.in->check(node_.alive_children == 0, "outlived by a child", &node_);
        node_.in->check(binding.get() == node_.expected_binding(), "binding at the end", &node_);
        if (node_.parent) --node_.parent->alive_children;
    }

private:
    node& node_;
    weft::testing::tracked tracked_;
};

/// Around every operation that a node awaits.
class awaiting {
public:
    explicit awaiting(node& n) : node_(n), doomed_(weft::this_task::cancel_requested()) {}
    awaiting(const awaiting&) = delete;
    void resumed() {
        node_.in->check(!doomed_, "went on though it was told to end", &node_);
        node_.in->check(!resumed_, "resumed twice", &node_);
        resumed_ = true;
    }

private:
    node& node_;
    bool doomed_;
    bool resumed_ = false;
    weft::testing::tracked tracked_;
};

task<int> run_node(node& n);

/// What was returned for `child` is what it returned, and it has ended.
void check_value(node& child, int value) {
    child.in->check(child.completed == 1 && child.destroyed == 1, "a value out of nowhere", &child);
    child.in->check(value == child.value(), "somebody else's value", &child);
}
void check_value(node&, std::monostate) {}
template <class T>
void check_value(node& child, const std::optional<T>& value) {
    if (value) return check_value(child, *value);
    if constexpr (std::is_same_v<T, int>)
        child.in->check(child.completed == 0, "a value was lost", &child);
}
template <class T>
void check_value(node& child, weft::outcome<T>& result) {
    auto& world = *child.in;
    if (auto error = result.error()) world.receive(error, "when_all_settled");
    if constexpr (std::is_same_v<T, int>) {
        world.check(child.destroyed == child.started, "returned before its child ended", &child);
        world.check(result.has_value() == (child.completed == 1), "value?", &child);
        if (result.has_value()) check_value(child, result.value());
        world.check(result.was_cancelled() == (!child.completed && !child.threw), "cancelled?",
                    &child);
    }
}
template <class... T>
void check_values(node& n, std::tuple<T...>& values) {
    std::size_t index = 0;
    const auto check_next = [&](auto& value) {
        check_value(n.child(index < n.size() ? index : 0), value);
        ++index;
    };
    std::apply([&](auto&... value) { (check_next(value), ...); }, values);
}
template <class T>
void check_values(node& n, std::vector<T>& values) {
    n.in->check(values.size() == n.size(), "as many results as children", &n);
    for (std::size_t i = 0; i != values.size(); ++i) check_value(n.child(i), values[i]);
}

// A child as a task, as a callable, and as a fork without a frame of its own.
auto as_call(node& child) {
    return [&child] { return run_node(child); };
}
auto as_fork(node& child) { return weft::with_timeout(24h * 365, run_node(child)); }

/// Awaits `fork(children...)`, the children in the form that the node's number says, and checks
/// what it returns.
template <class Fork>
task<> await_fork(node& n, Fork fork) {
    awaiting wait(n);
    if (n.size() == 1) {
        auto results = co_await fork(as_fork(n.child(0)));
        check_values(n, results);
    } else if (n.size() == 2 && n.number % 3 == 0) {
        auto results = co_await fork(run_node(n.child(0)), as_call(n.child(1)));
        check_values(n, results);
    } else if (n.size() == 2 && n.number % 3 == 1) {
        auto results = co_await fork(weft::shield(as_call(n.child(0))), as_fork(n.child(1)),
                                     weft::sleep_for(n.delay));
        check_values(n, results);
    } else {
        std::vector<task<int>> tasks;
        for (auto& each : n.children) tasks.push_back(run_node(*each));
        auto results = co_await fork(std::move(tasks));
        check_values(n, results);
    }
    wait.resumed();
}

task<> run_leaf(node& n) {
    auto& world = *n.in;
    auto& event = world.events[n.number % world.events.size()];
    awaiting wait(n);
    switch (n.does) {
    case kind::sleep: co_await weft::sleep_for(n.delay); break;
    case kind::slow: co_await slow_wait(n.delay, 1ms * (n.number % 3)); break;
    case kind::waits:
        if (n.number % 2 == 0) {
            co_await event.wait();
        } else {
            auto woken = co_await weft::try_for(n.delay + 5ms, event.wait());
            static_cast<void>(woken);
        }
        break;
    case kind::yields:
        for (std::size_t i = 0; i != n.number % 3; ++i) {
            awaiting one(n);
            co_await weft::yield();
            one.resumed();
        }
        break;
    case kind::burst: {
        weft::event ready;
        ready.set();
        for (std::size_t i = 0; i != 100; ++i) {
            awaiting one(n);
            co_await ready.wait();
            one.resumed();
        }
        break;
    }
    case kind::sets:
        event.set();
        if (n.number % 4 < 2) event.clear();
        co_return;
    case kind::fails:
        if (n.number % 3 != 0) co_await weft::sleep_for(n.delay);
        if (n.number % 3 == 2) co_await weft::yield();
        ++world.thrown;
        throw node_error(n.id);
    case kind::cancels:
        for (auto* each = n.parent; each; each = each->parent) {
            if (each->scope) each->scope->cancel("by a node");
            if (each->group) each->group->cancel();
            if (each->scope || each->group) break;
        }
        co_return;
    default: co_return;
    }
    // Not for those that never waited.
    if (n.does != kind::yields && n.does != kind::burst) wait.resumed();
}

void spawn_child(node& n) {
    for (auto* each = n.parent; each; each = each->parent)
        if (each->group) {
            auto& fresh = n.child(0);
            fresh.parent = each;
            fresh.spawner = &n;
            try {
                auto handle = each->group->spawn(run_node, std::ref(fresh));
                if (n.number % 4 == 0) handle.cancel();
            } catch (const weft::closed_error&) {
            }
            return;
        }
}

task<> run_finally(node& n) {
    auto& world = *n.in;
    auto body = [&]() -> task<int> {
        ++n.bodies;
        return run_node(n.child(0));
    };
    auto clean_up = [&]() -> task<> {
        auto& body_node = n.child(0);
        world.check(++n.cleanups == 1, "cleaned up twice", &n);
        world.check(body_node.started == body_node.destroyed, "cleaned up too early", &n);
        try {
            awaiting wait(n);
            const int value = co_await run_node(n.child(1));
            check_value(n.child(1), value);
            wait.resumed();
        } catch (...) {
            ++n.cleanups_ended;
            throw;
        }
        world.check(!weft::this_task::cancel_requested(), "a clean-up was told to end", &n);
        ++n.cleanups_ended;
    };
    awaiting wait(n);
    const int value = co_await weft::finally(body, clean_up);
    wait.resumed();
    check_value(n.child(0), value);
}

task<> run_group(node& n) {
    auto body = [&](weft::task_group& group) -> task<int> {
        n.group = &group;
        std::vector<weft::join_handle<int>> handles;
        for (std::size_t i = 1; i < n.size(); ++i)
            handles.push_back(group.spawn(run_node, std::ref(n.child(i))));
        if (!handles.empty()) {
            auto& handle = handles[n.number % handles.size()];
            awaiting wait(n);
            if (n.number % 5 == 0) {
                handle.cancel();
            } else if (n.number % 5 == 1) {
                co_await handle.wait();
                wait.resumed();
            } else if (n.number % 5 == 2) {
                auto result = co_await handle.settled();
                wait.resumed();
                if (n.policy == weft::on_error::report && result.error())
                    n.in->receive(result.error(), "settled");
            } else if (n.number % 5 == 3 && n.policy == weft::on_error::report) {
                try {
                    co_await std::move(handle);
                } catch (const weft::cancelled_error&) {
                }
                wait.resumed();
            }
        }
        if (n.number % 2 == 0) handles.clear();
        const int value = co_await run_node(n.child(0));
        co_return value;
    };
    struct no_group_any_more {
        ~no_group_any_more() { of.group = nullptr; }
        node& of;
    };
    const no_group_any_more end{n};
    awaiting wait(n);
    const int value = co_await weft::with_task_group(n.policy, body);
    wait.resumed();
    check_value(n.child(0), value);
    n.in->check(n.alive_children == 0, "a group returned before its children", &n);
}

task<> run_own_group(node& n) {
    weft::task_group group(n.policy);
    struct no_group_any_more {
        ~no_group_any_more() { of.group = nullptr; }
        node& of;
    };
    const no_group_any_more end{n};
    n.group = &group;
    for (auto& each : n.children) group.spawn(run_node, std::ref(*each));
    awaiting wait(n);
    if (n.does == kind::own_group)
        co_await group.join();
    else
        co_await weft::sleep_for(n.delay);
    wait.resumed();
    if (n.does == kind::own_group)
        n.in->check(n.alive_children == 0, "a group was joined before its children ended", &n);
}

weft::async_generator<int> values_of(node& n) {
    for (auto& each : n.children) {
        const int value = co_await run_node(*each);
        co_yield value;
    }
}

task<> run_generator(node& n) {
    auto values = values_of(n);
    std::size_t next = 0;
    for (int tries = 0; tries != 12; ++tries) {
        awaiting wait(n);
        auto got = co_await weft::try_for(n.delay, values.next());
        wait.resumed();
        if (!got) continue;
        if (!*got) {
            n.in->check(next == n.size(), "an element is missing", &n);
            break;
        }
        n.in->check(next < n.size() && **got == n.child(next).value(), "the wrong element", &n);
        ++next;
    }
    if (n.number % 2 == 0) {
        awaiting wait(n);
        co_await values.close();
        wait.resumed();
        n.in->check(n.alive_children == 0, "closed before the body ended", &n);
    }
}

task<> run_as_completed(node& n) {
    std::vector<task<int>> tasks;
    for (auto& each : n.children) tasks.push_back(run_node(*each));
    auto ends = weft::as_completed(std::move(tasks));
    std::size_t count = 0;
    // An outcome that was yielded and not fetched goes with its generator.
    struct one_may_be_unread {
        ~one_may_be_unread() { of.in->may_be_lost += count < of.size(); }
        node& of;
        const std::size_t& count;
    };
    const one_may_be_unread end{n, count};
    for (int tries = 0; tries != 6; ++tries) {
        awaiting wait(n);
        auto got = co_await weft::try_for(n.delay, ends.next());
        wait.resumed();
        if (!got) continue;
        if (!*got) {
            n.in->check(count == n.size(), "an end is missing", &n);
            break;
        }
        ++count;
        check_value(n.child((*got)->index), (*got)->result);
    }
    if (n.number % 2 == 0) {
        awaiting wait(n);
        co_await ends.close();
        wait.resumed();
        n.in->check(n.alive_children == 0, "closed before the children ended", &n);
    }
}

task<> run_shared(node& n) {
    weft::shared_task<int> shared(run_node(n.child(0)));
    bool received = false;
    auto take = [&](weft::duration limit) -> task<> {
        try {
            awaiting wait(n);
            // By value: `shared` stays with this frame.
            auto value = co_await weft::try_for(limit, weft::shared_task<int>(shared));
            wait.resumed();
            if (value) check_value(n.child(0), *value);
        } catch (...) {
            // Everybody gets it; it counts once.
            if (!std::exchange(received, true))
                n.in->receive(std::current_exception(), "shared_task");
        }
    };
    awaiting wait(n);
    co_await weft::when_all_settled(take(n.delay), take(n.delay + 2ms));
    wait.resumed();
}

task<> run_fork(node& n) {
    switch (n.does) {
    case kind::chain:
        for (auto& each : n.children) {
            const int value = co_await run_node(*each);
            check_value(*each, value);
        }
        break;
    case kind::all:
        co_await await_fork(n, [](auto&&... each) { return weft::when_all(std::move(each)...); });
        break;
    case kind::any:
        co_await await_fork(n, [](auto&&... each) { return weft::when_any(std::move(each)...); });
        break;
    case kind::settled:
        co_await await_fork(
            n, [](auto&&... each) { return weft::when_all_settled(std::move(each)...); });
        break;
    case kind::timeout: {
        awaiting wait(n);
        const int value = co_await weft::with_timeout(n.delay, run_node(n.child(0)));
        wait.resumed();
        check_value(n.child(0), value);
        break;
    }
    case kind::attempt: {
        awaiting wait(n);
        if (n.number % 2 == 0) {
            auto value = co_await weft::try_for(n.delay, as_call(n.child(0)));
            wait.resumed();
            check_value(n.child(0), value);
        } else {
            auto value = co_await weft::try_for(n.delay, as_fork(n.child(0)));
            wait.resumed();
            check_value(n.child(0), value);
        }
        break;
    }
    case kind::scope: {
        weft::cancel_scope scope;
        struct no_scope_any_more {
            ~no_scope_any_more() { of.scope = nullptr; }
            node& of;
        };
        const no_scope_any_more end{n};
        n.scope = &scope;
        awaiting wait(n);
        if (n.number % 2 == 0) {
            auto value = co_await scope.run(run_node(n.child(0)));
            wait.resumed();
            check_value(n.child(0), value);
        } else {
            auto value = co_await scope.run(as_fork(n.child(0)));
            wait.resumed();
            check_value(n.child(0), value);
        }
        break;
    }
    case kind::shields: {
        awaiting wait(n);
        auto body = [&]() -> task<int> {
            const int value = co_await run_node(n.child(0));
            n.in->check(!weft::this_task::cancel_requested(), "a shield was broken", &n);
            co_return value;
        };
        const int value = co_await weft::shield(body);
        wait.resumed();
        check_value(n.child(0), value);
        break;
    }
    case kind::each: {
        std::size_t running = 0;
        const auto limit = n.number % 3 + 1;
        auto one = [&](std::unique_ptr<node>& each) -> task<> {
            struct count {
                explicit count(std::size_t& c) : counter(c) { ++counter; }
                ~count() { --counter; }
                std::size_t& counter;
            };
            const count here(running);
            n.in->check(running <= limit, "too many at once", &n);
            const int value = co_await run_node(*each);
            check_value(*each, value);
        };
        awaiting wait(n);
        co_await weft::for_each_concurrent(std::views::all(n.children), limit, one);
        wait.resumed();
        for (auto& each : n.children) n.in->check(each->completed == 1, "left out", &n);
        break;
    }
    case kind::binds: {
        awaiting wait(n);
        const int value = co_await binding.with(n.value(), as_call(n.child(0)));
        wait.resumed();
        check_value(n.child(0), value);
        break;
    }
    case kind::spawns: spawn_child(n); break;
    case kind::cleans_up: co_await run_finally(n); break;
    case kind::group: co_await run_group(n); break;
    case kind::own_group:
    case kind::left_group: co_await run_own_group(n); break;
    case kind::generator: co_await run_generator(n); break;
    case kind::as_they_end: co_await run_as_completed(n); break;
    case kind::shared: co_await run_shared(n); break;
    default: co_await run_leaf(n);
    }
}

task<int> run_node(node& n) {
    const presence here(n);
    try {
        co_await run_fork(n);
    } catch (...) {
        if (!n.catches) {
            ++n.threw;
            throw;
        }
        n.in->receive(std::current_exception(), "a handler");
    }
    ++n.completed;
    co_return n.value();
}

/// Grows a tree of at most `budget` nodes.
class grower {
public:
    explicit grower(std::uint64_t seed) : dice_(seed) { budget_ = 4 + dice_.below(24); }

    std::unique_ptr<node> grow(node* parent = nullptr, std::size_t depth = 0) {
        auto fresh = std::make_unique<node>();
        auto& n = *fresh;
        n.id = next_id_++;
        n.parent = parent;
        n.number = dice_.below(60);
        n.delay = 1ms * dice_.below(6);
        n.policy = static_cast<weft::on_error>(dice_.below(3));
        n.catches = dice_.one_in(3);
        if (dice_.one_in(12)) n.delay += 1h;
        const auto last_leaf = static_cast<std::size_t>(kind::last_leaf);
        const auto last = static_cast<std::size_t>(kind::last);
        const bool leaf = parent && (depth > 7 || next_id_ >= budget_ || dice_.one_in(3));
        n.does = static_cast<kind>(leaf ? dice_.below(last_leaf)
                                        : last_leaf + dice_.below(last - last_leaf + 1));
        std::size_t children = 0;
        switch (n.does) {
        case kind::chain:
        case kind::all:
        case kind::any:
        case kind::settled:
        case kind::group:
        case kind::own_group:
        case kind::left_group:
        case kind::each:
        case kind::as_they_end:
        case kind::generator: children = 1 + dice_.below(4); break;
        case kind::cleans_up: children = 2; break;
        default: children = leaf ? 0 : 1;
        }
        for (std::size_t i = 0; i != children; ++i) n.children.push_back(grow(&n, depth + 1));
        return fresh;
    }
    std::size_t size() const { return next_id_; }

private:
    dice dice_;
    std::size_t budget_;
    std::size_t next_id_ = 1;
};

/// The tree as text, with what has become of each node.
std::string describe(node& n, std::string indent = "\n  ") {
    static constexpr std::array names{
        "value",  "sleep",   "yields", "burst",   "waits", "sets",     "fails", "slow",
        "cancels", "spawns", "chain",  "all",     "any",   "settled",  "timeout", "attempt",
        "scope",  "shields", "finally", "group",  "own_group", "left_group", "each",
        "as_completed", "generator", "shared", "binds"};
    auto text = indent + std::to_string(n.id) + " " + names[static_cast<std::size_t>(n.does)] +
                " number=" + std::to_string(n.number) +
                " delay=" + std::to_string(n.delay / 1ms) + "ms" +
                " policy=" + std::to_string(static_cast<int>(n.policy)) +
                (n.catches ? " catches" : "") + (n.started ? " started" : "") +
                (n.completed ? " completed" : "") + (n.threw ? " threw" : "") +
                (n.bodies != n.cleanups_ended ? " cut off" : "");
    for (auto& each : n.children) text += describe(*each, indent + "  ");
    return text;
}

constexpr auto never = static_cast<std::size_t>(-1);

/// What is done to a run from outside, after how many resumptions.
struct disturbance {
    std::size_t cancel = never, drop = never, set = never;
    bool set_first = false;
};

/// Runs the tree once, and checks. Returns how many resumptions it made.
std::size_t run_once(node& root, std::size_t size, const disturbance& what,
                     std::vector<std::string>& problems) {
    const auto frames = weft::frame_pool::now().live;
    const auto objects = weft::testing::tracked::alive;
    std::size_t steps = 0;
    bool dropped = false;
    world w;
    w.received_by_id.resize(size);
    root.reset(w);
    {
        stepping_loop loop;
        loop.on_unhandled([&w](std::exception_ptr error, std::string_view name) noexcept {
            w.receive(std::move(error), name.empty() ? "unhandled" : name);
        });
        auto start = [&]() -> task<> {
            try {
                const int value = co_await run_node(root);
                check_value(root, value);
            } catch (...) {
                w.receive(std::current_exception(), "main");
            }
        };
        // Nobody has to wait for ever.
        auto set_all = [&]() -> task<> {
            auto pause = 20ms;
            for (int i = 0; i != 36; ++i, pause *= 2) {
                co_await weft::sleep_for(pause);
                for (auto& each : w.events) each.set();
            }
        };
        auto main = loop.spawn(start);
        auto helper = loop.spawn(set_all);
        for (;; ++steps) {
            const auto set = [&] {
                if (steps == what.set)
                    for (auto& each : w.events) each.set();
            };
            if (what.set_first) set();
            if (steps == what.cancel) main.cancel();
            if (!what.set_first) set();
            if (main.done()) break;
            if (steps == what.drop) {
                dropped = true;
                break;
            }
            if (steps == 100'000) {
                w.check(false, "does not end");
                break;
            }
            if (!loop.step()) {
                w.check(false, "waits for ever");
                break;
            }
        }
    }
    std::size_t cut_off = 0;
    root.visit([&](node& n) {
        w.check(n.started == n.destroyed, "a frame is left", &n);
        w.check(n.completed + n.threw <= 1, "ended twice", &n);
        if (n.does != kind::cleans_up) return;
        w.check(n.cleanups <= n.bodies, "a clean-up without a body", &n);
        if (n.bodies == n.cleanups_ended) return;
        ++cut_off;
        w.check(dropped || n.may_be_dropped(), "a clean-up was skipped", &n);
    });
    w.check(cut_off == w.skipped, "a skipped clean-up was not reported");
    std::size_t received = 0;
    for (const auto each : w.received_by_id) received += each;
    w.check(received <= w.thrown && received + w.may_be_lost >= w.thrown, "an error was lost");
    w.check(weft::frame_pool::now().live == frames, "frames or records are left");
    w.received.clear();
    w.check(weft::testing::tracked::alive == objects, "objects are left");
    problems = std::move(w.problems);
    return steps;
}

void run_seed(std::uint64_t seed) {
    grower tree(seed);
    auto root = tree.grow();
    std::vector<std::string> problems;
    const auto run = [&](const disturbance& what) {
        const auto steps = run_once(*root, tree.size(), what, problems);
        if (problems.empty()) return steps;
        std::string text;
        for (const auto& each : problems) text += "\n  " + each;
        text += describe(*root);
        FAIL("WEFT_SEED=" << seed << " (cancelled after resumption "
                          << static_cast<long>(what.cancel) << ", dropped after "
                          << static_cast<long>(what.drop) << ")" << text);
        return steps;
    };

    const auto steps = run({});
    dice d(seed + 1);
    for (int i = 0; i != 3; ++i) {
        const auto at = d.below(steps + 1);
        const disturbance cancelled{at, never, d.one_in(2) ? at : d.below(steps + 1), d.one_in(2)};
        const auto until_end = run(cancelled);
        run({never, d.below(steps + 1), d.below(steps + 1), false});
        run({at, at + d.below(until_end < at ? 1 : until_end - at + 1), cancelled.set, cancelled.set_first});
    }
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
    const char* text = std::getenv(variable);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

} // namespace

TEST_CASE("nested forks end well, however they are ended", "[scenario][nested_forks]") {
    if (std::getenv("WEFT_SEED")) return run_seed(number_from("WEFT_SEED", 0));
    const auto seeds = number_from("WEFT_SEEDS", 1000);
    for (std::uint64_t seed = 0; seed != seeds; ++seed) run_seed(seed);
    SUCCEED();
}
