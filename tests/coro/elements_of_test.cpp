// SPDX-License-Identifier: MIT
#include <weft/coro/elements_of.hpp>

#include <forward_list>
#include <memory_resource>
#include <ranges>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weft/coro/generator.hpp>

#include "support/catch.hpp"

namespace {

using numbers = std::vector<int>;

template <std::ranges::input_range R>
numbers listed(R&& range) {
    numbers result;
    for (auto&& each : range) result.push_back(each);
    return result;
}

/// Writes its name into a log when it is destroyed.
struct logged {
    logged(std::string& target, char letter) : log(target), name(letter) {}
    logged(logged&&) = delete;
    ~logged() { log.push_back(name); }
    std::string& log;
    char name;
};

weft::generator<int> from_to(int first, int last) {
    for (int i = first; i <= last; ++i) co_yield i;
}

weft::generator<int> in_order(int levels) {
    if (levels == 0) co_return;
    co_yield weft::elements_of(in_order(levels - 1));
    co_yield levels;
    co_yield weft::elements_of(in_order(levels - 1));
}

// The type -----------------------------------------------------------------------------------

using list = std::vector<int>;
using bytes = std::allocator<std::byte>;
static_assert(std::same_as<decltype(weft::elements_of(std::declval<list&>())),
                           weft::elements_of<list&, bytes>>);
static_assert(std::same_as<decltype(weft::elements_of(std::declval<const list&>())),
                           weft::elements_of<const list&, bytes>>);
static_assert(std::same_as<decltype(weft::elements_of(list{})), weft::elements_of<list&&, bytes>>);
static_assert(std::same_as<decltype(weft::elements_of{list{}, std::allocator<int>{}}),
                           weft::elements_of<list&&, std::allocator<int>>>);
static_assert(std::is_aggregate_v<weft::elements_of<list&>>);
static_assert(std::same_as<decltype(weft::elements_of<list&>::range), list&>);
static_assert(std::same_as<decltype(weft::elements_of<list&>::allocator), bytes>);
static_assert(sizeof(weft::elements_of<list&>) == sizeof(void*));

template <class G, class E>
constexpr bool yields = requires(typename G::promise_type& p, E e) { p.yield_value(e); };
static_assert(yields<weft::generator<const int&>, weft::elements_of<list&>>);
static_assert(!yields<weft::generator<int>, weft::elements_of<list&>>); // int& is no int&&
static_assert(!yields<weft::generator<const int&>, weft::elements_of<std::vector<list>&>>);

template <class G, class E>
constexpr bool enters_nothrow =
    noexcept(std::declval<typename G::promise_type&>().yield_value(std::declval<E>()));
static_assert(
    enters_nothrow<weft::generator<int>, weft::elements_of<weft::generator<int>&&>> &&
    enters_nothrow<weft::generator<int>, weft::elements_of<weft::generator<int>&>> &&
    !enters_nothrow<weft::generator<const int&>, weft::elements_of<list&>>); // makes a frame

} // namespace

TEST_CASE("elements_of refers to its range and keeps the allocator", "[coro][elements_of]") {
    numbers some{1, 2};
    std::pmr::monotonic_buffer_resource arena;

    auto lvalue = weft::elements_of(some);
    auto named = weft::elements_of<numbers&, std::pmr::polymorphic_allocator<>>{
        .range = some, .allocator = &arena};

    CHECK(&lvalue.range == &some);
    CHECK(&named.range == &some);
    CHECK(named.allocator.resource() == &arena);
}

// Generators ---------------------------------------------------------------------------------

TEST_CASE("elements of a generator come in its place", "[coro][elements_of]") {
    auto outer = []() -> weft::generator<int> {
        co_yield 0;
        co_yield weft::elements_of(from_to(1, 3));
        co_yield weft::elements_of(from_to(1, 0)); // none
        co_yield weft::elements_of{from_to(4, 5)};
        co_yield 6;
    };
    auto only_nested = []() -> weft::generator<int> {
        co_yield weft::elements_of(from_to(1, 0));
        co_yield weft::elements_of(from_to(7, 8));
        co_yield weft::elements_of(from_to(1, 0));
    };
    auto nothing = []() -> weft::generator<int> { co_yield weft::elements_of(from_to(1, 0)); };

    CHECK(listed(outer()) == numbers{0, 1, 2, 3, 4, 5, 6});
    CHECK(listed(only_nested()) == numbers{7, 8});
    CHECK(listed(nothing()).empty());
}

TEST_CASE("a tree of generators is walked in order", "[coro][elements_of]") {
    CHECK(listed(in_order(3)) == numbers{1, 2, 1, 3, 1, 2, 1});
    CHECK(std::ranges::distance(in_order(12)) == 4095);
}

TEST_CASE("a nested generator may have other types if it yields the same",
          "[coro][elements_of]") {
    auto values = []() -> weft::generator<const int&, long> { co_yield 1; };
    auto pooled = [](std::allocator_arg_t, std::pmr::polymorphic_allocator<>)
        -> weft::pmr::generator<const int&> { co_yield 2; };
    auto proxies = []() -> weft::generator<int, int> { co_yield 3; }; // yields const int&
    auto outer = [&]() -> weft::generator<const int&> {
        co_yield weft::elements_of(values());
        co_yield weft::elements_of(pooled(std::allocator_arg, {}));
        co_yield weft::elements_of(proxies());
    };

    CHECK(listed(outer()) == numbers{1, 2, 3});
}

TEST_CASE("a generator that yields something else is a range like any other",
          "[coro][elements_of]") {
    auto outer = []() -> weft::generator<const long&> {
        co_yield weft::elements_of(from_to(1, 3)); // each int&& becomes a long
    };

    std::vector<long> seen;
    for (long each : outer()) seen.push_back(each);
    CHECK(seen == std::vector<long>{1, 2, 3});
}

TEST_CASE("an element passes through nested generators as itself", "[coro][elements_of]") {
    const std::string* yielded = nullptr;
    auto inner = [&]() -> weft::generator<std::string&> {
        std::string own = "mine";
        yielded = &own;
        co_yield own;
        CHECK(own == "yours");
    };
    auto middle = [&]() -> weft::generator<std::string&> {
        co_yield weft::elements_of(inner());
    };
    auto outer = [&]() -> weft::generator<std::string&> {
        co_yield weft::elements_of(middle());
    };

    for (std::string& each : outer()) {
        CHECK(&each == yielded);
        each = "yours";
    }
}

TEST_CASE("a nested generator is destroyed when it has ended", "[coro][elements_of]") {
    std::string log;
    auto inner = [&]() -> weft::generator<int> {
        logged own{log, 'i'};
        co_yield 1;
    };
    auto outer = [&]() -> weft::generator<int> {
        logged own{log, 'o'};
        co_yield weft::elements_of(inner());
        CHECK(log == "i");
        co_yield 2;
    };

    CHECK(listed(outer()) == numbers{1, 2});
    CHECK(log == "io");
}

TEST_CASE("generators left in the middle are destroyed from the innermost", "[coro][elements_of]") {
    std::string log;
    auto inner = [&]() -> weft::generator<int> {
        logged own{log, 'i'};
        co_yield 1;
    };
    auto middle = [&]() -> weft::generator<int> {
        logged first{log, 'm'};
        logged second{log, 'n'};
        co_yield weft::elements_of(inner());
    };
    auto outer = [&]() -> weft::generator<int> {
        logged own{log, 'o'};
        co_yield weft::elements_of(middle());
    };

    {
        auto g = outer();
        CHECK(*g.begin() == 1);
        CHECK(log.empty());
    }

    CHECK(log == "inmo");
}

TEST_CASE("a generator that waits for a nested one can be moved", "[coro][elements_of]") {
    auto outer = []() -> weft::generator<int> {
        co_yield weft::elements_of(from_to(1, 2));
        co_yield 3;
    };
    auto g = outer();
    auto i = g.begin();

    auto moved = std::move(g);
    ++i;
    CHECK(*i == 2);
    ++i;
    CHECK(*i == 3);
    ++i;
    CHECK(i == moved.end());
}

// Generators with another owner --------------------------------------------------------------

TEST_CASE("a generator yielded from as an lvalue stays with its owner", "[coro][elements_of]") {
    std::string log;
    auto inner = [&](char name) -> weft::generator<int> {
        logged own{log, name};
        co_yield 1;
        co_yield 2;
    };
    auto borrow = [&](weft::generator<int>& other) -> weft::generator<int> {
        logged own{log, 'o'};
        co_yield weft::elements_of(other);
    };

    SECTION("when it is read to its end") {
        {
            auto other = inner('i');
            CHECK(listed(borrow(other)) == numbers{1, 2});
            CHECK(log == "io");
        }
        CHECK(log == "io");
    }
    SECTION("when the borrower is destroyed first") {
        auto other = inner('i');
        {
            auto g = borrow(other);
            CHECK(*g.begin() == 1);
        }
        CHECK(log == "o");
    }
    SECTION("when the owner destroys it first") {
        auto other = std::make_unique<weft::generator<int>>(inner('i'));
        auto g = borrow(*other);
        CHECK(*g.begin() == 1);

        other.reset();
        CHECK(log == "i");
    }
    SECTION("when it is moved in between") {
        auto other = inner('i');
        auto g = borrow(other);
        auto i = g.begin();
        auto moved = std::move(other);
        ++i;
        CHECK(*i == 2);
        ++i;
        CHECK(i == g.end());
        CHECK(log == "io");
    }
    SECTION("when it waits for a generator that it owns") {
        auto nest = [&]() -> weft::generator<int> {
            logged own{log, 'n'};
            co_yield weft::elements_of(inner('i'));
        };
        auto other = nest();
        {
            auto g = borrow(other);
            CHECK(*g.begin() == 1);
        }
        CHECK(log == "o");
        {
            auto last = std::move(other);
        }
        CHECK(log == "oin");
    }
    SECTION("when it waits for a generator that it owns, and is destroyed first") {
        auto nest = [&]() -> weft::generator<int> {
            logged own{log, 'n'};
            co_yield weft::elements_of(inner('i'));
        };
        auto other = std::make_unique<weft::generator<int>>(nest());
        {
            auto middle = [&]() -> weft::generator<int> {
                logged own{log, 'm'};
                co_yield weft::elements_of(borrow(*other));
            };
            auto g = middle();
            CHECK(*g.begin() == 1);
            other.reset();
            CHECK(log == "in");
        }
        CHECK(log == "inom");
    }
    SECTION("when it is a local of the borrower, which outlives what was declared later") {
        auto own = [&]() -> weft::generator<int> {
            logged first{log, 'f'};
            auto other = inner('i');
            logged second{log, 's'};
            co_yield weft::elements_of(other);
        };
        {
            auto g = own();
            CHECK(*g.begin() == 1);
        }
        CHECK(log == "sif");
    }
}

// Ranges -------------------------------------------------------------------------------------

TEST_CASE("elements of any range come in its place", "[coro][elements_of]") {
    std::forward_list<int> chain{500, 400};
    std::istringstream text{"7 8 9"};
    auto outer = [&]() -> weft::generator<const int&> {
        numbers own{40, 30};
        co_yield weft::elements_of(own);
        co_yield weft::elements_of(std::views::iota(0, 3));
        co_yield weft::elements_of(chain);
        co_yield weft::elements_of(std::views::istream<int>(text)); // iterators that only move
        co_yield weft::elements_of(numbers());
    };

    CHECK(listed(outer()) == numbers{40, 30, 0, 1, 2, 500, 400, 7, 8, 9});
}

TEST_CASE("the elements of a range are yielded as references", "[coro][elements_of]") {
    numbers three{1, 2, 3};
    auto outer = [&]() -> weft::generator<int&> { co_yield weft::elements_of(three); };

    for (int& each : outer()) each *= 10;

    CHECK(three == numbers{10, 20, 30});
}

TEST_CASE("the elements of a range may convert", "[coro][elements_of]") {
    std::vector<numbers> rows{{1, 2}, {3}};
    auto spans = [&]() -> weft::generator<std::span<int>> { co_yield weft::elements_of(rows); };

    int sum = 0;
    for (auto row : spans())
        for (int each : row) sum += each;
    CHECK(sum == 6);
}

TEST_CASE("a range left in the middle is let go", "[coro][elements_of]") {
    std::string log;
    auto outer = [&]() -> weft::generator<int> {
        logged own{log, 'o'};
        co_yield weft::elements_of(std::views::iota(0) |
                                   std::views::transform([](int n) { return n * n; }));
    };

    CHECK(listed(outer() | std::views::take(4)) == numbers{0, 1, 4, 9});
    CHECK(log == "o");
}

// Exceptions ---------------------------------------------------------------------------------

TEST_CASE("an exception of a nested generator comes out of its co_yield", "[coro][elements_of]") {
    std::string log;
    auto fail = [&]() -> weft::generator<int> {
        logged own{log, 'f'};
        co_yield 1;
        throw std::runtime_error("torn");
    };
    auto mend = [&]() -> weft::generator<int> {
        try {
            co_yield weft::elements_of(fail());
        } catch (const std::runtime_error& error) {
            log += error.what();
        }
        co_yield 2; // and goes on
        co_yield weft::elements_of(from_to(3, 4));
    };

    CHECK(listed(mend()) == numbers{1, 2, 3, 4});
    CHECK(log == "ftorn");
}

TEST_CASE("an exception passes through all generators that do not catch it",
          "[coro][elements_of]") {
    std::string log;
    auto fail = [&](bool at_once) -> weft::generator<int> {
        if (at_once) throw std::runtime_error("torn");
        co_yield 1;
        throw std::runtime_error("torn");
    };
    auto middle = [&](bool at_once) -> weft::generator<int> {
        logged own{log, 'm'};
        co_yield weft::elements_of(fail(at_once));
        log += "never";
    };
    auto outer = [&](bool at_once) -> weft::generator<int> {
        logged own{log, 'o'};
        co_yield weft::elements_of(middle(at_once));
        log += "never";
    };

    auto later = outer(false);
    auto i = later.begin();
    CHECK_THROWS_WITH(++i, "torn");
    CHECK(i == later.end());
    CHECK(log == "mo");

    auto now = outer(true);
    CHECK_THROWS_WITH(now.begin(), "torn");
    CHECK(log == "momo");
}

TEST_CASE("an exception may be caught and replaced on its way", "[coro][elements_of]") {
    auto fail = [](int code) -> weft::generator<int> {
        co_yield code;
        throw code;
    };
    auto translate = [&]() -> weft::generator<int> {
        for (int code = 1; code != 3; ++code) {
            try {
                co_yield weft::elements_of(fail(code));
            } catch (int caught) {
                if (caught == 2) throw std::runtime_error("second");
            }
        }
    };
    auto outer = [&]() -> weft::generator<int> { co_yield weft::elements_of(translate()); };

    auto g = outer();
    auto i = g.begin();
    CHECK(*i == 1);
    ++i;
    CHECK(*i == 2);
    CHECK_THROWS_WITH(++i, "second");
}

TEST_CASE("an exception of a borrowed generator reaches the borrower", "[coro][elements_of]") {
    auto fail = []() -> weft::generator<int> {
        co_yield 1;
        throw 5;
    };
    auto other = fail();
    int caught = 0;
    auto borrow = [&]() -> weft::generator<int> {
        try {
            co_yield weft::elements_of(other);
        } catch (int code) {
            caught = code;
        }
        co_yield 2;
    };

    CHECK(listed(borrow()) == numbers{1, 2});
    CHECK(caught == 5);
}

TEST_CASE("an exception of a range's iterator comes out of its co_yield", "[coro][elements_of]") {
    auto picky = [](int n) {
        if (n == 2) throw std::runtime_error("two");
        return n;
    };
    auto outer = [&]() -> weft::generator<int> {
        try {
            co_yield weft::elements_of(std::views::iota(1, 4) | std::views::transform(picky));
        } catch (const std::runtime_error&) {
            picky(0);
        }
        co_yield -1;
    };

    CHECK(listed(outer()) == numbers{1, -1});
}
