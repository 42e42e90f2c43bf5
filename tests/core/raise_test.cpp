// SPDX-License-Identifier: MIT
#include <weft/core/raise.hpp>

#include <exception>
#include <stdexcept>
#include <string>

#include "support/catch.hpp"
#include "support/death.hpp"

TEST_CASE("raise throws what it is told to", "[core][raise]") {
    CHECK_THROWS_WITH(weft::raise<std::runtime_error>("no data"), "no data");
}

TEST_CASE("guarded hands on what is thrown", "[core][raise]") {
    std::exception_ptr error;
    int calls = 0;

    weft::guarded([&] { ++calls; }, [&](std::exception_ptr) { calls += 100; });
    weft::guarded([] { throw 7; }, [&](std::exception_ptr thrown) { error = thrown; });

    CHECK(calls == 1);
    CHECK_THROWS_AS(std::rethrow_exception(error), int);
}

TEST_CASE("an error can be looked at, and kept by its address", "[core][raise]") {
    const auto error = std::make_exception_ptr(std::runtime_error("no data"));
    const std::exception* found = nullptr;
    const auto remember = [&](const std::exception& seen) { found = &seen; };

    CHECK_FALSE(weft::visit_error<int>(error, [](int) {}));
    CHECK(weft::visit_error<std::exception>(error, remember));
    REQUIRE(found != nullptr);
    CHECK(std::string(found->what()) == "no data");
}

TEST_CASE("a broken rule is said in one line", "[core][raise]") {
    CHECK(last_words([] { weft::terminate_with("two and two are five"); }) ==
          "weft: two and two are five\n");
}
