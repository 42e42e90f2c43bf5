// SPDX-License-Identifier: MIT
#include <weft/testing/tracked.hpp>

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include <weft/coro/task.hpp>

#include "support/catch.hpp"
#include "support/death.hpp"

using weft::testing::tracked;

TEST_CASE("every tracked object counts, copies and what was moved from included",
          "[testing][tracked]") {
    REQUIRE(tracked::alive == 0);
    {
        tracked one;
        CHECK(tracked::alive == 1);
        const tracked copy(one);
        CHECK(tracked::alive == 2);
        const tracked moved(std::move(one));
        CHECK(tracked::alive == 3);
        one = moved;
        CHECK(tracked::alive == 3);
    }
    CHECK(tracked::alive == 0);
    std::vector<tracked> many(5);
    many.resize(3);
    many.push_back(tracked());
    CHECK(tracked::alive == 4);
    many.clear();
    CHECK(tracked::alive == 0);
}

TEST_CASE("an argument of a task that never ran dies with it", "[testing][tracked]") {
    auto hold = [](tracked) -> weft::task<> { co_return; };
    {
        auto never_run = hold(tracked());
        CHECK(tracked::alive == 1);
    }
    CHECK(tracked::alive == 0);
}

#ifndef NDEBUG
TEST_CASE("an object that is destroyed twice is noticed, and one that was never made",
          "[testing][tracked]") {
    using Catch::Matchers::ContainsSubstring;
    alignas(tracked) unsigned char storage[sizeof(tracked)] = {};
    auto* const place = reinterpret_cast<tracked*>(storage);

    const auto twice = last_words([&] {
        std::construct_at(place);
        std::destroy_at(place);
        std::destroy_at(place);
    });
    CHECK_THAT(twice, ContainsSubstring("destroyed twice, or never made"));
    const auto never = last_words([&] { std::destroy_at(place); });
    CHECK_THAT(never, ContainsSubstring("destroyed twice, or never made"));
    // Its bytes are moved, as no constructor would.
    const auto relocated = last_words([&] {
        alignas(tracked) unsigned char other[sizeof(tracked)];
        std::construct_at(place);
        std::memcpy(other, storage, sizeof storage);
        std::destroy_at(reinterpret_cast<tracked*>(other));
    });
    CHECK_THAT(relocated, ContainsSubstring("destroyed twice, or never made"));
    const auto from_nothing = last_words([&] { const tracked copy(*place); });
    CHECK_THAT(from_nothing, ContainsSubstring("destroyed twice, or never made"));
    const auto to_nothing = last_words([&] {
        const tracked one;
        *place = one;
    });
    CHECK_THAT(to_nothing, ContainsSubstring("destroyed twice, or never made"));
}
#endif
