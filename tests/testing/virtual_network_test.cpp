// SPDX-License-Identifier: MIT
#include <weft/testing/virtual_network.hpp>

#include <chrono>
#include <string>

#include <sys/socket.h>

#include <weft/net/endpoint.hpp>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using weft::endpoint;
using weft::testing::decisions;
using weft::testing::place;
using weft::testing::virtual_network;

namespace {

std::string read_and_write(const char* text, int as_family = AF_UNSPEC) {
    const endpoint from(text);
    const auto read = place::read(from.data(), from.size(), 5);
    if (!read) return "nowhere";
    sockaddr_storage address;
    socklen_t size = sizeof address;
    read->write(reinterpret_cast<sockaddr*>(&address), &size,
                as_family == AF_UNSPEC ? from.family() : as_family);
    return endpoint(reinterpret_cast<sockaddr*>(&address), size).to_string();
}

} // namespace

TEST_CASE("addresses are read as places, and written again", "[testing][virtual_network]") {
    for (const auto* text : {"10.0.0.7:80", "10.1.2.3:80", "127.0.0.1:9", "0.0.0.0:0",
                             "[fd00::7]:80", "[::1]:9", "[::]:0", "[::ffff:10.0.0.7]:80"})
        CHECK(read_and_write(text) == text);
    CHECK(read_and_write("10.0.0.7:80", AF_INET6) == "[::ffff:10.0.0.7]:80");
    for (const auto* text : {"unix:/path", "unix:@abstract", "unix:x"})
        CHECK(read_and_write(text) == text);

    const auto without_name = weft::testing::place{AF_UNIX};
    sockaddr_storage address;
    socklen_t size = sizeof address;
    without_name.write(reinterpret_cast<sockaddr*>(&address), &size, AF_UNIX);
    CHECK(size == sizeof address.ss_family);
    CHECK_FALSE(place::read(reinterpret_cast<sockaddr*>(&address), size, 5));
    size = sizeof address.ss_family + 1; // cut off
    address.ss_family = AF_INET;
    place{AF_INET, 7, false, 80}.write(reinterpret_cast<sockaddr*>(&address), &size, AF_INET);
    CHECK(size == sizeof(sockaddr_in));

    const endpoint foreign("192.0.2.1:80");
    CHECK(place::read(foreign.data(), foreign.size(), 5)->node == weft::testing::nowhere);
    const endpoint loopback("127.0.0.1:80");
    CHECK(place::read(loopback.data(), loopback.size(), 5)->node == 5);
}

TEST_CASE("a link has latency and a bandwidth that all who use it share",
          "[testing][virtual_network]") {
    virtual_network network;
    decisions choices(1);
    network.set_link(1, 2, {.latency = 10ms, .bytes_per_second = 1000});
    const auto arrival = [&](weft::testing::node_id from, weft::testing::node_id to,
                             std::size_t bytes) {
        return weft::duration(network.arrival(0, from, to, bytes, choices));
    };
    CHECK(arrival(1, 2, 100) == 110ms);
    CHECK(arrival(1, 2, 100) == 210ms);
    CHECK(arrival(2, 1, 100) == 110ms); // the other direction is another one
    CHECK(arrival(1, 1, 100) == 0ms);
    CHECK(arrival(1, 3, 100) == 0ms);
    network.set_default({.latency = 5ms});
    CHECK(arrival(1, 3, 100) == 5ms);
}

