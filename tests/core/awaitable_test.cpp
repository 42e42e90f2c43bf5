// SPDX-License-Identifier: MIT
#include <weft/core/awaitable.hpp>

#include <coroutine>
#include <memory>
#include <type_traits>
#include <utility>

#include "support/catch.hpp"

namespace {

template <class T> struct awaiter {
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    T await_resume() { return T(); }
};

struct with_member {
    awaiter<int> operator co_await() && noexcept { return {}; }
};
struct with_function {};
[[maybe_unused]] awaiter<std::unique_ptr<int>> operator co_await(with_function&&) noexcept {
    return {};
}
struct lvalues_only {
    bool await_ready() & { return true; }
    void await_suspend(std::coroutine_handle<>) & {}
    int await_resume() & { return 7; }
};
struct rvalues_only : lvalues_only {
    int await_resume() && { return 7; }
};
struct by_kind {
    awaiter<int> operator co_await() & noexcept { return {}; }
    awaiter<char> operator co_await() && noexcept { return {}; }
};

} // namespace

TEST_CASE("what can be awaited is told apart from what cannot", "[core][awaitable]") {
    STATIC_REQUIRE(weft::awaits<awaiter<void>>);
    STATIC_REQUIRE(weft::awaits<awaiter<void>&>);
    STATIC_REQUIRE(weft::awaits<with_member>);
    STATIC_REQUIRE_FALSE(weft::awaits<with_member&>);
    STATIC_REQUIRE(weft::awaits<with_function>);
    STATIC_REQUIRE_FALSE(weft::awaits<with_function&>);
    STATIC_REQUIRE(weft::awaits<lvalues_only>); // the language calls them on an lvalue
    STATIC_REQUIRE_FALSE(weft::awaits<rvalues_only>);
    STATIC_REQUIRE_FALSE(weft::awaits<int>);
    STATIC_REQUIRE_FALSE(weft::awaits<awaiter<int> (*)()>);
}

TEST_CASE("what an await gives is known", "[core][awaitable]") {
    STATIC_REQUIRE(std::is_void_v<weft::await_result_t<awaiter<void>>>);
    STATIC_REQUIRE(std::is_same_v<weft::await_result_t<with_member>, int>);
    STATIC_REQUIRE(std::is_same_v<weft::await_result_t<with_function>, std::unique_ptr<int>>);
    STATIC_REQUIRE(std::is_same_v<weft::await_result_t<by_kind>, char>);
    STATIC_REQUIRE(std::is_same_v<weft::await_result_t<by_kind&>, int>);
}

TEST_CASE("what awaiting the result of a call gives is known", "[core][awaitable]") {
    const auto make = [](int) { return with_member(); };
    STATIC_REQUIRE(std::is_same_v<weft::call_result_t<decltype(make), int>, int>);
    STATIC_REQUIRE(std::is_same_v<weft::call_result_t<with_function (&)()>, std::unique_ptr<int>>);

    // Kept and called as an lvalue.
    struct callable {
        awaiter<int> operator()() & { return {}; }
        awaiter<char> operator()() && { return {}; }
    };
    STATIC_REQUIRE(std::is_same_v<weft::call_result_t<callable>, int>);
}

TEST_CASE("get_awaiter finds the awaiter", "[core][awaitable]") {
    awaiter<int> itself;
    CHECK(&weft::get_awaiter(itself) == &itself);
    CHECK(weft::get_awaiter(with_member()).await_resume() == 0);
    CHECK(weft::get_awaiter(with_function()).await_resume() == nullptr);
}
