// SPDX-License-Identifier: MIT
#pragma once

// For std::ranges::view_interface: every <algorithm> must have it, since std::ranges::search
// returns a subrange, which derives from it. <ranges> would nearly double the time to compile.
#include <algorithm>
#include <cassert>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <forward_list> // declares std::pmr::polymorphic_allocator
#include <type_traits>
#include <utility>

#include <weft/coro/elements_of.hpp>
#include <weft/coro/frame_allocation.hpp>
#include <weft/coro/generator_stack.hpp>

namespace weft {

/// A sequence that a coroutine computes while it is read: a view that can be walked once.
///
///     weft::generator<int> count_from(int first) {
///         for (int i = first;; ++i) co_yield i;
///     }
///
///     for (int i : count_from(1) | std::views::take(10)) std::cout << i << '\n';
///
/// `generator<T>` gives the reader a `T&&` to move from: a yielded lvalue is copied first.
/// `generator<const T&>` copies nothing, `generator<T&>` lets the reader write, and
/// `generator<Ref, V>` names both the reference and the value type of the view, for proxies such
/// as `generator<std::string_view, std::string>`.
/// `co_yield elements_of(range)` yields each element of a range. If that is a generator of the
/// same `yielded`, an element costs the same however deep such yields are nested.
///
/// Ownership  A generator owns its coroutine frame. Destroying one before its end destroys the
///            generators it yields from, innermost first, then its own locals. Move-only.
///            One that is yielded from as an lvalue stays with its owner; a chain of those is
///            destroyed by recursion, everything else in a loop.
/// Lifetime   Reference parameters are not copied: what they refer to must live as long as the
///            generator. So must a lambda with captures. A reference to an element is valid until
///            the iterator is incremented.
/// Errors     An exception that leaves the coroutine comes out of `begin()` or `++`, and ends the
///            sequence. One that leaves a nested generator first comes out of its `co_yield`.
/// Memory     Frames come from the frame pool, or from the allocator that follows
///            `std::allocator_arg` in the coroutine's parameters: see frame_allocation.
/// With g++ 12, name an aggregate or a list before you yield it: README, "GCC 12".
/// Source     C++23 [coro.generator].
template <class Ref, class V = void, class Alloc = void>
class [[nodiscard]] generator : public std::ranges::view_interface<generator<Ref, V, Alloc>> {
public:
    using value = std::conditional_t<std::is_void_v<V>, std::remove_cvref_t<Ref>, V>;
    using reference = std::conditional_t<std::is_void_v<V>, Ref&&, Ref>;
    using yielded =
        std::conditional_t<std::is_reference_v<reference>, reference, const reference&>;
    class promise_type;
    class iterator;

    generator(generator&& other) noexcept : coroutine_(std::exchange(other.coroutine_, {})) {}
    generator& operator=(generator other) noexcept {
        std::swap(coroutine_, other.coroutine_);
        return *this;
    }
    ~generator() {
        if (!coroutine_) return;
        coroutine_.promise().destroy_nested();
        coroutine_.destroy();
    }

    /// Runs the coroutine up to its first element.
    /// Precondition: called once.
    iterator begin();
    std::default_sentinel_t end() const noexcept { return std::default_sentinel; }

private:
    template <class, class, class>
    friend class generator;

    using handle = std::coroutine_handle<promise_type>;
    using rvalue = std::conditional_t<std::is_reference_v<reference>,
                                      std::remove_reference_t<reference>&&, reference>;

    static_assert(std::is_object_v<value> && std::same_as<std::remove_cv_t<value>, value>,
                  "the value type of a generator is an object type without const");
    static_assert(std::is_reference_v<reference> ||
                      (std::same_as<std::remove_cv_t<reference>, reference> &&
                       std::copy_constructible<reference>),
                  "the reference type of a generator is a reference, or a copyable proxy");
    static_assert(std::common_reference_with<reference&&, value&> &&
                      std::common_reference_with<reference&&, rvalue&&> &&
                      std::common_reference_with<rvalue&&, const value&>,
                  "the reference and value types of a generator have no common reference");

    explicit generator(handle coroutine) noexcept : coroutine_(coroutine) {}

    handle coroutine_;
};

namespace pmr {
/// A generator whose frame comes from a memory resource. To use it, include <memory_resource>.
template <class Ref, class V = void>
using generator = weft::generator<Ref, V, std::pmr::polymorphic_allocator<std::byte>>;
} // namespace pmr

// Implementation ------------------------------------------------------------

template <class Ref, class V, class Alloc>
class generator<Ref, V, Alloc>::iterator {
public:
    using value_type = value;
    using difference_type = std::ptrdiff_t;

    iterator(iterator&& other) noexcept : coroutine_(std::exchange(other.coroutine_, {})) {}
    iterator& operator=(iterator&& other) noexcept {
        coroutine_ = std::exchange(other.coroutine_, {});
        return *this;
    }

    reference operator*() const noexcept(std::is_nothrow_copy_constructible_v<reference>) {
        using element = std::remove_reference_t<yielded>;
        return static_cast<reference>(*static_cast<element*>(coroutine_.promise().item()));
    }
    iterator& operator++() {
        coroutine_.promise().resume_innermost();
        return *this;
    }
    void operator++(int) { ++*this; }

    [[nodiscard]] friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept {
        return i.coroutine_.done();
    }

private:
    friend generator;

    explicit iterator(handle coroutine) noexcept : coroutine_(coroutine) {}

    handle coroutine_;
};

// No class that is awaited here depends on what is yielded, except as a member of a class that
// does: so looking for an `operator co_await` never looks into the types of elements.
template <class Ref, class V, class Alloc>
class generator<Ref, V, Alloc>::promise_type : public detail::generator_frame,
                                               public frame_allocation<Alloc> {
    using element = std::remove_reference_t<yielded>;
    using copy = std::remove_cv_t<element>;
    static constexpr bool copies_nothrow = std::is_nothrow_constructible_v<copy, const element&>;

    class yield_copy;

public:
    generator get_return_object() noexcept { return generator(handle::from_promise(*this)); }

    std::suspend_always yield_value(yielded item) noexcept {
        this->set_item(std::addressof(item));
        return {};
    }
    auto yield_value(const element& item) noexcept(copies_nothrow)
        requires(std::is_rvalue_reference_v<yielded> &&
                 std::constructible_from<copy, const element&>)
    {
        return yield_copy(item);
    }

    template <class Ref2, class V2, class Alloc2, class Unused>
        requires std::same_as<typename generator<Ref2, V2, Alloc2>::yielded, yielded>
    auto yield_value(elements_of<generator<Ref2, V2, Alloc2>&&, Unused> nested) noexcept {
        assert(nested.range.coroutine_ && "elements_of a generator that was moved from");
        const auto coroutine = std::exchange(nested.range.coroutine_, {});
        return detail::yield_nested(coroutine.promise(), true);
    }
    template <class Ref2, class V2, class Alloc2, class Unused>
        requires std::same_as<typename generator<Ref2, V2, Alloc2>::yielded, yielded>
    auto yield_value(elements_of<generator<Ref2, V2, Alloc2>&, Unused> nested) noexcept {
        assert(nested.range.coroutine_ && "elements_of a generator that was moved from");
        return detail::yield_nested(nested.range.coroutine_.promise(), false);
    }
    template <std::ranges::input_range R, class RangeAlloc>
        requires std::convertible_to<std::ranges::range_reference_t<R>, yielded>
    auto yield_value(elements_of<R, RangeAlloc> nested) {
        auto each = [](std::allocator_arg_t, RangeAlloc, std::ranges::iterator_t<R> i,
                       std::ranges::sentinel_t<R> last) -> generator<yielded, void, RangeAlloc> {
            for (; i != last; ++i) co_yield static_cast<yielded>(*i);
        };
        return yield_value(weft::elements_of(each(std::allocator_arg, nested.allocator,
                                                  std::ranges::begin(nested.range),
                                                  std::ranges::end(nested.range))));
    }

    void await_transform(...) = delete; // a generator cannot wait: see async_generator
};

/// Keeps a copy of a yielded lvalue while the reader, who may move from it, has it.
template <class Ref, class V, class Alloc>
class generator<Ref, V, Alloc>::promise_type::yield_copy : public std::suspend_always {
public:
    explicit yield_copy(const element& original) noexcept(copies_nothrow) : copy_(original) {}
    yield_copy(yield_copy&&) = delete;

    void await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        self.promise().set_item(std::addressof(copy_));
    }

private:
    copy copy_;
};

template <class Ref, class V, class Alloc>
auto generator<Ref, V, Alloc>::begin() -> iterator {
    assert(coroutine_ && "begin() of a generator that was moved from");
    coroutine_.promise().resume_innermost();
    return iterator(coroutine_);
}

} // namespace weft
