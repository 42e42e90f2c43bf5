// SPDX-License-Identifier: MIT
#include <weft/testing/byte_queue.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <sys/uio.h>

#include "support/catch.hpp"

using weft::testing::byte_queue;
using weft::testing::gathered_buffers;

namespace {

void push(byte_queue& to, std::string_view text) { to.push(text.data(), text.size()); }

std::string text_of(const byte_queue& queue) {
    return {reinterpret_cast<const char*>(queue.data()), queue.size()};
}
std::string text_of(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

} // namespace

TEST_CASE("a queue gives out as much as it is asked for, from its front",
          "[testing][byte_queue]") {
    byte_queue queue;
    CHECK(queue.empty());
    push(queue, "hello, ");
    push(queue, "");
    push(queue, "world");
    CHECK(text_of(queue) == "hello, world");

    CHECK(text_of(queue.pop(5)) == "hello");
    CHECK(queue.pop(std::size_t{0}).empty());
    CHECK(queue.size() == 7);
    CHECK(text_of(queue) == ", world");
    CHECK(text_of(queue.pop(100)) == ", world");
    CHECK(queue.empty());
    CHECK(queue.pop(1).empty());
}

TEST_CASE("bytes go into several buffers as into one", "[testing][byte_queue]") {
    byte_queue queue;
    push(queue, "abcdefg");
    char first[2], last[3], none[1] = {'-'};
    const iovec parts[] = {{first, 2}, {none, 0}, {last, 3}};

    CHECK(queue.pop({parts, 3}) == 5);
    CHECK(std::string(first, 2) + std::string(last, 3) == "abcde");
    CHECK(queue.pop({parts, 3}) == 2);
    CHECK(std::string(first, 2) == "fg");
    CHECK(std::string(last, 3) == "cde"); // nothing was left for it
    CHECK(none[0] == '-');
    CHECK(queue.pop({parts, 3}) == 0);
}

TEST_CASE("bytes leave a queue in the order in which they came", "[testing][byte_queue]") {
    byte_queue queue;
    std::string in, out;
    for (int round = 0; round < 200; ++round) {
        std::string chunk(static_cast<std::size_t>(round * 7 % 3000), static_cast<char>(round));
        in += chunk;
        push(queue, chunk);
        char first[100], second[900];
        const iovec parts[] = {{first, sizeof first}, {second, sizeof second}};
        const auto size = queue.pop({parts, 2});
        out.append(first, std::min<std::size_t>(size, 100));
        if (size > 100) out.append(second, size - 100);
    }
    out += text_of(queue.pop(queue.size()));
    CHECK(in == out);
    CHECK(queue.empty());
}

TEST_CASE("what is only looked at stays", "[testing][byte_queue]") {
    byte_queue queue;
    push(queue, "abc");
    char into[2];
    const iovec part{into, sizeof into};

    CHECK(queue.pop({&part, 1}, true) == 2);
    CHECK(std::string(into, 2) == "ab");
    CHECK(text_of(queue) == "abc");
    CHECK(queue.pop({&part, 1}) == 2);
    CHECK(text_of(queue) == "c");
}

TEST_CASE("the first bytes of several buffers are added", "[testing][byte_queue]") {
    char one[] = "abc", two[] = "", three[] = "defgh";
    const iovec parts[] = {{one, 3}, {two, 0}, {three, 5}};
    const gathered_buffers all{parts, 3};
    CHECK(all.size() == 8);

    for (const std::size_t most : {0u, 2u, 3u, 6u, 8u, 100u}) {
        byte_queue queue;
        queue.push(all, most);
        CHECK(text_of(queue) == std::string("abcdefgh").substr(0, most));
    }
}

TEST_CASE("a queue that was cleared starts anew", "[testing][byte_queue]") {
    byte_queue queue;
    push(queue, "abcdef");
    queue.pop(2);
    queue.clear();
    CHECK(queue.empty());
    push(queue, "new");
    CHECK(text_of(queue) == "new");
}

TEST_CASE("a queue that is never empty keeps its order, however much passes",
          "[testing][byte_queue]") {
    byte_queue queue;
    std::size_t in = 0, out = 0, wrong = 0;
    for (int round = 0; round < 300; ++round) {
        std::string chunk(3000, ' ');
        for (auto& each : chunk) each = static_cast<char>(in++ % 251);
        push(queue, chunk);
        for (const auto each : queue.pop(std::size_t{2900})) // half a million go by
            wrong += static_cast<unsigned char>(each) != out++ % 251;
    }
    CHECK(wrong == 0);
    CHECK(queue.size() == in - out);
    CHECK_FALSE(queue.empty());
}
