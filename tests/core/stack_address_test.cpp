// SPDX-License-Identifier: MIT
#include <weft/core/stack_address.hpp>

#include <cstdint>

#include "support/catch.hpp"

namespace {

[[gnu::noinline]] std::uintptr_t of_a_call() {
    volatile char room[4096];
    room[0] = 0;
    return weft::stack_address() - static_cast<unsigned char>(room[0]);
}

[[gnu::noinline]] std::uintptr_t of_a_call_below() {
    volatile char room[65536];
    room[0] = 0;
    const auto below = of_a_call();
    return below - static_cast<unsigned char>(room[0]);
}

} // namespace

TEST_CASE("the address of the stack tells how deep it is", "[core][stack_address]") {
    const auto here = weft::stack_address();
    const auto below = of_a_call();
    const auto far_below = of_a_call_below();
    CHECK(below <= here);
    CHECK(here - below < 65536);
    CHECK(here - far_below >= 65536); // the room of the call between
    CHECK(here - far_below < 4 * 65536);
}
