// SPDX-License-Identifier: MIT
#include <weft/net/buffer.hpp>

#include <array>
#include <string_view>

#include "support/catch.hpp"

TEST_CASE("text becomes bytes and bytes text, without a copy", "[net][buffer]") {
    constexpr std::string_view greeting("gr\0ss", 5);

    const auto bytes = weft::bytes(greeting);
    CHECK(bytes.size() == 5);
    CHECK(bytes[0] == std::byte{'g'});
    CHECK(bytes[2] == std::byte{0});

    CHECK(weft::text(bytes) == greeting);
    CHECK(weft::text(bytes).data() == greeting.data());
}

TEST_CASE("nothing is no bytes", "[net][buffer]") {
    CHECK(weft::bytes("").empty());
    CHECK(weft::text({}).empty());
}

TEST_CASE("what can be filled can be sent", "[net][buffer]") {
    std::array<std::byte, 3> storage{};
    const weft::mutable_buffer room = storage;
    const weft::const_buffer filled = room;

    CHECK(filled.size() == 3);
}
