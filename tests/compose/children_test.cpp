// SPDX-License-Identifier: MIT
#include <weft/compose/children.hpp>

#include <list>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <weft/compose/when_all.hpp>
#include <weft/coro/generator.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/steps.hpp"

using weft::task;
using weft::testing::tracked;

namespace {

struct owner final : weft::branch_owner {
    void child_ended(weft::branch&, weft::ending) noexcept override {}
};

task<int> give(int value) { co_return value; }

/// A callable that throws when it is moved for the n-th time.
struct fragile {
    explicit fragile(int& moves_left) : left(&moves_left) {}
    fragile(fragile&& other) : left(other.left), held(other.held) {
        if (--*left == 0) throw std::runtime_error("moved too often");
    }
    task<int> operator()() const { return give(1); }

    int* left;
    tracked held;
};

} // namespace

TEST_CASE("the children of named arguments stand in their order", "[compose][children]") {
    const no_frame_leaks check;
    owner parent;
    auto first = give(1);
    auto second = [] { return give(2); };
    auto third = weft::yield();
    weft::child_tuple<task<int>, decltype(second), decltype(third)> children(parent, first, second,
                                                                             third);

    CHECK(children.size() == 3);
    std::vector<const weft::branch_owner*> owners;
    children.for_each([&](weft::branch& each) { owners.push_back(&each.owner()); });
    CHECK(owners == std::vector<const weft::branch_owner*>(3, &parent));

    int n = 0;
    children.for_each([&](auto& each) {
        ++n;
        if constexpr (requires { each.outcome().value() == 1; }) each.outcome().set_value(n * 10);
        else each.outcome().set_value();
    });
    const auto done = children.collect<std::tuple<bool, bool, bool>>(
        [](auto& outcome) { return outcome.has_value(); });
    CHECK(done == std::tuple(true, true, true));
}

TEST_CASE("no arguments are no children", "[compose][children]") {
    owner parent;
    weft::child_tuple<> none(parent);
    CHECK(none.size() == 0);
    std::vector<task<int>> nothing;
    weft::child_array<task<int>> empty(parent, nothing);
    CHECK(empty.size() == 0);
}

TEST_CASE("the children of a range stand in its order, and know their index",
          "[compose][children]") {
    const no_frame_leaks check;
    owner parent;
    std::vector<task<int>> tasks;
    for (int i = 0; i != 5; ++i) tasks.push_back(give(i));
    weft::child_array<task<int>> children(parent, tasks);

    REQUIRE(children.size() == 5);
    std::size_t index = 0;
    children.for_each([&](auto& each) {
        CHECK(children.index_of(each) == index);
        CHECK(&children[index] == &each);
        each.outcome().set_value(static_cast<int>(index++));
    });
    auto values = children.collect<std::vector<int>>([](auto& outcome) { return outcome.take(); });
    CHECK(values == std::vector{0, 1, 2, 3, 4});
}

TEST_CASE("a child that cannot be moved in leaves nothing behind", "[compose][children]") {
    const no_frame_leaks check;
    for (int moves = 1; moves != 4; ++moves) {
        owner parent;
        std::vector<fragile> sources;
        sources.reserve(3);
        int left = 1000;
        for (int i = 0; i != 3; ++i) sources.emplace_back(left);
        left = moves;
        CHECK_THROWS_WITH((weft::child_array<fragile>(parent, sources)), "moved too often");
    }
    CHECK(tracked::alive == 0);

    // The same for a fork: whatever throws, nothing is left, and the caller hears of it.
    for (int moves = 1; moves != 20; ++moves)
        run([moves]() -> task<> {
            int left = 1000;
            std::vector<fragile> sources;
            sources.reserve(2);
            sources.emplace_back(left);
            sources.emplace_back(left);
            left = moves;
            try {
                auto values = co_await weft::when_all(std::move(sources));
                CHECK(values == std::vector{1, 1});
            } catch (const std::runtime_error&) {
            }
            left = moves;
            try {
                fragile one(left);
                fragile two(left);
                auto values = co_await weft::when_all(std::move(one), std::move(two));
                CHECK(values == std::tuple(1, 1));
            } catch (const std::runtime_error&) {
            }
        });
    CHECK(tracked::alive == 0);
}

TEST_CASE("a range is moved into a vector, whatever range it is", "[compose][children]") {
    std::list<std::unique_ptr<int>> owned;
    for (int i = 0; i != 3; ++i) owned.push_back(std::make_unique<int>(i));

    const auto moved = weft::to_vector(std::move(owned));

    REQUIRE(moved.size() == 3);
    CHECK(*moved[2] == 2);
    std::vector<bool> proxies{true, false};
    CHECK(weft::to_vector(proxies) == proxies);
}

TEST_CASE("a range that the caller keeps is copied, what a view looks at is moved",
          "[compose][children]") {
    struct asks {
        int value;
        std::shared_ptr<int> uses = std::make_shared<int>(0);
        task<int> operator()() { return give(value); }
    };
    std::vector<asks> kept{{1}, {2}};
    auto copied = weft::given_elements(kept);
    CHECK(copied.size() == 2);
    CHECK(kept[0].uses.use_count() == 2);
    const auto& constant = kept;
    CHECK(weft::given_elements(constant).size() == 2);
    auto moved = weft::given_elements(std::move(kept));
    CHECK(moved[1].uses.use_count() == 2); // with `copied`

    std::vector<task<int>> tasks;
    for (int i = 0; i != 3; ++i) tasks.push_back(give(i));
    std::span<task<int>> last_two(tasks.data() + 1, 2);
    run([&]() -> task<> {
        auto results = co_await weft::when_all(last_two);
        CHECK(results == std::vector{1, 2});
        auto first = std::move(tasks.front());
        const int zero = co_await std::move(first);
        CHECK(zero == 0);
    });

    asks array[] = {{3}, {4}};
    CHECK(weft::given_elements(array).size() == 2);

    const auto yield_tasks = []() -> weft::generator<task<int>> { co_yield give(1); };
    auto generator = yield_tasks(); // cannot be copied, but gives its elements away
    CHECK(weft::given_elements(generator).size() == 1);
    CHECK(array[0].uses.use_count() == 1);
}

TEST_CASE("what a fork takes for a range", "[compose][children]") {
    using callable = task<int> (*)();
    STATIC_REQUIRE(weft::forkable_range<std::vector<task<int>>>);
    STATIC_REQUIRE(weft::forkable_range<std::list<callable>>);
    STATIC_REQUIRE_FALSE(weft::forkable_range<std::vector<int>>);
    STATIC_REQUIRE_FALSE(weft::forkable_range<task<int>>);
}
