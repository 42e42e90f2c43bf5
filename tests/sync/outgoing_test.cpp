// SPDX-License-Identifier: MIT
#include <weft/sync/outgoing.hpp>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <weft/core/error.hpp>
#include <weft/coro/task.hpp>
#include <weft/sync/priority_channel.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/ways_to_send.hpp"

using weft::outgoing;

namespace {

// Two more ways; what else each does is in channel_test.cpp and its like.
using over_a_channel_without_room = over_a_channel<int, 0>;
struct over_a_priority_channel {
    weft::priority_channel<int> to{1};
    auto receive() { return to.receive(); }
};

} // namespace

TEST_CASE("an item that was moved away is sent", "[sync][outgoing]") {
    std::error_code answer = weft::errc::closed;
    outgoing<std::unique_ptr<int>> item(std::make_unique<int>(7), &answer);
    std::unique_ptr<int> got;

    item.begin();
    item.attempt([&](auto& from) { got = std::move(from); });
    item.finish("closed");

    CHECK(*got == 7);
    CHECK_FALSE(answer);
}

TEST_CASE("a refusal is thrown, or goes to the error_code", "[sync][outgoing]") {
    std::error_code answer;
    outgoing<int> quiet(1, &answer);
    outgoing<int> loud(1, nullptr);
    quiet.begin();
    loud.begin();
    quiet.refuse();
    loud.refuse();

    quiet.finish("closed");
    CHECK(answer == weft::errc::closed);
    CHECK_THROWS_AS(loud.finish("closed"), weft::closed_error);
}

TEST_CASE("what a move throws is thrown at its sender, whatever was asked for",
          "[sync][outgoing]") {
    std::error_code answer;
    outgoing<int> item(1, &answer);

    item.begin();
    item.attempt([](int&) { throw std::runtime_error("broken"); });

    CHECK_THROWS_WITH(item.finish("closed"), "broken");
    item.clean_up();
}

TEMPLATE_TEST_CASE("with an error_code, a send to what is closed throws nothing",
                   "[sync][outgoing]", over_a_channel<int>, over_a_channel_without_room,
                   over_a_priority_channel, over_a_broadcast<int>) {
    TestType way;
    branches b;
    std::vector<std::error_code> answers(5, weft::errc::busy);
    const auto send = [&](int item) {
        b.spawn([&, item]() -> weft::task<> {
            co_await way.to.send(item, answers[static_cast<std::size_t>(item)]);
        });
        b.run();
    };
    int received = 0;
    send(1);
    send(2); // waits
    b.spawn([&]() -> weft::task<> {
        const auto item = co_await way.receive();
        received = item.value_or(0);
    });
    b.run();
    CHECK(received == 1);
    send(3); // waits
    const std::error_code sent, closed = weft::errc::closed, waiting = answers[0];
    CHECK(answers[1] == sent);
    CHECK(answers[3] == waiting);

    way.to.close();
    b.run();
    send(4);

    // Without room, the second has nobody who takes it.
    const bool has_room = !std::is_same_v<TestType, over_a_channel_without_room>;
    CHECK(answers == std::vector{waiting, sent, has_room ? sent : closed, closed, closed});
}
