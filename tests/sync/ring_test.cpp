// SPDX-License-Identifier: MIT
#include <weft/sync/ring.hpp>

#include <cstddef>
#include <deque>
#include <memory>
#include <stdexcept>
#include <utility>

#include <weft/testing/tracked.hpp>

#include "support/catch.hpp"

TEST_CASE("a ring is a queue of fixed capacity", "[sync][ring]") {
    weft::ring<int> ring(3);
    std::deque<int> model;
    CHECK(ring.empty());

    for (int i = 0; i < 20; ++i) {
        while (!ring.full()) {
            ring.push_back(i * 10 + static_cast<int>(ring.size()));
            model.push_back(i * 10 + static_cast<int>(model.size()));
        }
        for (std::size_t k = 0; k < ring.size(); ++k) CHECK(ring[k] == model[k]);
        for (int n = 0; n <= i % 3; ++n) {
            CHECK(ring.front() == model.front());
            ring.pop_front();
            model.pop_front();
        }
    }

    CHECK(ring.capacity() == 3);
}

TEST_CASE("a ring destroys what it holds, once", "[sync][ring]") {
    using weft::testing::tracked;
    {
        weft::ring<tracked> ring(4);
        for (int i = 0; i < 3; ++i) ring.push_back();
        CHECK(tracked::alive == 3);
        ring.pop_front();
        CHECK(tracked::alive == 2);
    }

    CHECK(tracked::alive == 0);
}

TEST_CASE("a ring takes what can only be moved", "[sync][ring]") {
    weft::ring<std::unique_ptr<int>> ring(1);

    ring.push_back(std::make_unique<int>(7));
    auto out = std::move(ring.front());

    CHECK(*out == 7);
}

TEST_CASE("an item whose constructor throws is not in the ring", "[sync][ring]") {
    struct thrower {
        explicit thrower(bool yes) {
            if (yes) throw std::runtime_error("no");
        }
    };
    weft::ring<thrower> ring(2);
    ring.push_back(false);

    CHECK_THROWS_WITH(ring.push_back(true), "no");

    CHECK(ring.size() == 1);
}

TEST_CASE("a ring refuses capacities that cannot be", "[sync][ring]") {
    CHECK(weft::ring<int>(0).full());
    CHECK_THROWS_AS(weft::ring<int>(static_cast<std::size_t>(-1)), std::invalid_argument);
    CHECK_THROWS_AS(weft::ring<int>(PTRDIFF_MAX), std::invalid_argument);
}
