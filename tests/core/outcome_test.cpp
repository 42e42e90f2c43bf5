// SPDX-License-Identifier: MIT
#include <weft/core/outcome.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <weft/core/error.hpp>
#include <weft/testing/tracked.hpp>

#include "support/catch.hpp"

using weft::outcome;
using weft::testing::tracked;

namespace {

std::exception_ptr failure(const char* text) {
    return std::make_exception_ptr(std::runtime_error(text));
}

struct no_default {
    int value;
    explicit no_default(int v) : value(v) {}
};

struct throws_when_moved {
    throws_when_moved() = default;
    throws_when_moved(throws_when_moved&&) { throw std::runtime_error("moved"); }
};

} // namespace

TEST_CASE("an outcome is pending, a value, an error, or cancelled", "[core][outcome]") {
    outcome<int> result;
    CHECK(result.is_pending());
    CHECK_FALSE(result);

    result.set_value(7);
    CHECK(result);
    CHECK(result.has_value());
    CHECK(result.value() == 7);
    CHECK_FALSE(result.error());
    CHECK_FALSE(result.was_cancelled());

    result.set_error(failure("no"));
    CHECK_FALSE(result);
    CHECK(result.error());
    CHECK_THROWS_WITH(result.value(), "no");
    CHECK_THROWS_WITH(result.take(), "no");

    result.set_cancelled();
    CHECK(result.was_cancelled());
    CHECK_FALSE(result);
    CHECK_FALSE(result.error());
    CHECK_THROWS_AS(result.value(), weft::cancelled_error);
    CHECK_THROWS_AS(result.take(), weft::cancelled_error);
}

TEST_CASE("an outcome tells which error it is", "[core][outcome]") {
    outcome<void> result;
    CHECK(result.error_as<std::exception>() == nullptr);

    result.set_error(failure("no data"));

    REQUIRE(result.error_as<std::runtime_error>() != nullptr);
    CHECK(std::string(result.error_as<std::runtime_error>()->what()) == "no data");
    CHECK(result.error_as<std::exception>() == result.error_as<std::runtime_error>());
    CHECK(result.error_as<std::logic_error>() == nullptr);
}

TEST_CASE("an outcome keeps any kind of result", "[core][outcome]") {
    SECTION("nothing") {
        outcome<void> result;
        static_assert(std::is_void_v<decltype(result.value())>);
        result.set_value();
        CHECK(result);
        result.value();
        result.take();
    }
    SECTION("a reference, which refers to the object itself") {
        int object = 1;
        outcome<int&> result;
        result.set_value(object);
        CHECK(&result.value() == &object);
        CHECK(&std::as_const(result).value() == &object);
        CHECK(&result.take() == &object);
    }
    SECTION("a constant") {
        outcome<const std::string> result;
        result.set_value("constant");
        CHECK(result.value() == "constant");
        CHECK(std::as_const(result).value() == "constant");
        CHECK(result.take() == "constant");
    }
    SECTION("what can only be moved") {
        outcome<std::unique_ptr<int>> result;
        result.set_value(std::make_unique<int>(3));
        const auto taken = result.take();
        CHECK(*taken == 3);
    }
    SECTION("what cannot be made from nothing") {
        outcome<no_default> result;
        result.set_value(4);
        CHECK(result.take().value == 4);
    }
    SECTION("a truth value") {
        outcome<bool> result;
        result.set_value(false);
        CHECK(result);
        CHECK_FALSE(result.value());
    }
}

TEST_CASE("an outcome moves what it holds", "[core][outcome]") {
    static_assert(!std::is_copy_constructible_v<outcome<int>>);
    static_assert(std::is_nothrow_move_constructible_v<outcome<std::string>>);
    static_assert(!std::is_nothrow_move_constructible_v<outcome<throws_when_moved>>);
    outcome<std::string> one, two;
    one.set_value("text");

    two = std::move(one);
    CHECK(two.value() == "text");
    outcome<std::string> three(std::move(two));
    CHECK(three.take() == "text");
    three.set_error(failure("no"));
    one = std::move(three);
    CHECK_THROWS_WITH(one.take(), "no");
    two.set_cancelled();
    one = std::move(two);

    CHECK(one.was_cancelled());
}

TEST_CASE("an outcome destroys its value once", "[core][outcome]") {
    {
        outcome<tracked> result, replaced;
        result.set_value(tracked());
        CHECK(tracked::alive == 1);
        outcome<tracked> moved(std::move(result));
        auto taken = moved.take();
        replaced.set_value(tracked());
        replaced.set_error(failure("no"));
        CHECK(tracked::alive == 3); // what was moved from, too
    }

    CHECK(tracked::alive == 0);
}

TEST_CASE("a value that throws while it is moved is an error", "[core][outcome]") {
    outcome<throws_when_moved> result;
    CHECK_THROWS_WITH(result.set_value(throws_when_moved()), "moved");
    CHECK(result.is_pending());

    result.set_from([] { return throws_when_moved(); });

    CHECK_THROWS_WITH(result.take(), "moved");
}

TEST_CASE("an outcome keeps what a function returns or throws", "[core][outcome]") {
    int object = 1;
    outcome<int> value;
    outcome<int&> reference;
    outcome<void> nothing, failed;

    value.set_from([] { return 7; });
    reference.set_from([&]() -> int& { return object; });
    nothing.set_from([] {});
    failed.set_from([] { throw std::runtime_error("no"); });

    CHECK(value.take_value() == 7);
    CHECK(&reference.take_value() == &object);
    nothing.take_value();
    CHECK_THROWS_WITH(std::rethrow_exception(failed.take_error()), "no");
}

TEST_CASE("what returns nothing leaves nothing or an error", "[core][outcome]") {
    static_assert(sizeof(weft::error_or_nothing) == sizeof(std::exception_ptr));
    weft::error_or_nothing returned, failed;
    failed.set_error(failure("no"));

    CHECK_FALSE(returned.has_error());
    CHECK(failed.has_error());
    returned.take_value();

    outcome<void> value = std::move(returned);
    outcome<void> error = std::move(failed);

    CHECK(value.has_value());
    CHECK_THROWS_WITH(error.value(), "no");
    CHECK_FALSE(failed.has_error()); // an error has one receiver
}
