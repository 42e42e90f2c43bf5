// SPDX-License-Identifier: MIT
#include <weft/testing/decisions.hpp>

#include <cstdint>
#include <set>
#include <string>

#include "support/catch.hpp"

using weft::testing::decisions;

TEST_CASE("decisions follow from the seed, the same everywhere", "[testing][decisions]") {
    decisions one(42), same(42), other(43);
    std::string drawn, again, different;
    for (int i = 0; i < 20; ++i) {
        drawn += static_cast<char>('a' + one.choose(26));
        again += static_cast<char>('a' + same.choose(26));
        different += static_cast<char>('a' + other.choose(26));
    }
    CHECK(drawn == again);
    CHECK(drawn != different);
    CHECK(drawn == "tehiawfuiqfmnnrfcmcr");
}

TEST_CASE("every choice comes up, and none beyond", "[testing][decisions]") {
    decisions choices(1);
    for (std::uint32_t n = 1; n < 20; ++n) {
        std::set<std::uint32_t> seen;
        for (int i = 0; i < 1000; ++i) seen.insert(choices.choose(n));
        CHECK(seen.size() == n);
        CHECK(*seen.rbegin() == n - 1);
    }
}

TEST_CASE("probabilities and lengths", "[testing][decisions]") {
    decisions choices(1);
    int happened = 0;
    for (int i = 0; i < 10'000; ++i) {
        happened += choices.happens(0.1);
        CHECK_FALSE(choices.happens(0));
        CHECK(choices.happens(1));
        const auto length = choices.up_to(1'000'000'007);
        CHECK((length >= 0 && length <= 1'000'000'007));
    }
    CHECK(happened > 900);
    CHECK(happened < 1100);
    CHECK(choices.up_to(0) == 0);
}

TEST_CASE("choice 0 is the ordinary one", "[testing][decisions]") {
    decisions ordinary(decisions::log_type{});
    CHECK(ordinary.choose(10) == 0);
    CHECK_FALSE(ordinary.happens(0.999));
    CHECK(ordinary.up_to(1000) == 0);
}

TEST_CASE("a log repeats what was chosen, and can be written as text", "[testing][decisions]") {
    decisions first(7);
    for (int i = 0; i < 50; ++i) first.choose(3);
    decisions second(first.log());
    for (int i = 0; i < 50; ++i) second.choose(3);
    CHECK(second.log() == first.log());

    const auto text = [](decisions::log_type log) { return decisions::to_text(log); };
    CHECK(text({}).empty());
    CHECK(text({0, 0, 0}).empty());
    CHECK(text({0, 0, 3, 0, 1, 1, 1, 0}) == "0*2,3,0,1*3");
    CHECK(decisions::from_text("0*2,3,0,1*3") == decisions::log_type{0, 0, 3, 0, 1, 1, 1});
    CHECK(decisions::from_text("").empty());
    CHECK(decisions::from_text("5") == decisions::log_type{5});
}
