// SPDX-License-Identifier: MIT
#include <weft/coro/frame_allocation.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include <weft/core/frame_pool.hpp>
#include <weft/coro/generator.hpp>

#include "support/catch.hpp"

namespace {

/// What the allocators below did; each call is checked for the size and alignment of its blocks.
struct ledger {
    std::size_t allocated = 0; // blocks, not yet given back
    int allocations = 0;
    int copies = 0; // of the allocator: made and not yet destroyed
};

template <class T>
struct notes {
    static T* allocate(ledger& to, std::size_t n) {
        static_assert(sizeof(T) == __STDCPP_DEFAULT_NEW_ALIGNMENT__ &&
                      alignof(T) == __STDCPP_DEFAULT_NEW_ALIGNMENT__);
        to.allocated += n;
        ++to.allocations;
        return static_cast<T*>(::operator new(n * sizeof(T)));
    }
    static void deallocate(ledger& to, T* memory, std::size_t n) noexcept {
        to.allocated -= n;
        ::operator delete(memory);
    }
};

ledger stateless_ledger;

/// All objects are equal: none needs to be kept. Counts in a narrow type.
template <class T>
struct stateless {
    using value_type = T;
    using size_type = unsigned;
    using difference_type = int;
    stateless() = default;
    template <class U>
    stateless(const stateless<U>&) noexcept {}
    T* allocate(size_type n) { return notes<T>::allocate(stateless_ledger, n); }
    void deallocate(T* memory, size_type n) noexcept {
        notes<T>::deallocate(stateless_ledger, memory, n);
    }
    template <class U>
    bool operator==(const stateless<U>&) const noexcept {
        return true;
    }
};

/// Refers to a ledger: must be kept, and cannot be made from nothing. May be over-aligned.
template <class T, std::size_t Alignment = alignof(void*)>
struct alignas(Alignment) stateful {
    using value_type = T;
    template <class U>
    struct rebind {
        using other = stateful<U, Alignment>;
    };
    explicit stateful(ledger& own) noexcept : to(&own) { ++to->copies; }
    stateful(const stateful& other) noexcept : to(other.to) { count(); }
    template <class U>
    stateful(const stateful<U, Alignment>& other) noexcept : to(other.to) {
        count();
    }
    ~stateful() { --to->copies; }
    T* allocate(std::size_t n) { return notes<T>::allocate(*to, n); }
    void deallocate(T* memory, std::size_t n) noexcept { notes<T>::deallocate(*to, memory, n); }
    template <class U>
    bool operator==(const stateful<U, Alignment>& other) const noexcept {
        return to == other.to;
    }

    void count() noexcept {
        ++to->copies;
        if (reinterpret_cast<std::uintptr_t>(this) % Alignment != 0) to = nullptr; // crash
    }
    ledger* to;
};

/// A memory resource that counts what is live, or refuses.
class counting_resource : public std::pmr::memory_resource {
public:
    int live = 0;
    int total = 0;
    bool empty = false;

private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
        if (empty) throw std::bad_alloc{};
        ++live;
        ++total;
        return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    }
    void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
        --live;
        std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
    }
    bool do_is_equal(const memory_resource& other) const noexcept override {
        return this == &other;
    }
};

template <class Alloc, class... Args>
constexpr bool has_new = requires(const Args&... args) {
    { weft::frame_allocation<Alloc>::operator new(args...) } -> std::same_as<void*>;
};
static_assert(has_new<void, std::size_t> && has_new<std::allocator<void>, std::size_t>);
static_assert(has_new<stateless<int>, std::size_t> && !has_new<stateful<int>, std::size_t>);
static_assert(has_new<void, std::size_t, std::allocator_arg_t, stateful<int>, int>);
static_assert(has_new<void, std::size_t, char, std::allocator_arg_t, stateful<int>>);
static_assert(std::same_as<weft::pmr::generator<int>,
                           weft::generator<int, void, std::pmr::polymorphic_allocator<>>>);
static_assert(std::same_as<weft::pmr::generator<const int&, int>,
                           weft::generator<const int&, int, std::pmr::polymorphic_allocator<>>>);

// Any allocator: frames of every size, so that what lies behind them begins at any offset.
template <std::size_t Size>
weft::generator<int> erased(std::allocator_arg_t, auto, std::array<char, Size> filler) {
    for (std::size_t i = 0; i != Size; ++i) co_yield filler[i];
}

// Out of sight of clang, which does without the allocation of a frame if it sees all of its life.
template <class G>
[[gnu::noinline]] G opaque(G g) {
    return g;
}
template <class G>
[[gnu::noinline]] int sum(G g) {
    int result = 0;
    for (int each : g) result += each;
    return result;
}

template <std::size_t... Sizes>
bool erased_in_all_sizes(const auto& alloc, std::index_sequence<Sizes...>) {
    auto one = [&]<std::size_t Size>(std::integral_constant<std::size_t, Size>) {
        std::array<char, Size> filler;
        filler.fill(1);
        return sum(erased(std::allocator_arg, alloc, filler)) == int{Size};
    };
    return (one(std::integral_constant<std::size_t, Sizes + 1>{}) && ...);
}

constexpr std::make_index_sequence<24> sizes;

} // namespace

TEST_CASE("frames come from the pool unless somebody asks", "[coro][frame_allocation]") {
    auto plain = []() -> weft::generator<int> { co_yield 1; };
    auto wants_none = [](std::allocator_arg_t, std::allocator<int>) -> weft::generator<int> {
        co_yield 1;
    };
    auto of_a_range = []() -> weft::generator<const int&> {
        std::vector<int> own{1};
        co_yield weft::elements_of(own);
    };
    const auto before = weft::frame_pool::now();

    {
        auto a = opaque(plain());
        auto b = opaque(wants_none(std::allocator_arg, {}));
        auto c = opaque(of_a_range());
        CHECK(*c.begin() == 1);
        CHECK(weft::frame_pool::now().live == before.live + 4);
    }

    CHECK(weft::frame_pool::now().live == before.live);
}

TEST_CASE("a frame takes any allocator after allocator_arg", "[coro][frame_allocation]") {
    const auto pooled = weft::frame_pool::now().allocated;

    SECTION("without a state") {
        stateless_ledger = {};
        CHECK(erased_in_all_sizes(stateless<char>{}, sizes));
        CHECK(stateless_ledger.allocations == 24);
        CHECK(stateless_ledger.allocated == 0);
    }
    SECTION("with a state, which is kept and destroyed once") {
        ledger own;
        CHECK(erased_in_all_sizes(stateful<char>{own}, sizes));
        CHECK(own.allocations == 24);
        CHECK(own.allocated == 0);
        CHECK(own.copies == 0);
    }
    SECTION("with a state of an alignment that new does not guarantee") {
        ledger own;
        CHECK(erased_in_all_sizes(stateful<char, 16>{own}, sizes));
        CHECK(own.allocations == 24);
        CHECK(own.allocated == 0);
        CHECK(own.copies == 0);
    }
    SECTION("of a memory resource") {
        counting_resource own;
        CHECK(erased_in_all_sizes(std::pmr::polymorphic_allocator<>{&own}, sizes));
        CHECK(own.total == 24);
        CHECK(own.live == 0);
    }
    CHECK(weft::frame_pool::now().allocated == pooled);
}

struct member {
    weft::generator<int> by_member(std::allocator_arg_t, std::pmr::polymorphic_allocator<>, int n) {
        co_yield n;
    }
    static weft::generator<int> by_static(std::allocator_arg_t, std::pmr::polymorphic_allocator<>) {
        co_yield 2;
    }
};

TEST_CASE("allocator_arg is found after the object", "[coro][frame_allocation]") {
    counting_resource own;
    auto by_lambda = [](std::allocator_arg_t,
                        const std::pmr::polymorphic_allocator<>&) -> weft::generator<int> {
        co_yield 3;
    };

    member object;
    CHECK(sum(object.by_member(std::allocator_arg, &own, 1)) == 1);
    CHECK(sum(member::by_static(std::allocator_arg, &own)) == 2);
    CHECK(sum(by_lambda(std::allocator_arg, &own)) == 3);
    CHECK(own.total == 3);
    CHECK(own.live == 0);
}

TEST_CASE("a frame of a fixed allocator", "[coro][frame_allocation]") {
    const auto pooled = weft::frame_pool::now().allocated;

    SECTION("is made by default if there is no other") {
        auto count = [](int n) -> weft::generator<int, void, stateless<char>> {
            for (int i = 1; i <= n; ++i) co_yield i;
        };
        stateless_ledger = {};
        CHECK(sum(count(4)) == 10);
        CHECK(stateless_ledger.allocations == 1);
        CHECK(stateless_ledger.allocated == 0);
    }
    SECTION("converts what follows allocator_arg") {
        auto count = [](std::allocator_arg_t, stateful<int>,
                        int n) -> weft::generator<int, void, stateful<char>> {
            for (int i = 1; i <= n; ++i) co_yield i;
        };
        ledger own;
        CHECK(sum(count(std::allocator_arg, stateful<int>{own}, 4)) == 10);
        CHECK(own.allocations == 1);
        CHECK(own.allocated == 0);
        CHECK(own.copies == 0);
    }
    SECTION("takes a memory resource") {
        auto count = [](std::allocator_arg_t, std::pmr::memory_resource*,
                        int n) -> weft::pmr::generator<int> {
            for (int i = 1; i <= n; ++i) co_yield i;
        };
        counting_resource own;
        {
            auto g = opaque(count(std::allocator_arg, &own, 4));
            CHECK(own.live == 1);
            CHECK(sum(std::move(g)) == 10);
        }
        CHECK(own.live == 0);
    }
    SECTION("may be of an allocator for void") {
        auto count = [](int n) -> weft::generator<int, void, stateless<void>> { co_yield n; };
        stateless_ledger = {};
        CHECK(sum(count(4)) == 4);
        CHECK(stateless_ledger.allocations == 1);
    }
    CHECK(weft::frame_pool::now().allocated == pooled);
}

TEST_CASE("allocator_arg without an allocator is a parameter like any other",
          "[coro][frame_allocation]") {
    auto odd = [](std::allocator_arg_t) -> weft::generator<int> { co_yield 1; };

    CHECK(sum(odd(std::allocator_arg)) == 1);
}

TEST_CASE("the allocator of elements_of keeps the place in a range", "[coro][frame_allocation]") {
    counting_resource own;
    ledger mine;
    auto outer = [&]() -> weft::generator<const int&> {
        std::vector<int> three{1, 2, 3};
        std::pmr::polymorphic_allocator<> alloc{&own};
        stateful<int> other{mine};
        co_yield weft::elements_of(three, alloc);
        co_yield weft::elements_of(three, other);
    };

    CHECK(sum(outer()) == 12);
    CHECK(own.total == 1);
    CHECK(own.live == 0);
    CHECK(mine.allocations == 1);
    CHECK(mine.allocated == 0);
    CHECK(mine.copies == 0);
}

TEST_CASE("a nested generator allocates nothing of its own", "[coro][frame_allocation]") {
    counting_resource own;
    auto inner = [](std::allocator_arg_t,
                    std::pmr::polymorphic_allocator<>) -> weft::pmr::generator<int> {
        co_yield 1;
    };
    auto outer = [&](std::allocator_arg_t,
                     std::pmr::polymorphic_allocator<> alloc) -> weft::pmr::generator<int> {
        auto first = opaque(inner(std::allocator_arg, alloc));
        auto second = opaque(inner(std::allocator_arg, alloc));
        CHECK(own.total == 3);
        co_yield weft::elements_of(std::move(first), alloc);
        co_yield weft::elements_of(second, alloc);
    };

    CHECK(sum(outer(std::allocator_arg, &own)) == 2);
    CHECK(own.total == 3);
    CHECK(own.live == 0);
}

TEST_CASE("an allocator that has nothing left throws where the coroutine is called",
          "[coro][frame_allocation]") {
    counting_resource own;
    own.empty = true;
    bool began = false;
    auto fail = [&](std::allocator_arg_t,
                    std::pmr::polymorphic_allocator<>) -> weft::generator<int> {
        began = true;
        co_yield 1;
    };

    CHECK_THROWS_AS(opaque(fail(std::allocator_arg, &own)), std::bad_alloc);

    int caught = 0;
    auto outer = [&]() -> weft::generator<const int&> {
        std::vector<int> one{1};
        std::pmr::polymorphic_allocator<> alloc{&own};
        try {
            co_yield weft::elements_of(one, alloc);
        } catch (const std::bad_alloc&) {
            ++caught;
        }
        co_yield 2;
    };
    CHECK(sum(outer()) == 2);
    CHECK(caught == 1);
    CHECK_FALSE(began);
}

TEST_CASE("memory for a frame is aligned as new aligns", "[coro][frame_allocation]") {
    auto aligned = [](void* memory) {
        return reinterpret_cast<std::uintptr_t>(memory) % __STDCPP_DEFAULT_NEW_ALIGNMENT__ == 0;
    };
    auto check = [&]<class Alloc>(weft::frame_allocation<Alloc>, const auto& from) {
        using frames = weft::frame_allocation<Alloc>;
        void* const a = frames::operator new(40, std::allocator_arg, from, 1, 'x');
        void* const b = frames::operator new(40, 'x', std::allocator_arg, from);
        const bool result = aligned(a) && aligned(b);
        frames::operator delete(a, 40);
        frames::operator delete(b, 40);
        return result;
    };
    ledger own;

    CHECK(check(weft::frame_allocation<>{}, std::allocator<void>{}));
    CHECK(check(weft::frame_allocation<>{}, stateful<void>{own}));
    CHECK(check(weft::frame_allocation<stateful<int>>{}, stateful<char>{own}));
    CHECK(check(weft::frame_allocation<stateless<int>>{}, stateless<char>{}));
    CHECK(own.allocated == 0);
}
