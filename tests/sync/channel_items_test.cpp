// SPDX-License-Identifier: MIT
#include <weft/sync/channel_items.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using weft::channel_items;

namespace {

/// Gives out the last one first.
struct stack final : channel_items<int>::order {
    void push(int& item) override { items.push_back(item); }
    std::optional<int> pop() override {
        const int last = items.back();
        items.pop_back();
        return last;
    }
    std::size_t size() const noexcept override { return items.size(); }

    std::vector<int> items;
};

struct throws_once {
    explicit throws_once(bool& armed) : armed_(&armed) {}
    throws_once(throws_once&& other) : armed_(other.armed_) {
        if (std::exchange(*armed_, false)) throw std::runtime_error("moved");
    }
    bool* armed_;
};

} // namespace

TEST_CASE("a channel's items leave in the order of their arrival", "[sync][channel_items]") {
    channel_items<std::unique_ptr<int>> items(2);
    CHECK(items.are_in_order_of_arrival());
    auto a = std::make_unique<int>(1), b = std::make_unique<int>(2);
    items.push(a);
    items.push(b);
    CHECK(a == nullptr);
    CHECK(items.size() == 2);
    CHECK(items.full());
    CHECK(items.capacity() == 2);

    std::optional<std::unique_ptr<int>> got;
    items.pop(got);
    REQUIRE(got.has_value());
    CHECK(**got == 1);
    CHECK(items.size() == 1);
}

TEST_CASE("a channel's items leave in an order of their own", "[sync][channel_items]") {
    stack order;
    channel_items<int> items(3, order);
    CHECK_FALSE(items.are_in_order_of_arrival());
    for (int i : {1, 2, 3}) items.push(i);
    CHECK(items.size() == 3);

    std::optional<int> got;
    items.pop(got);
    CHECK(got == 3);
    CHECK(items.size() == 2);
}

TEST_CASE("an item that cannot be moved out is lost", "[sync][channel_items]") {
    bool armed = false;
    channel_items<throws_once> items(2);
    throws_once one(armed), other(armed);
    items.push(one);
    items.push(other);

    std::optional<throws_once> got;
    armed = true;
    CHECK_THROWS_AS(items.pop(got), std::runtime_error);
    CHECK_FALSE(got.has_value());
    CHECK(items.size() == 1);
}
