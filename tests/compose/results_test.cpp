// SPDX-License-Identifier: MIT
#include <weft/compose/results.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

#include <weft/core/error.hpp>
#include <weft/coro/task.hpp>
#include <weft/time/sleep.hpp>

#include "support/catch.hpp"

namespace {

template <class T, class U>
constexpr bool same = std::is_same_v<T, U>;

} // namespace

TEST_CASE("void is monostate where a container would hold it", "[compose][results]") {
    STATIC_REQUIRE(same<weft::non_void_t<void>, std::monostate>);
    STATIC_REQUIRE(same<weft::non_void_t<int>, int>);
    STATIC_REQUIRE(same<weft::non_void_t<int&>, int&>);

    using callable = weft::task<int> (*)();
    STATIC_REQUIRE(same<weft::optional_result_t<weft::task<int>>, std::optional<int>>);
    STATIC_REQUIRE(same<weft::optional_result_t<weft::task<>>, std::optional<std::monostate>>);
    STATIC_REQUIRE(same<weft::optional_result_t<callable>, std::optional<int>>);
}

TEST_CASE("take_non_void moves the value out", "[compose][results]") {
    weft::outcome<std::unique_ptr<int>> own;
    own.set_value(std::make_unique<int>(4));
    const auto taken = weft::take_non_void(own);
    CHECK(*taken == 4);

    int target = 0;
    weft::outcome<int&> reference;
    reference.set_value(target);
    CHECK(&weft::take_non_void(reference) == &target);

    weft::outcome<void> nothing;
    nothing.set_value();
    STATIC_REQUIRE(same<decltype(weft::take_non_void(nothing)), std::monostate>);
    weft::take_non_void(nothing);
}

TEST_CASE("take_optional tells a value from a cancel, and rethrows an error",
          "[compose][results]") {
    weft::outcome<int> value;
    value.set_value(7);
    CHECK(weft::take_optional(value) == 7);

    weft::outcome<int> cancelled;
    cancelled.set_cancelled();
    CHECK_FALSE(weft::take_optional(cancelled));

    weft::outcome<void> failed;
    failed.set_error(std::make_exception_ptr(std::runtime_error("x")));
    CHECK_THROWS_WITH(weft::take_optional(failed), "x");
    CHECK_FALSE(failed.error()); // it is taken

    weft::outcome<void> nothing;
    nothing.set_value();
    CHECK(weft::take_optional(nothing).has_value());
}
