// SPDX-License-Identifier: MIT
#include <weft/core/prepared.hpp>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <weft/core/awaitable.hpp>
#include <weft/core/operation.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"

namespace {

/// Completes at once with its arguments.
template <class... Args> class echo final : public weft::operation<echo<Args...>> {
public:
    explicit echo(Args... args) : args_(std::move(args)...) {}
    bool start(weft::branch&) noexcept { return true; }
    bool withdraw() noexcept override { return true; }
    std::tuple<Args...> await_resume() { return std::move(args_); }

private:
    std::tuple<Args...> args_;
};

template <class... Args> using prepared_echo = weft::prepared<echo<Args...>, Args...>;

} // namespace

TEST_CASE("a prepared operation keeps its arguments until it is awaited", "[core][prepared]") {
    run([]() -> weft::task<> {
        auto waiting = prepared_echo<std::string, int>(std::string(100, 'x'), 7);
        auto moved = std::move(waiting);
        const auto result = co_await std::move(moved);
        CHECK(std::get<0>(result) == std::string(100, 'x'));
        CHECK(std::get<1>(result) == 7);

        const auto owned = co_await prepared_echo<std::unique_ptr<int>>(std::make_unique<int>(3));
        CHECK(*std::get<0>(owned) == 3);
    });
}

TEST_CASE("a prepared operation is awaited as an rvalue", "[core][prepared]") {
    STATIC_REQUIRE(weft::awaits<prepared_echo<int>>);
    STATIC_REQUIRE_FALSE(weft::awaits<prepared_echo<int>&>);
}

TEST_CASE("a prepared operation is as cheap to destroy as its arguments", "[core][prepared]") {
    STATIC_REQUIRE(std::is_trivially_destructible_v<prepared_echo<int, char*>>);
    STATIC_REQUIRE(sizeof(prepared_echo<int*>) == sizeof(int*));
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<prepared_echo<std::string>>);
}

TEST_CASE("a prepared operation can be assigned to", "[core][prepared]") {
    run([]() -> weft::task<> {
        auto waiting = prepared_echo<std::string>(std::string(100, 'x'));
        waiting = prepared_echo<std::string>(std::string(100, 'y'));
        const auto result = co_await std::move(waiting);
        CHECK(std::get<0>(result) == std::string(100, 'y'));
    });
}
