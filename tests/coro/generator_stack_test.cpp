// SPDX-License-Identifier: MIT
#include <weft/coro/generator_stack.hpp>

#include <stdexcept>
#include <vector>

#include <weft/coro/generator.hpp>

#include "support/catch.hpp"

namespace {

constexpr int deep = 100'000; // a hundred bytes of stack a level would be too many

int live = 0;
struct counted {
    counted() { ++live; }
    counted(counted&&) = delete;
    ~counted() { --live; }
};

/// `levels` generators, one in the other, the innermost of which yields `elements` zeros.
weft::generator<int> well(int levels, int elements) {
    counted here;
    if (levels == 0)
        for (int i = 0; i != elements; ++i) co_yield 0;
    else
        co_yield weft::elements_of(well(levels - 1, elements));
}

/// Yields 0 to `levels` on the way in and back on the way out.
weft::generator<int> there_and_back(int levels, int depth = 0) {
    co_yield depth;
    if (depth != levels) co_yield weft::elements_of(there_and_back(levels, depth + 1));
    co_yield depth;
}

/// Enters `levels` generators, the innermost of which throws, and lets it out up to `catcher`.
weft::generator<int> throws_up(int levels, int catcher, int& caught_at) {
    counted here;
    if (levels == 0) throw std::runtime_error("from below");
    if (levels != catcher) {
        co_yield weft::elements_of(throws_up(levels - 1, catcher, caught_at));
        co_return;
    }
    try {
        co_yield weft::elements_of(throws_up(levels - 1, catcher, caught_at));
    } catch (const std::runtime_error&) {
        caught_at = levels;
    }
    co_yield weft::elements_of(well(levels, 1));
}

} // namespace

TEST_CASE("a deep nest of generators is walked from the first to the last",
          "[coro][generator_stack]") {
    auto g = well(deep, 1);
    auto i = g.begin();
    CHECK(*i == 0);
    CHECK(live == deep + 1);

    ++i;
    CHECK(i == g.end());
    CHECK(live == 0);
}

TEST_CASE("an element costs the same at any depth", "[coro][generator_stack]") {
    // With one step a level and element this would be 10^10 steps, and the test would time out.
    int elements = 0;
    for (int each : well(deep, deep)) elements += 1 + each;
    CHECK(elements == deep);
}

TEST_CASE("a deep nest that yields at every level comes back in order",
          "[coro][generator_stack]") {
    int expected = 0;
    int wrong = 0;
    bool down = true;
    for (int each : there_and_back(deep)) {
        wrong += each != expected;
        if (down && expected == deep)
            down = false;
        else
            expected += down ? 1 : -1;
    }
    CHECK(expected == -1);
    CHECK(wrong == 0);
}

TEST_CASE("a deep nest is destroyed in the middle", "[coro][generator_stack]") {
    {
        auto g = well(deep, 2);
        CHECK(*g.begin() == 0);
        CHECK(live == deep + 1);
    }
    CHECK(live == 0);
}

TEST_CASE("an exception leaves a deep nest", "[coro][generator_stack]") {
    int caught_at = -1;

    SECTION("at the root") {
        auto g = throws_up(deep, -1, caught_at);
        CHECK_THROWS_WITH(g.begin(), "from below");
        CHECK(caught_at == -1);
    }
    SECTION("half-way, where a second nest is entered") {
        int elements = 0;
        for (int each : throws_up(2000, 1000, caught_at)) elements += 1 + each;
        CHECK(elements == 1);
        CHECK(caught_at == 1000);
    }
    CHECK(live == 0);
}

TEST_CASE("entering generators one after the other takes no stack", "[coro][generator_stack]") {
    auto enters = [](int times) -> weft::generator<int> {
        for (int i = 0; i != times; ++i) co_yield weft::elements_of(well(0, 0));
        co_yield 1;
    };
    auto in_a_nest = [&](int times) -> weft::generator<int> {
        co_yield weft::elements_of(enters(times));
    };

    int sum = 0;
    for (int each : enters(deep)) sum += each;
    for (int each : in_a_nest(deep)) sum += each;
    CHECK(sum == 2);
}

TEST_CASE("nests of every depth are walked", "[coro][generator_stack]") {
    // Control passes from frame to frame a limited number of times: none of the limits may show.
    int wrong = 0;
    for (int depth = 0; depth != 300; ++depth) {
        std::vector<int> seen;
        for (int each : there_and_back(depth)) seen.push_back(each);
        for (int i = 0; i <= depth; ++i) {
            const auto at = static_cast<std::size_t>(i);
            wrong += seen.size() != static_cast<std::size_t>(2 * depth + 2) || seen[at] != i ||
                     seen[seen.size() - 1 - at] != i;
        }
        int elements = 0;
        for (int each : well(depth, depth)) elements += 1 + each;
        wrong += elements != depth;
    }
    CHECK(wrong == 0);
}

TEST_CASE("a reader may be a generator, too", "[coro][generator_stack]") {
    // A generator that reads another runs two stacks, one inside the other.
    auto doubled = [](weft::generator<int> source) -> weft::generator<int> {
        for (int each : source) co_yield 2 * each;
    };
    auto outer = [&]() -> weft::generator<int> {
        co_yield weft::elements_of(doubled(there_and_back(2)));
    };

    std::vector<int> seen;
    for (int each : outer()) seen.push_back(each);
    CHECK(seen == std::vector<int>{0, 2, 4, 4, 2, 0});
}
