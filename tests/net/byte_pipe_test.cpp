// SPDX-License-Identifier: MIT
#include <weft/net/byte_pipe.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <string_view>

#include <weft/net/buffer.hpp>

#include "support/catch.hpp"

using weft::byte_pipe;
using weft::bytes;
using weft::const_buffer;
using weft::mutable_buffer;

namespace {

std::string take(byte_pipe& from, std::size_t most) {
    std::string into(most, '?');
    into.resize(from.move(std::as_writable_bytes(std::span(into))));
    return into;
}

} // namespace

TEST_CASE("a pipe takes what there is room for and gives what there is", "[net][byte_pipe]") {
    byte_pipe pipe(4);
    CHECK(pipe.must_wait(mutable_buffer()));
    CHECK_FALSE(pipe.must_wait(const_buffer()));

    CHECK(pipe.move(bytes("123456")) == 4);
    CHECK(pipe.must_wait(const_buffer()));
    CHECK_FALSE(pipe.must_wait(mutable_buffer()));
    CHECK(take(pipe, 3) == "123");
    CHECK(pipe.move(bytes("567")) == 3);
    CHECK(take(pipe, 9) == "4567");
    CHECK_FALSE(pipe.has_bytes());
}

TEST_CASE("any sequence of writes and reads passes all bytes in order", "[net][byte_pipe]") {
    for (unsigned seed = 0; seed < 100; ++seed) {
        std::mt19937 random(seed);
        byte_pipe pipe(1 + random() % 9);
        std::string sent, received;
        for (int step = 0; step < 200; ++step) {
            if (random() % 2) {
                const std::string part(random() % 7, static_cast<char>('a' + step % 26));
                sent += part.substr(0, pipe.move(bytes(part)));
            } else {
                received += take(pipe, random() % 7);
            }
        }
        received += take(pipe, 9);
        INFO("seed " << seed);
        CHECK(received == sent);
    }
}

TEST_CASE("each end is told what the other one did", "[net][byte_pipe]") {
    byte_pipe pipe(8);
    pipe.move(bytes("x"));

    SECTION("the writer has finished") {
        pipe.finish();
        CHECK(pipe.obstacle(const_buffer()) == EPIPE);
        CHECK(pipe.obstacle(mutable_buffer()) == 0);
        take(pipe, 1);
        CHECK_FALSE(pipe.must_wait(mutable_buffer())); // the end
    }
    SECTION("the writer is gone") {
        pipe.close_writer(false);
        CHECK(pipe.obstacle(const_buffer()) == EBADF);
        CHECK(pipe.obstacle(mutable_buffer()) == 0);
    }
    SECTION("the writer has reset") {
        pipe.close_writer(true);
        CHECK(pipe.obstacle(mutable_buffer()) == 0); // first what has arrived
        take(pipe, 1);
        CHECK(pipe.obstacle(mutable_buffer()) == ECONNRESET);
    }
    SECTION("the reader is gone") {
        pipe.close_reader(false);
        CHECK(pipe.obstacle(const_buffer()) == EPIPE);
        CHECK(pipe.obstacle(mutable_buffer()) == EBADF);
        CHECK_FALSE(pipe.has_bytes());
    }
    SECTION("the reader has reset") {
        pipe.close_reader(true);
        CHECK(pipe.obstacle(const_buffer()) == ECONNRESET);
    }
}
