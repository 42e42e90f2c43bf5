// SPDX-License-Identifier: MIT
#include <weft/loop/default_reactor.hpp>

#include <type_traits>

#include "support/catch.hpp"

TEST_CASE("a loop makes itself a reactor that waits", "[loop][default_reactor]") {
    STATIC_REQUIRE(std::is_base_of_v<weft::reactor, weft::default_reactor>);
    weft::default_reactor events;
    CHECK(events.idle());

    const auto deadline = events.now() + 1'000;
    events.wait(deadline);
    CHECK(events.now() >= deadline);
    events.wake();
    events.wait(weft::reactor::never);
}

#if defined(__linux__)
TEST_CASE("on Linux a loop waits with epoll", "[loop][default_reactor]") {
    STATIC_REQUIRE(std::is_same_v<weft::default_reactor, weft::epoll_reactor>);
    CHECK(weft::default_reactor().native_handle() >= 0);
}
#endif
