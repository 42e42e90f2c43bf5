// SPDX-License-Identifier: MIT
#include <weft/compose/join_fork.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <weft/compose/children.hpp>
#include <weft/compose/finally.hpp>
#include <weft/compose/shield.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/core/prepared.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/steps.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using weft::ending;
using weft::task;

namespace {

/// Ends with the `needed`-th value. Returns how many there were in the end.
template <class A>
class quorum_operation final
    : public weft::join_fork<quorum_operation<A>, weft::child_array<A>> {
    using base = weft::join_fork<quorum_operation, weft::child_array<A>>;

public:
    explicit quorum_operation(std::vector<A> sources, int needed)
        : base(sources), needed_(needed) {}

    void on_child(weft::branch& child, ending how) noexcept {
        if (how != ending::finished) return;
        if (auto error = child.error()) return this->decide(std::move(error), child.name());
        if (++values_ >= needed_) this->decide(nullptr, "");
    }
    bool has_result() const noexcept { return this->is_decided(); }
    const char* describe() const noexcept override { return "quorum"; }

    int await_resume() {
        this->rethrow_error();
        return values_;
    }

private:
    int needed_;
    int values_ = 0;
};
template <class... A>
auto quorum(int needed, A... each) {
    using first = std::tuple_element_t<0, std::tuple<A...>>;
    std::vector<first> all;
    (all.push_back(std::move(each)), ...);
    return weft::prepared<quorum_operation<first>, std::vector<first>, int>(std::move(all), needed);
}

auto now() { return weft::loop_clock::now().time_since_epoch(); }

} // namespace

TEST_CASE("a decision cancels the rest, newest first, and waits for it", "[compose][join_fork]") {
    events log;
    run([&]() -> task<> {
        const int count = co_await quorum(2, step(1h, log, "a"), step(2ms, log, "b"),
                                          step(1ms, log, "c"), step(1h, log, "d"));
        CHECK(count == 2);
        CHECK(now() == 2ms);
    });

    CHECK(log == events{"a", "b", "c", "d", "c done", "~c", "b done", "~b", "~d", "~a"});
}

TEST_CASE("without a decision it ends with its last child", "[compose][join_fork]") {
    run([]() -> task<> {
        const int count = co_await quorum(9, value_after(1ms, 1), value_after(2ms, 2));
        CHECK(count == 2);
        CHECK(now() == 2ms);
        const int none = co_await weft::prepared<quorum_operation<task<>>, std::vector<task<>>, int>(
            std::vector<task<>>(), 1);
        CHECK(none == 0);
    });
}

TEST_CASE("an only child starts and ends without a turn in between", "[compose][join_fork]") {
    events log;
    run([&]() -> task<> {
        weft::this_loop().post([&] { log.push_back("turn"); });
        auto only = [&]() -> task<> {
            log.push_back("child");
            co_return;
        };
        co_await quorum(1, only());
        log.push_back("parent");
    });

    CHECK(log == events{"child", "parent"});
}

TEST_CASE("the first error decides, the others are unhandled", "[compose][join_fork]") {
    const no_frame_leaks check;
    test_loop loop;
    auto main = []() -> task<> {
        auto late = []() -> task<> {
            co_await weft::finally(weft::sleep_for(1h), error_after(0ms, "late"));
        };
        co_await quorum(1, late(), error_after(1ms, "first"));
    };

    CHECK_THROWS_WITH(loop.run(main), "first");
    CHECK(loop.reported == std::vector<std::string>{"late"});
}

TEST_CASE("an error after a decision is unhandled", "[compose][join_fork]") {
    const no_frame_leaks check;
    test_loop loop;
    loop.run([]() -> task<> {
        auto late = []() -> task<> {
            co_await weft::finally(weft::sleep_for(1h), error_after(0ms, "late"));
        };
        auto quick = []() -> task<> { co_await weft::sleep_for(1ms); };
        const int count = co_await quorum(1, late(), quick());
        CHECK(count == 1);
    });

    CHECK(loop.reported == std::vector<std::string>{"late"});
}

TEST_CASE("an error that could not be delivered because of a drop is unhandled",
          "[compose][join_fork]") {
    std::shared_ptr<std::vector<std::string>> reported;
    {
        test_loop loop;
        reported = loop.log;
        loop.spawn([]() -> task<> {
            auto stays = []() -> task<> { co_await weft::shield(weft::sleep_for(1h)); };
            co_await quorum(1, stays(), error_after(0ms, "in vain"));
        });
        while (loop.poll() != 0) {}
        CHECK(reported->empty());
    }

    CHECK(*reported == std::vector<std::string>{"in vain"});
}

TEST_CASE("a decision is delivered in a cancelled caller, the lack of one is not",
          "[compose][join_fork]") {
    run([]() -> task<> {
        auto slow = []() -> task<> {
            co_await weft::finally(weft::sleep_for(1h), weft::sleep_for(5ms));
        };
        auto quick = []() -> task<> { co_await weft::sleep_for(1ms); };
        auto decided = co_await weft::try_for(2ms, quorum(1, slow(), quick()));
        CHECK(decided == 1);
        CHECK(now() == 6ms);
        auto undecided = co_await weft::try_for(2ms, quorum(2, slow(), quick()));
        CHECK_FALSE(undecided);
    });
}

TEST_CASE("a join_fork ends well wherever it is ended", "[compose][join_fork]") {
    sweep([]() -> task<> {
        const int count =
            co_await quorum(2, value_after(3ms, 1), value_after(1ms, 2), value_after(1ms, 3));
        static_cast<void>(count);
        co_await weft::yield();
    });
}
