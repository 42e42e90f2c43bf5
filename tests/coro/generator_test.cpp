// SPDX-License-Identifier: MIT
#include <weft/coro/generator.hpp>

#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace {

weft::generator<int> count_from(int first) {
    for (int i = first;; ++i) co_yield i;
}

weft::generator<const int&> count_to(int last) {
    for (int i = 1; i <= last; ++i) co_yield i;
}

template <std::ranges::input_range R>
auto listed(R&& range) {
    std::vector<std::ranges::range_value_t<R>> result;
    for (auto&& each : range) result.emplace_back(std::forward<decltype(each)>(each));
    return result;
}

using numbers = std::vector<int>;

/// Says how it came to be: -1 if moved from, + 100 for every copy.
struct traced {
    explicit traced(int n) : id(n) {}
    traced(const traced& other) : id(other.id + 100) {}
    traced(traced&& other) noexcept : id(std::exchange(other.id, -1)) {}
    traced& operator=(traced) = delete;
    int id;
};

/// Writes its name into a log when it is destroyed.
struct logged {
    logged(std::string& target, char letter) : log(&target), name(letter) {}
    logged(logged&& other) noexcept : log(std::exchange(other.log, nullptr)), name(other.name) {}
    ~logged() {
        if (log) log->push_back(name);
    }
    std::string* log;
    char name;
};

struct immovable {
    immovable() = default;
    immovable(immovable&&) = delete;
    int value = 7;
};

struct copied_explicitly {
    copied_explicitly() = default;
    explicit copied_explicitly(const copied_explicitly&) = default;
};

struct copied_with_exceptions {
    copied_with_exceptions(const copied_with_exceptions&) noexcept(false) {}
};

// Types --------------------------------------------------------------------------------------

template <class G, class Value, class Reference, class Rvalue, class Yielded = Reference>
constexpr bool is_generator_of() {
    namespace r = std::ranges;
    static_assert(r::view<G> && r::input_range<G>);
    static_assert(!r::forward_range<G> && !r::borrowed_range<G> && !r::common_range<G>);
    static_assert(!r::sized_range<G> && !r::range<const G>);
    static_assert(std::derived_from<G, r::view_interface<G>>);
    static_assert(std::same_as<r::range_value_t<G>, Value>);
    static_assert(std::same_as<r::range_reference_t<G>, Reference>);
    static_assert(std::same_as<r::range_rvalue_reference_t<G>, Rvalue>);
    static_assert(std::same_as<r::range_difference_t<G>, std::ptrdiff_t>);
    static_assert(std::same_as<r::sentinel_t<G>, std::default_sentinel_t>);
    static_assert(std::same_as<typename G::yielded, Yielded>);

    static_assert(!std::is_copy_constructible_v<G> && !std::is_copy_assignable_v<G>);
    static_assert(!std::is_default_constructible_v<G>);
    static_assert(std::is_nothrow_move_constructible_v<G> && std::is_nothrow_move_assignable_v<G>);
    static_assert(std::is_nothrow_destructible_v<G>);
    static_assert(noexcept(std::declval<const G&>().end()));

    using iterator = r::iterator_t<G>;
    static_assert(std::input_iterator<iterator>);
    static_assert(std::same_as<typename iterator::value_type, Value>);
    static_assert(std::same_as<typename iterator::difference_type, std::ptrdiff_t>);
    static_assert(!std::is_copy_constructible_v<iterator> && !std::is_copy_assignable_v<iterator>);
    static_assert(std::is_nothrow_move_constructible_v<iterator>);
    static_assert(std::is_nothrow_move_assignable_v<iterator>);
    static_assert(std::same_as<decltype(++std::declval<iterator&>()), iterator&>);
    static_assert(std::is_void_v<decltype(std::declval<iterator&>()++)>);
    static_assert(noexcept(*std::declval<const iterator&>()) ==
                  std::is_nothrow_copy_constructible_v<Reference>);

    using promise = typename G::promise_type;
    static_assert(std::semiregular<promise>);
    static_assert(std::same_as<decltype(std::declval<const promise&>().initial_suspend()),
                               std::suspend_always>);
    static_assert(std::same_as<decltype(std::declval<promise&>().yield_value(
                                   std::declval<typename G::yielded>())),
                               std::suspend_always>);
    static_assert(noexcept(std::declval<promise&>().get_return_object()));
    static_assert(noexcept(std::declval<const promise&>().initial_suspend()));
    static_assert(noexcept(std::declval<promise&>().final_suspend()));
    static_assert(noexcept(std::declval<const promise&>().return_void()));
    static_assert(
        noexcept(std::declval<promise&>().yield_value(std::declval<typename G::yielded>())));
    static_assert(!requires(promise& p) { p.await_transform(); });
    static_assert(!requires(promise& p) { p.await_transform(std::suspend_never{}); });

    // Small: a frame has two words of the library's, and a generator is a pointer to it.
    static_assert(sizeof(G) == sizeof(void*) && sizeof(iterator) == sizeof(void*));
    static_assert(sizeof(promise) == 2 * sizeof(void*));
    return true;
}

using weft::generator;
static_assert(is_generator_of<generator<int>, int, int&&, int&&>());
static_assert(is_generator_of<generator<int&>, int, int&, int&&>());
static_assert(is_generator_of<generator<int&&>, int, int&&, int&&>());
static_assert(is_generator_of<generator<const int&>, int, const int&, const int&&>());
static_assert(is_generator_of<generator<const int&&>, int, const int&&, const int&&>());
static_assert(is_generator_of<generator<int, int>, int, int, int, const int&>());
static_assert(is_generator_of<generator<int&, int>, int, int&, int&&>());
static_assert(is_generator_of<generator<int&&, int>, int, int&&, int&&>());
static_assert(is_generator_of<generator<const int&, int>, int, const int&, const int&&>());
static_assert(is_generator_of<generator<std::string_view, std::string>, std::string,
                              std::string_view, std::string_view, const std::string_view&>());
static_assert(is_generator_of<generator<std::vector<bool>::reference, bool>, bool,
                              std::vector<bool>::reference, std::vector<bool>::reference,
                              const std::vector<bool>::reference&>());
static_assert(is_generator_of<generator<std::unique_ptr<int>>, std::unique_ptr<int>,
                              std::unique_ptr<int>&&, std::unique_ptr<int>&&>());
static_assert(is_generator_of<generator<immovable&>, immovable, immovable&, immovable&&>());

static_assert(std::same_as<generator<int>, generator<int, void>>);
static_assert(std::same_as<generator<int>, generator<int, void, void>>);

template <class G, class T>
constexpr bool yields = requires(typename G::promise_type& p, T&& t) {
    p.yield_value(std::forward<T>(t));
};
static_assert(yields<generator<int>, const int&> && yields<generator<int&&>, int&>);
static_assert(yields<generator<int&>, int&> && !yields<generator<int&>, const int&>);
static_assert(yields<generator<std::unique_ptr<int>>, std::unique_ptr<int>>);
static_assert(!yields<generator<std::unique_ptr<int>>, std::unique_ptr<int>&>);

template <class G, class T>
constexpr bool yields_nothrow =
    noexcept(std::declval<typename G::promise_type&>().yield_value(std::declval<T>()));
static_assert(yields_nothrow<generator<int>, const int&>);
static_assert(!yields_nothrow<generator<copied_with_exceptions>, const copied_with_exceptions&>);

} // namespace

// Walking ------------------------------------------------------------------------------------

TEST_CASE("a generator runs nothing before begin()", "[coro][generator]") {
    int steps = 0;
    auto counts_steps = [&]() -> weft::generator<int> {
        ++steps;
        co_yield 1;
        ++steps;
    };

    auto g = counts_steps();
    CHECK(steps == 0);

    auto i = g.begin();
    CHECK(steps == 1);
    CHECK(*i == 1);
    CHECK(i != g.end());

    ++i;
    CHECK(steps == 2);
    CHECK(i == g.end());
}

TEST_CASE("a generator yields its elements in order", "[coro][generator]") {
    CHECK(listed(count_to(4)) == numbers{1, 2, 3, 4});
    CHECK(listed(count_to(1)) == numbers{1});
    CHECK(listed(count_to(0)).empty());
}

TEST_CASE("a sentinel compares with an iterator from either side", "[coro][generator]") {
    auto one = count_to(1);
    auto none = count_to(0);
    auto i = one.begin();
    auto end = none.begin();

    CHECK_FALSE(i == std::default_sentinel);
    CHECK(std::default_sentinel != i);
    CHECK(std::default_sentinel == end);
    CHECK_FALSE(end != std::default_sentinel);
}

TEST_CASE("a post-increment goes on to the next element", "[coro][generator]") {
    auto g = count_to(2);
    auto i = g.begin();

    i++;

    CHECK(*i == 2);
}

TEST_CASE("a moved iterator goes on where it was", "[coro][generator]") {
    auto g = count_to(3);
    auto i = g.begin();
    auto j = std::move(i);
    ++j;
    auto other = count_to(0);
    auto k = other.begin();

    auto& assigned = (k = std::move(j));

    CHECK(&assigned == &k);
    CHECK(*k == 2);
}

TEST_CASE("iterators stay valid when generators are moved and swapped", "[coro][generator]") {
    auto a = count_to(3);
    auto b = count_to(0);
    auto i = a.begin();

    std::ranges::swap(a, b);
    CHECK(*i == 1);
    ++i;
    auto c = std::move(b);
    CHECK(*i == 2);
    ++i;
    CHECK(*i == 3);
    ++i;
    CHECK(i == c.end());
}

// What is yielded ----------------------------------------------------------------------------

TEST_CASE("generator<T> hands out rvalues as they are and copies lvalues once",
          "[coro][generator]") {
    auto every_kind = []() -> weft::generator<traced> {
        co_yield traced{1};
        traced lvalue{2};
        co_yield lvalue;
        CHECK(lvalue.id == 2); // the reader moved from the copy
        const traced constant{3};
        co_yield constant;
        traced given{4};
        co_yield std::move(given);
        CHECK(given.id == -1);
    };

    numbers seen;
    for (traced each : every_kind()) seen.push_back(each.id);

    CHECK(seen == numbers{1, 102, 103, 4});
}

TEST_CASE("generator<const T&> hands out the very object", "[coro][generator]") {
    const traced* yielded = nullptr;
    auto by_reference = [&]() -> weft::generator<const traced&> {
        traced local{5};
        yielded = &local;
        co_yield local;
        co_yield traced{6};
    };

    auto g = by_reference();
    auto i = g.begin();
    CHECK(&*i == yielded);
    CHECK((*i).id == 5);
    ++i;
    CHECK((*i).id == 6);
}

TEST_CASE("the reader of generator<T&> writes into the coroutine", "[coro][generator]") {
    int seen = 0;
    auto echo = [&]() -> weft::generator<int&> {
        int mine = 1;
        co_yield mine;
        seen = mine;
    };

    for (int& each : echo()) each = 42;

    CHECK(seen == 42);
}

TEST_CASE("an element may be read any number of times", "[coro][generator]") {
    auto g = count_to(2);
    auto i = g.begin();

    CHECK(*i == 1);
    CHECK(*i == 1);
    CHECK(&*i == &*i);
}

TEST_CASE("generator<T, T> hands out values", "[coro][generator]") {
    auto by_value = []() -> weft::generator<std::string, std::string> {
        std::string text = "kept";
        co_yield text;
        CHECK(text == "kept");
    };

    auto g = by_value();
    auto i = g.begin();

    CHECK(*i == "kept");
    std::string taken = *i;
    CHECK(*i == "kept"); // each read is a copy of its own
    ++i;
}

TEST_CASE("elements may be move-only or immovable", "[coro][generator]") {
    auto boxes = []() -> weft::generator<std::unique_ptr<int>> {
        co_yield std::make_unique<int>(1);
        auto named = std::make_unique<int>(2);
        co_yield std::move(named);
        CHECK(named == nullptr);
    };
    auto fixed = []() -> weft::generator<immovable> { co_yield immovable{}; };

    numbers seen;
    for (std::unique_ptr<int> each : boxes()) seen.push_back(*each);
    for (auto&& each : fixed()) seen.push_back(each.value);

    CHECK(seen == numbers{1, 2, 7});
}

TEST_CASE("elements may be proxies", "[coro][generator]") {
    numbers left{1, 2};
    numbers right{10, 20};
    auto zip = [&]() -> weft::generator<std::tuple<int&, int&>, std::tuple<int, int>> {
        for (std::size_t i = 0; i != left.size(); ++i) co_yield {left[i], right[i]};
    };
    auto words = []() -> weft::generator<std::string_view, std::string> {
        co_yield "warp";
        std::string own = "weft";
        co_yield own;
    };
    std::vector<bool> bits{false, true};
    auto flip = [&]() -> weft::generator<std::vector<bool>::reference, bool> {
        for (auto each : bits) co_yield each;
    };

    for (auto [a, b] : zip()) std::swap(a, b);
    for (auto each : flip()) each = !each;

    CHECK(left == numbers{10, 20});
    CHECK(right == numbers{1, 2});
    CHECK(listed(words()) == std::vector<std::string>{"warp", "weft"});
    CHECK(bits == std::vector<bool>{true, false});
}

TEST_CASE("co_yield takes braces", "[coro][generator]") {
    auto defaults = []() -> weft::generator<std::string> {
        co_yield {};
        co_yield "x";
    };

    CHECK(listed(defaults()) == std::vector<std::string>{"", "x"});
}

TEST_CASE("an element with an explicit copy constructor is copied, too", "[coro][generator]") {
    auto copies = []() -> weft::generator<copied_explicitly> {
        const copied_explicitly one;
        co_yield one;
    };

    int elements = 0;
    for ([[maybe_unused]] auto&& each : copies()) ++elements;
    CHECK(elements == 1);
}

template <class T>
struct holder {
    T held;
};
struct never_defined;

TEST_CASE("elements may point to what must not be completed", "[coro][generator]") {
    // An unqualified call or operator with such a pointer would look into holder, and not compile.
    using pointer = holder<never_defined>*;
    auto pointers = []() -> weft::generator<pointer> {
        co_yield nullptr;
        const pointer one = nullptr;
        co_yield one;
    };
    auto nested = [&]() -> weft::generator<pointer> {
        co_yield weft::elements_of(pointers());
        co_yield weft::elements_of(std::views::iota(0, 2) |
                                   std::views::transform([](int) { return pointer{}; }));
    };

    int elements = 0;
    for (pointer each : nested()) elements += each == nullptr;
    CHECK(elements == 4);
}

// Where a coroutine may be -------------------------------------------------------------------

struct shop {
    int price;
    weft::generator<int> prices(int n) {
        for (int i = 1; i <= n; ++i) co_yield i * price;
    }
    static weft::generator<int> free(int n) {
        for (int i = 0; i != n; ++i) co_yield 0;
    }
};

TEST_CASE("a member function may be a generator", "[coro][generator]") {
    shop bakery{3};

    CHECK(listed(bakery.prices(3)) == numbers{3, 6, 9});
    CHECK(listed(shop::free(2)) == numbers{0, 0});
}

// Destruction --------------------------------------------------------------------------------

TEST_CASE("a generator that never ran destroys its parameters", "[coro][generator]") {
    std::string log;
    auto hold = [](logged) -> weft::generator<int> { co_yield 1; };

    {
        auto g = hold(logged{log, 'p'});
        CHECK(log.empty());
    }

    CHECK(log == "p");
}

TEST_CASE("a generator left in the middle destroys its locals, newest first",
          "[coro][generator]") {
    std::string log;
    auto layered = [&]() -> weft::generator<int> {
        logged a{log, 'a'};
        co_yield 1;
        logged b{log, 'b'};
        co_yield 2;
        logged c{log, 'c'};
        co_yield 3;
    };

    {
        auto g = layered();
        auto i = g.begin();
        ++i;
        CHECK(log.empty());
    }

    CHECK(log == "ba");
}

TEST_CASE("assigning to a generator destroys what it was", "[coro][generator]") {
    std::string log;
    auto make = [&](char name) -> weft::generator<int> {
        logged own{log, name};
        co_yield 1;
    };
    auto a = make('a');
    auto b = make('b');
    auto i = a.begin();
    auto j = b.begin();

    a = std::move(b);
    CHECK(log == "a");

    auto& self = a;
    a = std::move(self);
    CHECK(log == "a");
    CHECK(*j == 1);
    ++j;
    CHECK(log == "ab");
    static_cast<void>(i);
}

// Exceptions ---------------------------------------------------------------------------------

TEST_CASE("an exception before the first element comes out of begin()", "[coro][generator]") {
    auto fail = [](bool now) -> weft::generator<int> {
        if (now) throw std::runtime_error("no data");
        co_yield 1;
    };

    auto g = fail(true);
    CHECK_THROWS_WITH(g.begin(), "no data");
}

TEST_CASE("an exception later comes out of ++ and ends the sequence", "[coro][generator]") {
    std::string log;
    auto fail = [&]() -> weft::generator<int> {
        logged own{log, 'x'};
        co_yield 1;
        throw std::runtime_error("torn");
    };

    auto g = fail();
    auto i = g.begin();
    CHECK_THROWS_WITH(++i, "torn");

    CHECK(i == g.end());
    CHECK(log == "x");
}

TEST_CASE("an exception need not be a std::exception", "[coro][generator]") {
    auto fail = []() -> weft::generator<int> {
        co_yield 1;
        throw 42;
    };

    auto g = fail();
    auto i = g.begin();
    CHECK_THROWS_AS(++i, int);
}

TEST_CASE("an exception of a copy of an element comes out of the co_yield", "[coro][generator]") {
    struct uncopyable_today {
        uncopyable_today() = default;
        uncopyable_today(const uncopyable_today&) { throw std::runtime_error("not today"); }
    };
    std::string caught;
    auto copies = [&]() -> weft::generator<uncopyable_today> {
        const uncopyable_today one;
        try {
            co_yield one;
        } catch (const std::runtime_error& error) { caught = error.what(); }
    };

    auto g = copies();
    CHECK(g.begin() == g.end());
    CHECK(caught == "not today");
}

// Views --------------------------------------------------------------------------------------

TEST_CASE("a generator is a view to compose", "[coro][generator]") {
    namespace v = std::views;
    auto even = [](int n) { return n % 2 == 0; };
    auto square = [](int n) { return n * n; };

    CHECK(listed(count_from(1) | v::filter(even) | v::transform(square) | v::take(3)) ==
          numbers{4, 16, 36});
    CHECK(listed(count_from(5) | v::drop(2) | v::take_while([](int n) { return n < 10; })) ==
          numbers{7, 8, 9});

    auto named = count_to(3);
    CHECK(listed(v::all(std::move(named)) | v::transform(square)) == numbers{1, 4, 9});
}

TEST_CASE("a generator may yield generators", "[coro][generator]") {
    auto triangle = [](int rows) -> weft::generator<weft::generator<const int&>> {
        for (int row = 1; row <= rows; ++row) co_yield count_to(row);
    };

    numbers seen;
    for (auto&& row : triangle(3))
        for (int each : row) seen.push_back(each);

    CHECK(seen == numbers{1, 1, 2, 1, 2, 3});
}

TEST_CASE("algorithms for ranges take a generator", "[coro][generator]") {
    CHECK(std::ranges::equal(count_to(4), std::views::iota(1, 5)));
    CHECK(std::ranges::distance(count_to(4)) == 4);

    auto g = count_from(1);
    CHECK(*std::ranges::find(g, 1000) == 1000);
}
