// SPDX-License-Identifier: MIT
#include <weft/sync/outgoing.hpp>

#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "support/catch.hpp"

// What senders see of it: channel_test.cpp and broadcast_test.cpp.

using weft::outgoing;

TEST_CASE("an item that was moved away is sent", "[sync][outgoing]") {
    std::error_code answer = weft::errc::closed;
    outgoing<std::unique_ptr<int>> item(std::make_unique<int>(7), &answer);
    std::unique_ptr<int> got;

    item.attempt([&](auto& from) { got = std::move(from); });
    item.finish("closed");

    CHECK(*got == 7);
    CHECK_FALSE(answer);
}

TEST_CASE("a refusal is thrown, or goes to the error_code", "[sync][outgoing]") {
    std::error_code answer;
    outgoing<int> quiet(1, &answer);
    outgoing<int> loud(1, nullptr);
    quiet.refused = loud.refused = true;

    quiet.finish("closed");
    CHECK(answer == weft::errc::closed);
    CHECK_THROWS_AS(loud.finish("closed"), weft::closed_error);
}

TEST_CASE("what a move throws is thrown at its sender, whatever was asked for",
          "[sync][outgoing]") {
    std::error_code answer;
    outgoing<int> item(1, &answer);

    item.attempt([](int&) { throw std::runtime_error("broken"); });

    CHECK_THROWS_WITH(item.finish("closed"), "broken");
}
