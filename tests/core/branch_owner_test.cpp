// SPDX-License-Identifier: MIT
#include <weft/core/branch_owner.hpp>

#include <weft/core/branch.hpp>

#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include <weft/core/branch_notes.hpp>
#include <weft/core/child.hpp>
#include <weft/core/frame_pool.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/note.hpp"
#include "support/run.hpp"

using weft::branch;
using weft::branch_owner;
using weft::ending;
using weft::task;

namespace {

/// Owns children of any kind and writes down how they end.
class family final : public branch_owner {
public:
    explicit family(weft::scheduler& loop) { attach(loop, nullptr); }
    ~family() { drop_children(); }

    template <class A> branch& add(A source) {
        struct member final : weft::child<A> {
            using weft::child<A>::child;
        };
        auto fresh = std::make_unique<member>(*this, std::move(source));
        auto& added = *fresh;
        keep.push_back(std::move(fresh));
        adopt(added);
        enqueue(added);
        return added;
    }

    void child_ended(branch&, ending how) noexcept override {
        log += how == ending::finished ? 'f' : how == ending::cancelled ? 'c' : 'd';
    }

    std::string log;
    std::vector<std::shared_ptr<branch>> keep;
};

task<> waits(std::string& log, char name) {
    note mine(log, name);
    co_await weft::sleep_forever();
}

} // namespace

TEST_CASE("an owner hears once how each child ended", "[core][branch_owner]") {
    const no_frame_leaks check;
    test_loop loop;
    family parents(loop);
    parents.add([]() -> task<> { co_return; });
    parents.add([]() -> task<> {
        throw 7;
        co_return;
    });
    auto& cancelled = parents.add([] { return weft::sleep_forever(); });
    parents.add([] { return weft::sleep_forever(); });
    CHECK(parents.has_children());

    loop.poll();
    CHECK(parents.log == "ff");
    cancelled.cancel(std::source_location::current());
    CHECK(parents.log == "ff");
    loop.poll();
    CHECK(parents.log == "ffc");
    parents.drop_children();

    CHECK(parents.log == "ffcd");
    CHECK_FALSE(parents.has_children());
}

TEST_CASE("children are cancelled, and destroyed, newest first", "[core][branch_owner]") {
    const no_frame_leaks check;
    std::string log;
    test_loop loop;
    family parents(loop);
    for (const char name : {'a', 'b', 'c'}) parents.add(waits(log, name));
    loop.poll();

    SECTION("cancelled") {
        parents.cancel_children(std::source_location::current());
        CHECK(log.empty());
        loop.poll();
        CHECK(parents.log == "ccc");
    }
    SECTION("dropped") {
        parents.drop_children();
        CHECK(parents.log == "ddd");
    }

    CHECK(log == "cba");
}

TEST_CASE("a branch remembers where it was cancelled", "[core][branch_owner]") {
    test_loop loop;
    family parents(loop);
    auto& child = parents.add([] { return weft::sleep_forever(); });
    loop.poll();

    const auto here = std::source_location::current();
    parents.cancel_children(here);

    CHECK(child.cancel_requested());
    CHECK(child.cancelled_at().line() == here.line());
    loop.poll();
}

TEST_CASE("siblings remember each where it was cancelled, and share what they can",
          "[core][branch_owner]") {
    const no_frame_leaks check;
    test_loop loop;
    family parents(loop);
    const auto add = [&]() -> branch& {
        auto& fresh = parents.add([] { return weft::sleep_forever(); });
        loop.poll();
        return fresh;
    };
    auto& first = add();
    auto& second = add();
    auto& third = add();
    auto& spared = add();
    const auto here = std::source_location::current();
    const auto there = std::source_location::current();
    REQUIRE(here.line() != there.line());
    CHECK(first.cancelled_at().line() == 0);

    SECTION("on different lines") {
        first.cancel(here);
        second.cancel(there);
        CHECK(first.cancelled_at().line() == here.line());
        CHECK(second.cancelled_at().line() == there.line());
        CHECK(third.cancelled_at().line() == 0);
        third.cancel(here); // shared with the first, though the second has come between
        second.cancel(here); // again, which is nothing
        CHECK(third.notes() == nullptr);
        CHECK(third.cancelled_at().line() == here.line());
        CHECK(second.cancelled_at().line() == there.line());
        CHECK(first.cancelled_at().line() == here.line());
    }
    SECTION("on one line") {
        for (auto* each : {&first, &second, &third}) {
            each->cancel(here);
            CHECK(each->cancelled_at().line() == here.line());
            CHECK(each->notes() == nullptr);
        }
    }
    SECTION("on different lines, when there is no memory") {
        first.cancel(here);
        weft::frame_pool::fail_allocation(1);
        second.cancel(there);
        weft::frame_pool::fail_allocation(0);
        CHECK(second.notes() == nullptr);
        CHECK(second.cancel_requested());
        CHECK(second.cancelled_at().line() == here.line());
        third.cancel(there);
        CHECK(third.cancelled_at().line() == there.line());
    }

    CHECK_FALSE(spared.cancel_requested());
    CHECK(spared.cancelled_at().line() == 0);
    loop.poll();
    CHECK(parents.log == "ccc");
    CHECK(parents.has_children());
}

TEST_CASE("an owner forgets where children were cancelled that are gone",
          "[core][branch_owner]") {
    test_loop loop;
    family parents(loop);
    auto& old = parents.add([] { return weft::sleep_forever(); });
    loop.poll();
    const auto here = std::source_location::current();
    const auto there = std::source_location::current();
    old.cancel(here);
    loop.poll();
    REQUIRE_FALSE(parents.has_children());

    auto& fresh = parents.add([] { return weft::sleep_forever(); });
    loop.poll();
    CHECK(fresh.cancelled_at().line() == 0);
    fresh.cancel(there);
    CHECK(fresh.cancelled_at().line() == there.line());
    CHECK(fresh.notes() == nullptr); // the old place is not in its way
    loop.poll();
    CHECK(parents.log == "cc");
}

TEST_CASE("a branch knows the groups that were made in it, newest first", "[core][branch_owner]") {
    run([]() -> task<> {
        auto& self = *weft::this_execution.current;
        CHECK(self.newest_group() == nullptr);
        {
            auto first = std::make_unique<weft::task_group>();
            weft::task_group second;
            auto third = std::make_unique<weft::task_group>();
            CHECK(self.newest_group() == third.get());
            CHECK(third->older_group() == &second);
            CHECK(second.older_group() == first.get());
            CHECK(first->older_group() == nullptr);
            CHECK(first->parent() == &self);

            first.reset(); // in any order
            third.reset();
            CHECK(self.newest_group() == &second);
            CHECK(second.older_group() == nullptr);
        }
        CHECK(self.newest_group() == nullptr);
        co_return;
    });
}

TEST_CASE("a branch knows its groups whether it has notes or not", "[core][branch_owner]") {
    const no_frame_leaks check;
    std::string log;
    run([&]() -> task<> {
        auto& self = *weft::this_execution.current;
        auto before = std::make_unique<weft::task_group>();
        self.make_notes().set_name("named", 5);
        CHECK(self.newest_group() == before.get());
        weft::task_group after;
        CHECK(self.newest_group() == &after);
        CHECK(after.older_group() == before.get());
        before.reset();
        CHECK(self.newest_group() == &after);
        CHECK(std::string(self.name()) == "named");

        // The same where a cancel has to find them.
        auto middle = after.spawn([&log]() -> task<> {
            weft::task_group own;
            own.spawn(waits(log, 'a'));
            weft::this_execution.current->make_notes().set_name("middle", 6);
            weft::task_group more;
            more.spawn(waits(log, 'b'));
            note mine(log, 'm');
            co_await weft::sleep_forever();
        });
        co_await weft::yield();
        co_await weft::yield();
        middle.cancel();
        co_await middle.wait();
        CHECK(log == "bam");
        CHECK(middle.name() == "middle");
    });
}

TEST_CASE("a group may outlive the branch that made it", "[core][branch_owner]") {
    const no_frame_leaks check;
    std::string log;
    test_loop loop;
    std::unique_ptr<weft::task_group> children;

    loop.spawn([&]() -> task<> {
        children = std::make_unique<weft::task_group>();
        children->spawn(waits(log, 'a'));
        co_return;
    });
    loop.poll();
    loop.poll();
    CHECK(children->parent() == nullptr);
    CHECK(children->size() == 1);
    children->cancel();
    loop.poll();

    CHECK(log == "a");
    CHECK(children->empty());
}
