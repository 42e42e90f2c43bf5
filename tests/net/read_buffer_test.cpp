// SPDX-License-Identifier: MIT
#include <weft/net/read_buffer.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <string_view>

#include <weft/net/buffer.hpp>

#include "support/catch.hpp"

using weft::read_buffer;

namespace {

void put(read_buffer& into, std::string_view text) {
    while (!text.empty()) {
        const auto room = into.room();
        const auto size = std::min(room.size(), text.size());
        std::ranges::copy(weft::bytes(text.substr(0, size)), room.begin());
        into.filled(size);
        text.remove_prefix(size);
    }
}

} // namespace

TEST_CASE("a buffer gives back what was put into it", "[net][read_buffer]") {
    read_buffer buffer;
    CHECK(buffer.text().empty());
    CHECK_FALSE(buffer.room().empty());

    put(buffer, "hello, world");
    CHECK(buffer.text() == "hello, world");
    buffer.consume(7);
    CHECK(buffer.text() == "world");
    std::array<char, 3> three{};
    CHECK(buffer.take(std::as_writable_bytes(std::span(three))) == 3);
    CHECK(std::string_view(three.data(), 3) == "wor");
    std::array<char, 9> nine{};
    CHECK(buffer.take(std::as_writable_bytes(std::span(nine))) == 2);
    CHECK(buffer.size() == 0);
}

TEST_CASE("there is always room, and a buffer grows only for what it holds",
          "[net][read_buffer]") {
    read_buffer buffer;
    const auto first = buffer.room().size();
    for (int i = 0; i < 1000; ++i) {
        put(buffer, std::string(1000, 'x'));
        buffer.consume(1000);
    }
    CHECK(buffer.room().size() == first);

    put(buffer, std::string(3 * first, 'y'));
    CHECK(buffer.text() == std::string(3 * first, 'y'));
    CHECK_FALSE(buffer.room().empty());
}

TEST_CASE("any sequence of puts and takes keeps the order", "[net][read_buffer]") {
    for (unsigned seed = 0; seed < 20; ++seed) {
        std::mt19937 random(seed);
        read_buffer buffer;
        std::string model;
        for (int step = 0; step < 200; ++step) {
            if (random() % 2) {
                const std::string part(random() % 5000, static_cast<char>('a' + step % 26));
                put(buffer, part);
                model += part;
            } else {
                const auto size = std::min<std::size_t>(random() % 5000, model.size());
                buffer.consume(size);
                model.erase(0, size);
            }
            if (buffer.text() != model) FAIL("differs in step " << step << " of seed " << seed);
        }
    }
    SUCCEED();
}
