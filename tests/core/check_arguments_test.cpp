// SPDX-License-Identifier: MIT
#include <weft/core/check_arguments.hpp>

#include <cstddef>
#include <string>
#include <string_view>

#include <weft/coro/task.hpp>

#include "support/catch.hpp"

using weft::task;
using weft::detail::keeps_arguments;

namespace {

struct base {};
struct derived : base {};

} // namespace

TEST_CASE("an argument that is converted for a reference parameter is found",
          "[core][check_arguments]") {
    STATIC_REQUIRE_FALSE(keeps_arguments<task<> (*)(const std::string&), const char*>);
    STATIC_REQUIRE_FALSE(keeps_arguments<task<> (*)(const std::string&) noexcept, const char*>);
    STATIC_REQUIRE_FALSE(keeps_arguments<task<> (*)(int, std::string&&), int, const char*>);
    STATIC_REQUIRE_FALSE(keeps_arguments<task<> (*)(const std::string_view&), const char*>);
    STATIC_REQUIRE_FALSE(keeps_arguments<task<> (*)(const long&), int>);
    STATIC_REQUIRE_FALSE(keeps_arguments<task<> (*)(const std::size_t&), std::nullptr_t>);
}

TEST_CASE("an argument that is bound or copied as it is, is none of that",
          "[core][check_arguments]") {
    STATIC_REQUIRE(keeps_arguments<task<> (*)()>);
    STATIC_REQUIRE(keeps_arguments<task<> (*)(std::string), const char*>);
    STATIC_REQUIRE(keeps_arguments<task<> (*)(const int&), int>);
    STATIC_REQUIRE(keeps_arguments<task<> (*)(int&&), int>);
    STATIC_REQUIRE(keeps_arguments<task<> (*)(const std::string&), std::string>);
    STATIC_REQUIRE(keeps_arguments<task<> (*)(const base&), derived>);
    STATIC_REQUIRE(keeps_arguments<task<> (*)(const char* const&), const char*>);
    STATIC_REQUIRE(keeps_arguments<task<> (*)(long), int>);
    // Not a coroutine: what it makes of its argument lives as long as the call.
    STATIC_REQUIRE(keeps_arguments<void (*)(const std::string&), const char*>);
}
