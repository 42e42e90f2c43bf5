// SPDX-License-Identifier: MIT
#include <weft/core/fork.hpp>

#include <chrono>
#include <coroutine>
#include <string>
#include <utility>

#include <weft/core/child.hpp>
#include <weft/core/prepared.hpp>
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
using weft::ending;
using weft::task;
using weft::testing::tracked;

namespace {

/// The smallest fork there is: two branches, whatever becomes of them. Returns how they ended.
template <class A, class B> class pair_fork final : public weft::fork_operation<pair_fork<A, B>> {
public:
    pair_fork(A a, B b) : a_(*this, std::move(a)), b_(*this, std::move(b)) {}

    bool start(weft::branch& parent) noexcept {
        this->start_all(parent, [this](auto&& start_child) {
            start_child(a_);
            start_child(b_);
        });
        return false;
    }
    void on_child(weft::branch& child, ending how) noexcept {
        log_ += &child == &a_ ? 'a' : 'b';
        if (how == ending::cancelled) log_ += '!';
    }
    bool has_result() const noexcept { return false; }
    std::string await_resume() { return log_; }
    const char* describe() const noexcept override { return "pair"; }

private:
    weft::child<A> a_;
    weft::child<B> b_;
    std::string log_;
};
template <class A, class B> auto both(A a, B b) {
    return weft::prepared<pair_fork<A, B>, A, B>(std::move(a), std::move(b));
}

/// One branch, in place of the parent, and one more, or none, when it has ended.
template <class A, class B>
class sequence_fork final : public weft::fork_operation<sequence_fork<A, B>> {
public:
    sequence_fork(A a, B b) : first_(*this, std::move(a)), second_(*this, std::move(b)) {}

    std::coroutine_handle<> start(weft::branch& parent) noexcept {
        return this->start_only(parent, first_);
    }
    void on_child(weft::branch& child, ending) noexcept {
        log_ += &child == &first_ ? '1' : '2';
        if (&child == &first_) this->start_next(second_);
    }
    bool has_result() const noexcept { return log_ == "12"; }
    std::string await_resume() { return log_; }

private:
    weft::child<A> first_;
    weft::child<B> second_;
    std::string log_;
};
template <class A, class B> auto in_sequence(A a, B b) {
    return weft::prepared<sequence_fork<A, B>, A, B>(std::move(a), std::move(b));
}

task<> logs(std::string& log, char name, weft::duration length) {
    tracked object;
    log += name;
    co_await weft::sleep_for(length);
    log += name;
}

} // namespace

TEST_CASE("a fork starts its branches in order and goes on when all have ended", "[core][fork]") {
    std::string log;
    run([&]() -> task<> {
        const std::string ended = co_await both(logs(log, 'x', 2s), logs(log, 'y', 1s));
        CHECK(ended == "ba");
    });

    CHECK(log == "xyyx");
}

TEST_CASE("a cancelled fork cancels its branches, newest first, and waits for them",
          "[core][fork]") {
    std::string log;
    run([&]() -> task<> {
        weft::task_group children;
        const auto parent = [&]() -> task<> {
            co_await both(
                both([] { return slow_wait(1h, 2s); }, logs(log, 'x', 1h)),
                both([] { return slow_wait(1h, 3s); }, [] { return weft::sleep_forever(); }));
            log += "not reached";
        };
        auto victim = children.spawn(parent);
        co_await weft::sleep_for(1s);
        const auto begin = weft::loop_clock::now();

        victim.cancel();
        co_await victim.wait();
        CHECK(weft::loop_clock::now() == begin + 3s);
    });

    CHECK(log == "x");
    CHECK(tracked::alive == 0);
}

TEST_CASE("a single branch runs in place of its parent", "[core][fork]") {
    std::string log;
    run([&]() -> task<> {
        weft::task_group children;
        children.spawn(logs(log, 'o', 0s));
        // Neither the start nor the end of the branch gives others their turn.
        const std::string ended =
            co_await in_sequence([]() -> task<> { co_return; }, []() -> task<> { co_return; });
        CHECK(ended == "12");
        CHECK(log.empty());
        co_await children.join();
    });

    CHECK(log == "oo");
}

TEST_CASE("a fork that starts another branch when the first has ended waits for that, too",
          "[core][fork]") {
    std::string log;
    run([&]() -> task<> {
        weft::task_group children;
        const auto parent = [&]() -> task<> {
            const auto ended =
                co_await in_sequence(logs(log, 'x', 1h), [] { return slow_wait(1s, 1s); });
            log += ended;
            co_await weft::yield();
            log += "not reached";
        };
        auto victim = children.spawn(parent);
        co_await weft::sleep_for(1s);
        victim.cancel();
        co_await victim.wait();
    });

    CHECK(log == "x12"); // complete, though cancelled: that is delivered
}

TEST_CASE("a fork tells which branches it waits for", "[core][fork]") {
    run([]() -> task<> {
        weft::task_group children;
        auto parent = children.spawn([] {
            return both([] { return weft::sleep_forever(); }, [] { return weft::sleep_forever(); });
        });
        co_await weft::yield();

        auto& branch = *children.children().first();
        REQUIRE(branch.waits_on() != nullptr);
        CHECK(std::string(branch.waits_on()->describe()) == "pair");
        auto* below = branch.waits_on()->children();
        REQUIRE(below != nullptr);
        CHECK(below->parent() == &branch);
        CHECK_FALSE(below->spawns());
        CHECK(below->children().first() != below->children().last());
        CHECK(below->children().first()->is_within(branch));
        CHECK(&below->children().first()->task() == &branch);
        parent.cancel();
    });
}

TEST_CASE("a fork that is not awaited starts nothing", "[core][fork]") {
    std::string log;
    { auto unused = both(logs(log, 'x', 1s), logs(log, 'y', 1s)); }

    CHECK(log.empty());
}

TEST_CASE("nested forks end at any point", "[core][fork]") {
    sweep([]() -> task<> {
        std::string log;
        co_await both(in_sequence(logs(log, 'a', 1s),
                                  both(logs(log, 'b', 2s), [] { return slow_wait(3s, 1s); })),
                      in_sequence([] { return slow_wait(2s, 1s); }, logs(log, 'c', 1s)));
        co_await weft::yield();
    });
}
