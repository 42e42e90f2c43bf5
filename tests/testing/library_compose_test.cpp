// SPDX-License-Identifier: MIT
//
// Everything in compose/ that can be awaited, under all sweeps: see support/library_sweeps.hpp.
#include <weft/compose/as_completed.hpp>
#include <weft/compose/bind_task.hpp>
#include <weft/compose/cancel_scope.hpp>
#include <weft/compose/finally.hpp>
#include <weft/compose/for_each_concurrent.hpp>
#include <weft/compose/from_callback.hpp>
#include <weft/compose/from_callback_threadsafe.hpp>
#include <weft/compose/shield.hpp>
#include <weft/compose/when_all.hpp>
#include <weft/compose/when_all_settled.hpp>
#include <weft/compose/when_any.hpp>
#include <weft/compose/with_task_group.hpp>
#include <weft/compose/with_timeout.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <weft/core/error.hpp>
#include <weft/core/exception_group.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/sync/semaphore.hpp>
#include <weft/testing/replace_operator_new.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/library_sweeps.hpp"

using namespace library_sweeps;
using namespace std::chrono_literals;

using weft::task_group;
using weft::testing::tracked;

namespace {

/// Whose children are counted: none may be left afterwards.
struct forks : scenario {
    int alive = 0;

    task<int> after(int seconds) {
        const at_place here(alive);
        tracked local;
        co_await weft::sleep_for(1s * seconds);
        co_return seconds;
    }
    task<> fails_after(int seconds) {
        const at_place here(alive);
        co_await weft::sleep_for(1s * seconds);
        throw std::runtime_error("no luck");
    }
    std::vector<task<int>> all_after(int longest) {
        std::vector<task<int>> made;
        for (int i = longest; i > 0; --i) made.push_back(after(i));
        return made;
    }
    task<> check(ended) override {
        require(alive == 0, "no child is left");
        co_return;
    }
};

struct when_all_of_some : forks {
    task<> run(simulation& in) override {
        const auto start = in.now();
        auto both = co_await weft::when_all(after(2), weft::sleep_for(1s), after(1));
        require(std::get<0>(both) == 2 && std::get<2>(both) == 1, "in the order of arguments");
        auto many = all_after(3);
        auto results = co_await weft::when_all(std::move(many));
        require(results == std::vector{3, 2, 1}, "a range, too");
        require(in.now() == start + 5s, "at the same time");
        bool caught = false;
        try {
            co_await weft::when_all(after(3600), fails_after(1), weft::sleep_forever());
        } catch (const std::runtime_error&) { caught = true; }
        require(caught && alive == 0 && in.now() == start + 6s, "an error cancels the others");
    }
};

struct when_any_of_some : forks {
    weft::semaphore left{1}, right{1};

    task<> run(simulation& in) override {
        const auto start = in.now();
        auto first = co_await weft::when_any(after(2), after(1), weft::sleep_for(3s));
        require(!std::get<0>(first) && std::get<1>(first) == 1, "the first");
        auto many = all_after(3);
        auto results = co_await weft::when_any(std::move(many));
        require(results.size() == 3 && results[2] == 1 && !results[0], "of a range, too");
        require(in.now() == start + 2s && alive == 0, "the others are cancelled");
        auto permits = co_await weft::when_any(left.acquire(), right.acquire());
        require(std::get<0>(permits) || std::get<1>(permits), "at least one");
    }
    task<> check(ended) override {
        require(left.available() == 1 && right.available() == 1, "no permit is lost");
        require(alive == 0, "no child is left");
        co_return;
    }
};

struct when_all_settled_of_some : forks {
    task<> run(simulation&) override {
        const auto enough = [this]() { return after(3600); };
        auto all = co_await weft::when_all_settled(after(1), fails_after(2),
                                                   weft::with_timeout(3s, enough));
        auto& [one, failed, late] = all;
        require(one.has_value() && one.value() == 1, "a value");
        require(failed.error() != nullptr, "an error");
        require(late.error() != nullptr || late.was_cancelled(), "late");
        auto many = all_after(2);
        auto results = co_await weft::when_all_settled(std::move(many));
        require(results[0].value() == 2 && results[1].value() == 1, "a range, too");
    }
};

struct as_completed_sequence : forks {
    task<> run(simulation&) override {
        auto sequence = weft::as_completed(all_after(3));
        int expected = 0;
        while (auto* each = co_await sequence.next()) {
            require(each->index == 2 - static_cast<std::size_t>(expected), "its index");
            require(each->result.take() == ++expected, "in the order of their ends");
        }
        require(expected == 3, "all");
        auto other = weft::as_completed(all_after(3));
        auto* first = co_await other.next();
        require(first && first->index == 2 && alive == 2, "the others go on");
        co_await other.close();
        require(alive == 0, "until it is closed");
    }
};

struct for_each_two_at_a_time : forks {
    std::vector<int> numbers{1, 2, 3, 4, 5};
    std::vector<int> done = std::vector<int>(6);

    task<> run(simulation&) override {
        const auto each = [this](int number) -> task<> {
            const at_place here(alive);
            require(alive <= 2, "two at a time");
            co_await weft::sleep_for(1s * (number % 2));
            ++done[static_cast<std::size_t>(number)];
        };
        co_await weft::for_each_concurrent(numbers, 2, each);
        require(done == std::vector{0, 1, 1, 1, 1, 1} && alive == 0, "each once");
    }
};

struct timeouts : forks {
    task<> run(simulation& in) override {
        const auto start = in.now();
        const int one = co_await weft::with_timeout(2s, after(1));
        require(one == 1, "in time");
        bool caught = false;
        try {
            co_await weft::with_deadline(start + 2s, after(2));
        } catch (const weft::timeout_error&) { caught = true; }
        require(caught && alive == 0 && in.now() == start + 2s, "late");
        auto none = co_await weft::try_for(1s, after(2));
        auto some = co_await weft::try_until(start + 5s, after(1));
        require(!none && some == 1, "one of each");
        // Both at the same moment: the result, if there is one, wins.
        auto either = co_await weft::try_for(1s, after(1));
        require(!either || either == 1, "one or the other");
        require(alive == 0 && in.now() == start + 5s, "and no later");
    }
};

struct shield_of_a_body : forks {
    int begun = 0, finished = 0;

    task<> body() {
        const at_place here(alive);
        ++begun;
        co_await weft::sleep_for(2s);
        ++finished;
    }
    task<> run(simulation& in) override {
        const auto start = in.now();
        co_await weft::shield(body());
        // The result of what was shielded is there, though late.
        auto late = co_await weft::try_for(1s, weft::shield(body()));
        require(late.has_value() && in.now() == start + 4s, "it is not disturbed");
        require(begun == 2 && finished == 2, "twice");
    }
    task<> check(ended how) override {
        require(begun == finished || how == ended::dropped, "what has begun is finished");
        require(alive == 0, "no child is left");
        co_return;
    }
};

struct finally_cleans_up : forks {
    int bodies = 0, cleanups = 0;

    task<> body(int seconds) {
        ++bodies;
        const int waited = co_await after(seconds);
        if (waited == 1) throw std::runtime_error("no luck");
    }
    task<> run(simulation& in) override {
        const auto start = in.now();
        const auto clean_up = [this]() -> task<> {
            require(alive == 0, "the body is gone by then");
            tracked local;
            co_await weft::sleep_for(1s);
            ++cleanups;
        };
        co_await weft::finally(body(2), clean_up);
        bool caught = false;
        try {
            co_await weft::finally(body(1), clean_up);
        } catch (const std::runtime_error&) { caught = true; }
        require(caught, "its error");
        auto late = co_await weft::try_for(1s, weft::finally(body(3), clean_up));
        require(!late && in.now() == start + 7s, "cancelled, and cleaned up");
        require(bodies == 3 && cleanups == 3, "each once");
    }
    task<> check(ended how) override {
        // A clean-up that gets no memory for its own frame cannot run.
        const bool all = how == ended::completely || how == ended::cancelled;
        require(all ? cleanups == bodies : cleanups <= bodies, "each once");
        require(alive == 0, "no child is left");
        co_return;
    }
};

struct finally_dropped : forks {
    int cleanups = 0, reports = 0;

    task<> run(simulation& in) override {
        in.on_unhandled([this](const std::exception_ptr&, const auto&) noexcept { ++reports; });
        const auto clean_up = [this]() -> task<> {
            ++cleanups;
            co_return;
        };
        {
            task_group dropped;
            dropped.spawn([&] { return weft::finally(after(3600), clean_up); });
            co_await weft::sleep_for(1s);
        }
        require(cleanups == 0 && reports == 1, "skipped, and reported");
    }
};

struct groups : forks {
    task<> run(simulation& in) override {
        const auto start = in.now();
        const auto value = [this](task_group& group) -> task<int> {
            group.spawn(after(2));
            co_return co_await after(1);
        };
        const int one = co_await weft::with_task_group(value);
        require(one == 1 && in.now() == start + 2s, "its value, when all have ended");
        const auto failure = [this](task_group& group) -> task<> {
            group.spawn(fails_after(1));
            group.spawn(after(3600));
            co_await weft::sleep_forever();
        };
        bool caught = false;
        try {
            co_await weft::with_task_group(failure);
        } catch (const std::runtime_error&) { caught = true; }
        require(caught && alive == 0, "an error cancels the others");
    }
};

struct groups_with_policies : forks {
    task<> run(simulation&) override {
        const auto two = [this](task_group& group) -> task<> {
            group.spawn(fails_after(1));
            group.spawn(fails_after(1));
            co_return;
        };
        bool caught = false;
        try {
            co_await weft::with_task_group(weft::on_error::collect, two);
        } catch (const weft::exception_group& errors) {
            caught = !errors.errors().empty(); // the other one may have been cancelled before
        }
        require(caught, "what has failed");
        int results = 0;
        const auto others_go_on = [&](task_group& group) -> task<> {
            auto failing = group.spawn(fails_after(1));
            auto good = group.spawn(after(2));
            auto outcome = co_await failing.settled();
            if (outcome.error()) ++results;
            const int value = co_await good;
            results += value;
        };
        co_await weft::with_task_group(weft::on_error::report, others_go_on);
        require(results == 3, "the other one goes on");
    }
};

struct cancel_scopes : forks {
    task<> run(simulation& in) override {
        const auto start = in.now();
        weft::cancel_scope scope;
        const auto cancels = [&]() -> task<> {
            co_await weft::sleep_for(2s);
            scope.cancel("enough");
        };
        auto results =
            co_await weft::when_all(scope.run(after(1)), scope.run(after(3600)), cancels());
        require(std::get<0>(results) == 1 && !std::get<1>(results), "as far as it came");
        auto never = co_await scope.run(after(1));
        require(!never && alive == 0 && in.now() == start + 2s, "nothing begins any more");
    }
};

struct bind_task_keeps : forks {
    task<> run(simulation&) override {
        auto kept = weft::bind_task(
            [this, object = tracked()](tracked, int seconds) -> task<int> {
                tracked copy = object;
                co_return co_await after(seconds);
            },
            tracked(), 1);
        const int one = co_await std::move(kept);
        require(one == 1, "its result");
    }
};

struct from_callback_called : scenario {
    int begun = 0, withdrawn = 0, received = 0;

    task<> run(simulation&) override {
        const auto later = [this](weft::completer<int> complete) {
            ++begun;
            weft::this_loop().post([complete] { complete.set_value(3); });
        };
        const auto withdraw = [this]() noexcept { ++withdrawn; };
        const int three = co_await weft::from_callback<int>(later);
        require(three == 3, "the value");
        --begun;
        const int again = co_await weft::from_callback<int>(later, withdraw);
        ++received;
        require(again == 3, "the value");
        const auto never = [this, kept = std::optional<weft::completer<void>>()](
                               weft::completer<void> complete) mutable {
            ++begun;
            kept.emplace(std::move(complete));
        };
        auto waits = weft::from_callback<void>(never, withdraw);
        auto none = co_await weft::try_for(1s, std::move(waits));
        require(!none && withdrawn == 1, "withdrawn");
        bool closed = false;
        try {
            co_await weft::from_callback<void>([](weft::completer<void>) {});
        } catch (const std::exception&) { closed = true; }
        require(closed, "nobody will ever complete it");
        require(begun == received + withdrawn, "each ends once");
    }
    task<> check(ended) override {
        require(withdrawn <= 1, "withdrawn once");
        co_return;
    }
};

struct from_callback_of_threads : scenario {
    task<> run(simulation&) override {
        const auto later = [](weft::threadsafe_completer<tracked> complete) {
            weft::this_loop().post([complete] { complete.set_value(tracked()); });
        };
        auto first = co_await weft::from_callback_threadsafe<tracked>(later);
        int withdrawn = 0;
        auto waits = weft::from_callback_threadsafe<tracked>(
            [kept = std::optional<weft::threadsafe_completer<tracked>>()](
                weft::threadsafe_completer<tracked> complete) mutable {
                kept.emplace(std::move(complete));
            },
            [&withdrawn]() noexcept { ++withdrawn; });
        auto none = co_await weft::try_for(1s, std::move(waits));
        require(!none && withdrawn == 1, "withdrawn");
        bool closed = false;
        const auto forgets = [](weft::threadsafe_completer<int>) {};
        try {
            co_await weft::from_callback_threadsafe<int>(forgets);
        } catch (const std::exception&) { closed = true; }
        require(closed, "nobody will ever complete it");
        const auto failing = [](weft::threadsafe_completer<int> complete) {
            weft::this_loop().post(
                [complete] { complete.set_error(make_error_code(std::errc::io_error)); });
        };
        bool caught = false;
        try {
            co_await weft::from_callback_threadsafe<int>(failing);
        } catch (const std::system_error&) { caught = true; }
        require(caught, "the error");
    }
};

SWEEP_LIBRARY(when_all_of_some, "when_all")
SWEEP_LIBRARY(when_any_of_some, "when_any")
SWEEP_LIBRARY(when_all_settled_of_some, "when_all_settled")
SWEEP_LIBRARY(as_completed_sequence, "as_completed")
SWEEP_LIBRARY(for_each_two_at_a_time, "for_each_concurrent")
SWEEP_LIBRARY(timeouts, "with_timeout, with_deadline, try_for and try_until")
SWEEP_LIBRARY(shield_of_a_body, "shield")
SWEEP_LIBRARY(finally_cleans_up, "finally")
SWEEP_LIBRARY(finally_dropped, "finally that is dropped")
SWEEP_LIBRARY(groups, "with_task_group")
SWEEP_LIBRARY(groups_with_policies, "with_task_group that collects or reports")
SWEEP_LIBRARY(cancel_scopes, "cancel_scope.run")
SWEEP_LIBRARY(bind_task_keeps, "bind_task")
SWEEP_LIBRARY(from_callback_called, "from_callback")
SWEEP_LIBRARY(from_callback_of_threads, "from_callback_threadsafe")

} // namespace
