// SPDX-License-Identifier: MIT
#include <weft/core/operation.hpp>

#include <coroutine>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <weft/core/intrusive_list.hpp>
#include <weft/core/prepared.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"

using weft::task;
using weft::task_group;

namespace {

/// What an operation of one's own looks like: a gate that is opened for one visitor at a time.
class gate {
    class pass;

public:
    int withdrawn = 0;

    auto enter() noexcept { return weft::prepared<pass, gate*>(this); }
    bool admit_one(int value) noexcept;
    bool empty() const noexcept { return waiting_.empty(); }

private:
    class pass final : public weft::operation<pass>, public weft::list_hook<> {
    public:
        explicit pass(gate* in) noexcept : gate_(in) {}
        bool start(weft::branch&) noexcept {
            gate_->waiting_.push_back(*this);
            return false;
        }
        bool withdraw() noexcept override {
            ++gate_->withdrawn;
            unlink();
            return true;
        }
        int await_resume() const noexcept { return value_; }
        const char* describe() const noexcept override { return "gate.enter"; }

        void admit(int value) noexcept {
            value_ = value;
            complete();
        }

    private:
        gate* gate_;
        int value_ = 0;
    };

    weft::intrusive_list<pass> waiting_;
};

bool gate::admit_one(int value) noexcept {
    if (waiting_.empty()) return false;
    waiting_.pop_front().admit(value);
    return true;
}

/// Completes at once, `times` times.
class at_once final : public weft::operation<at_once> {
public:
    explicit at_once(int* postponements) noexcept : postponements_(postponements) {}
    bool start(weft::branch&) noexcept { return true; }
    bool withdraw() noexcept override { return true; }
    void postponed() noexcept { ++*postponements_; }
    void await_resume() const noexcept {}

private:
    int* postponements_;
};

} // namespace

TEST_CASE("an operation suspends its branch until it is complete", "[core][operation]") {
    std::string log;
    run([&]() -> task<> {
        gate door;
        task_group children;
        const auto visitor = [&](char name) -> task<> {
            log += name;
            const int value = co_await door.enter();
            log += static_cast<char>('0' + value);
        };
        children.spawn(visitor, 'a');
        children.spawn(visitor, 'b');
        co_await weft::yield();
        CHECK(log == "ab");

        door.admit_one(1);
        door.admit_one(2);
        CHECK(log == "ab"); // nobody is resumed by the call
        co_await children.join();
        CHECK_FALSE(door.admit_one(3));
    });

    CHECK(log == "ab12");
}

TEST_CASE("an operation that is cancelled is withdrawn, once, and then destroyed",
          "[core][operation]") {
    gate door;
    run([&]() -> task<> {
        task_group children;
        const auto visitor = [&]() -> task<> { static_cast<void>(co_await door.enter()); };
        auto first = children.spawn(visitor);
        auto second = children.spawn(visitor);
        co_await weft::yield();

        first.cancel();
        CHECK(door.withdrawn == 1);
        CHECK(door.admit_one(7)); // the second
        co_await children.join();
        CHECK(first.done());
        CHECK(second.done());
    });

    CHECK(door.withdrawn == 1);
    CHECK(door.empty());
}

TEST_CASE("an operation that is complete when its branch is dropped is destroyed",
          "[core][operation]") {
    const no_frame_leaks check;
    gate door;
    bool delivered = false;
    {
        test_loop loop;
        loop.spawn([&]() -> task<> {
            static_cast<void>(co_await door.enter());
            delivered = true;
        });
        loop.poll();
        CHECK(door.admit_one(7));
    }

    CHECK_FALSE(delivered);
    CHECK(door.withdrawn == 0);
}

TEST_CASE("an operation that completes at once does not suspend, but 64 in a row do",
          "[core][operation]") {
    int postponed = 0;
    std::string log;
    run([&]() -> task<> {
        task_group children;
        const auto busy = [&](int times) -> task<> {
            for (int i = 0; i < times; ++i) co_await at_once(&postponed);
            log += 'b';
        };
        children.spawn(busy, 63);
        children.spawn([&]() -> task<> {
            log += 'o';
            co_return;
        });
        co_await children.join();
        CHECK(log == "bo");
        CHECK(postponed == 0);

        children.spawn(busy, 64);
        children.spawn([&]() -> task<> {
            log += 'o';
            co_return;
        });
        co_await children.join();
    });

    CHECK(log == "boob");
    CHECK(postponed == 1);
}

TEST_CASE("an operation can be kept in a variable and awaited there", "[core][operation]") {
    run([]() -> task<> {
        int postponed = 0;
        at_once operation(&postponed);
        co_await operation;
        co_await operation;
    });
}

TEST_CASE("an operation knows what starts on a branch", "[core][operation]") {
    STATIC_REQUIRE(weft::starts_on_branch<at_once>);
    STATIC_REQUIRE_FALSE(weft::starts_on_branch<std::suspend_always>);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<at_once>);
}

TEST_CASE("a branch tells what it waits on", "[core][operation]") {
    gate door;
    run([&]() -> task<> {
        task_group children;
        children.spawn([&]() -> task<> { static_cast<void>(co_await door.enter()); });
        co_await weft::yield();

        auto& child = *children.children().first();
        REQUIRE(child.waits_on() != nullptr);
        CHECK(std::string(child.waits_on()->describe()) == "gate.enter");
        CHECK(child.waits_on()->children() == nullptr);
        REQUIRE(child.leaf() != nullptr);
        CHECK(std::string(child.leaf()->awaits_at.file_name()) == __FILE__);
        children.cancel();
        co_await children.join();
    });
}
