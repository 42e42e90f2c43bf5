// SPDX-License-Identifier: MIT
#include <weft/net/endpoint.hpp>

#include <algorithm>
#include <string>
#include <system_error>
#include <vector>

#include "support/catch.hpp"

using weft::endpoint;

TEST_CASE("an endpoint is written as it is read", "[net][endpoint]") {
    const auto text = GENERATE(as<std::string>(), "127.0.0.1:80", "0.0.0.0:0",
                               "255.255.255.255:65535", "[::1]:80", "[::]:0",
                               "[2001:db8::8:800:200c:417a]:443", "[::ffff:192.0.2.1]:7",
                               "[fe80::1%1]:22", "unix:/run/socket", "unix:relative",
                               "unix:@abstract", "unix:./@file", "unix:with:colon", "unix:/a b");

    CHECK(endpoint(text).to_string() == text);
    CHECK(endpoint(endpoint(text).to_string()) == endpoint(text));
    CHECK(endpoint::parse(text) == endpoint(text));
}

TEST_CASE("what is no endpoint is an error with the text in it", "[net][endpoint]") {
    const auto text = GENERATE(
        as<std::string>(), "", ":", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
        "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1: 80", "127.0.0.1:80 ", "127.0.0.1:8o",
        "127.0.0:80", "127.0.0.256:80", "0127.0.0.1:80", " 127.0.0.1:80", "localhost:80",
        "[127.0.0.1]:80", "[::1]", "[::1:80", "::1:80", "::1]:80", "[]:80", "[:::1]:80",
        "[::1%]:80", "[::1%0]:80", "[::1%nosuchif]:80", "127.0.0.1%1:80", "unix:", "Unix:/a",
        "127.0.0.1:99999999999999999999");

    CHECK_FALSE(endpoint::parse(text));
    CHECK_THROWS_WITH(endpoint(text),
                      Catch::Matchers::ContainsSubstring("\"" + text + "\""));
    CHECK_THROWS_AS(endpoint(text), std::system_error);
}

TEST_CASE("a null byte ends no address early", "[net][endpoint]") {
    using namespace std::string_view_literals;

    CHECK_FALSE(endpoint::parse("127.0.0.1\0evil:80"sv));
    CHECK_FALSE(endpoint::parse("[::1\0]:80"sv));
    CHECK_FALSE(endpoint::parse("127.0.0.1:80\0"sv));
    CHECK_FALSE(endpoint::parse("unix:/tmp/a\0b"sv));
    CHECK_FALSE(endpoint::parse(std::string(1000, '1') + ":80"));
}

TEST_CASE("an address and a port make an endpoint", "[net][endpoint]") {
    CHECK(endpoint("127.0.0.1", 80) == endpoint("127.0.0.1:80"));
    CHECK(endpoint("::1", 80) == endpoint("[::1]:80"));
    CHECK_THROWS_WITH(endpoint("[::1]", 80), Catch::Matchers::ContainsSubstring("\"[::1]\""));
    CHECK_THROWS_AS(endpoint("example.com", 80), std::system_error);
}

TEST_CASE("an endpoint tells its parts", "[net][endpoint]") {
    const endpoint four("10.1.2.3:4"), six("[fe80::7%1]:8"), local("unix:/run/x");

    CHECK(four.family() == AF_INET);
    CHECK(four.address() == "10.1.2.3");
    CHECK(four.port() == 4);
    CHECK(six.family() == AF_INET6);
    CHECK(six.address() == "fe80::7%1");
    CHECK(six.port() == 8);
    CHECK(local.family() == AF_UNIX);
    CHECK(local.address() == "/run/x");
    CHECK(local.port() == 0);
    CHECK(four.is_ip());
    CHECK(six.is_ip());
    CHECK_FALSE(local.is_ip());
}

TEST_CASE("an endpoint of nothing is nowhere", "[net][endpoint]") {
    const endpoint nowhere;

    CHECK(nowhere.family() == AF_UNSPEC);
    CHECK(nowhere.size() == 0);
    CHECK(nowhere.port() == 0);
    CHECK(nowhere.to_string() == "nowhere");
    CHECK(nowhere == endpoint());
    CHECK(nowhere != endpoint::any(0));
}

TEST_CASE("any and loopback", "[net][endpoint]") {
    CHECK(endpoint::any(80) == endpoint("0.0.0.0:80"));
    CHECK(endpoint::any_v6(80) == endpoint("[::]:80"));
    CHECK(endpoint::loopback(80) == endpoint("127.0.0.1:80"));
    CHECK(endpoint::loopback_v6(80) == endpoint("[::1]:80"));
}

TEST_CASE("an interface may be named by its name", "[net][endpoint]") {
    const auto lo = ::if_nametoindex("lo");
    if (lo == 0) {
        WARN("no interface is called lo here");
        return;
    }
    CHECK(endpoint("[fe80::1%lo]:80") == endpoint("[fe80::1%" + std::to_string(lo) + "]:80"));
}

TEST_CASE("endpoints go to the system and come back", "[net][endpoint]") {
    const auto text = GENERATE(as<std::string>(), "127.0.0.1:80", "[fe80::1%1]:80", "unix:/run/x",
                               "unix:@abstract");
    const endpoint there(text);

    const endpoint back(there.data(), there.size());

    CHECK(back == there);
    CHECK(back.to_string() == text);
}

TEST_CASE("endpoints have an order: family, address, port, scope", "[net][endpoint]") {
    const std::vector<endpoint> sorted{
        endpoint("unix:/a"),         endpoint("unix:/b"),         endpoint("9.0.0.1:80"),
        endpoint("10.0.0.1:80"),     endpoint("10.0.0.1:81"),     endpoint("[::1]:80"),
        endpoint("[::1]:256"),       endpoint("[fe80::1%1]:9"),   endpoint("[fe80::1%2]:9"),
    };

    CHECK(std::is_sorted(sorted.begin(), sorted.end()));
    CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
}

TEST_CASE("a unix path has a limit", "[net][endpoint]") {
    const std::string longest(107, 'a');

    CHECK(endpoint::unix_path(longest).address() == longest);
    CHECK(endpoint::unix_path('@' + longest.substr(1)).address() == '@' + longest.substr(1));
    CHECK_THROWS_WITH(endpoint::unix_path(longest + 'a'),
                      Catch::Matchers::ContainsSubstring(longest + 'a'));
    CHECK_THROWS_AS(endpoint::unix_path(""), std::system_error);
    std::error_code code;
    endpoint::unix_path(longest + 'a', code);
    CHECK(code == std::errc::filename_too_long);
    endpoint::unix_path("", code);
    CHECK(code == std::errc::invalid_argument);
    endpoint::unix_path(std::string_view("a\0b", 3), code);
    CHECK(code == std::errc::invalid_argument);
    CHECK(endpoint::unix_path(longest, code).address() == longest);
    CHECK_FALSE(code);
    try {
        endpoint too_long("unix:" + longest + 'a');
        FAIL("no error");
    } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::filename_too_long);
    }
}

TEST_CASE("an abstract name may hold any byte", "[net][endpoint]") {
    const std::string name("@a\0b", 4);

    CHECK(endpoint::unix_path(name).address() == name);
    CHECK(endpoint::unix_path(name) != endpoint::unix_path("@a"));
}
