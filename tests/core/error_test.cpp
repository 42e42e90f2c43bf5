// SPDX-License-Identifier: MIT
#include <weft/core/error.hpp>

#include <cstddef>
#include <exception>
#include <new>
#include <string>
#include <system_error>

#include <weft/testing/replace_operator_new.hpp>

#include "support/catch.hpp"

using weft::errc;

TEST_CASE("every error of weft has a code and a text", "[core][error]") {
    CHECK(weft::timeout_error().code() == errc::timed_out);
    CHECK(weft::cancelled_error().code() == errc::cancelled);
    CHECK(weft::closed_error().code() == errc::closed);
    CHECK(weft::closed_error("full", errc::group_closed).code() == errc::group_closed);
    CHECK(weft::deadlock_error().code() == std::errc::resource_deadlock_would_occur);

    for (const auto code : {errc::closed, errc::cancelled, errc::timed_out, errc::group_closed,
                            errc::busy, errc::limit}) {
        const std::error_code error = code;
        CHECK(error);
        CHECK(error.category() == weft::weft_category());
        CHECK_FALSE(error.message().empty());
        CHECK_THAT(error.message(), !Catch::Matchers::ContainsSubstring("unknown"));
    }
    CHECK(std::string(weft::weft_category().name()) == "weft");
}

TEST_CASE("codes of weft mean what the system's codes mean", "[core][error]") {
    CHECK(weft::timeout_error().code() == std::errc::timed_out);
    CHECK(weft::cancelled_error().code() == std::errc::operation_canceled);
    CHECK(weft::timeout_error().code() != std::errc::operation_canceled);
    CHECK(weft::make_error_code(errc::busy) != std::errc::timed_out);
}

TEST_CASE("every error of weft can be caught as one", "[core][error]") {
    CHECK_THROWS_AS(throw weft::timeout_error(), weft::error);
    CHECK_THROWS_AS(throw weft::deadlock_error(), weft::error);
    CHECK_THROWS_AS(throw weft::closed_error(), std::system_error);
    CHECK_THROWS_AS(weft::raise_cancelled(), weft::cancelled_error);
}

TEST_CASE("an error for somebody else has a code and a text", "[core][error]") {
    const auto made = weft::make_error(errc::busy, "the door");
    REQUIRE(made);
    std::error_code code;
    std::string text;
    try {
        std::rethrow_exception(made);
    } catch (const weft::error& error) {
        code = error.code();
        text = error.what();
    }
    CHECK(code == errc::busy);
    CHECK(text == "the door: somebody waits for this already");
}

TEST_CASE("without memory, an error for somebody else is std::bad_alloc", "[core][error]") {
    using weft::testing::allocations;
    REQUIRE(allocations::are_counted());
    const auto before = allocations::count();
    auto made = weft::make_error(errc::busy, "the door");
    const auto needed = allocations::count() - before;
    CHECK(needed != 0);
    for (std::size_t n = 1; n <= needed; ++n) {
        allocations::fail(n);
        made = weft::make_error(errc::busy, "the door");
        allocations::fail(0);
        REQUIRE(made);
        CHECK_THROWS_AS(std::rethrow_exception(made), std::bad_alloc);
    }
}
