// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm> // the concepts of ranges, at two thirds of what <ranges> costs
#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <weft/core/branch_owner.hpp>
#include <weft/core/child.hpp>
#include <weft/core/frame_pool.hpp>

namespace weft {

/// The children of a fork whose arguments are named one by one.
template <forkable... A>
class child_tuple {
    template <class Each>
    struct seed {
        branch_owner& owner;
        Each& source;
    };
    // Neither a tuple nor its elements can be moved: each is made in its place, from its seed.
    template <class Each>
    struct place final : child<Each> {
        explicit place(seed<Each>&& from) : child<Each>(from.owner, std::move(from.source)) {}
    };

public:
    explicit child_tuple(branch_owner& owner, A&... sources)
        : children_(seed<A>{owner, sources}...) {}

    static constexpr std::size_t size() noexcept { return sizeof...(A); }

    /// Calls `f(child)` for each child, in order.
    template <class F>
    void for_each(F&& f) {
        std::apply([&](auto&... each) { (f(each), ...); }, children_);
    }
    /// Returns `Result{f(outcome)...}`.
    template <class Result, class F>
    Result collect(F&& f) {
        return std::apply([&](auto&... each) { return Result{f(each.outcome())...}; }, children_);
    }

private:
    std::tuple<place<A>...> children_;
};

/// The children of a fork over a range.
template <forkable A>
class child_array {
    struct place final : child<A> {
        using child<A>::child;
    };

public:
    explicit child_array(branch_owner& owner, std::vector<A>& sources)
        : child_array(sources.size()) {
        // From here on the destructor runs, also if a source cannot be moved in.
        for (; size_ != sources.size(); ++size_)
            std::construct_at(children_ + size_, owner, std::move(sources[size_]));
    }
    child_array(child_array&&) = delete;
    ~child_array() {
        std::destroy_n(children_, size_);
        if (children_) frame_pool::deallocate(children_, capacity_ * sizeof(place));
    }

    std::size_t size() const noexcept { return size_; }
    child<A>& operator[](std::size_t index) noexcept { return children_[index]; }
    std::size_t index_of(const branch& one) const noexcept {
        return static_cast<std::size_t>(static_cast<const place*>(&one) - children_);
    }

    template <class F>
    void for_each(F&& f) {
        for (std::size_t i = 0; i != size_; ++i) f(children_[i]);
    }
    template <class Result, class F>
    Result collect(F&& f) {
        Result result;
        result.reserve(size_);
        for (std::size_t i = 0; i != size_; ++i) result.push_back(f(children_[i].outcome()));
        return result;
    }

private:
    explicit child_array(std::size_t capacity) : capacity_(capacity) {
        if (capacity_ != 0)
            children_ = static_cast<place*>(frame_pool::allocate(capacity_ * sizeof(place)));
    }

    place* children_ = nullptr;
    std::size_t capacity_;
    std::size_t size_ = 0;
};

/// Moves the elements of a range into a vector.
template <std::ranges::input_range R>
std::vector<std::ranges::range_value_t<R>> to_vector(R&& range) {
    std::vector<std::ranges::range_value_t<R>> result;
    if constexpr (std::ranges::sized_range<R>)
        result.reserve(static_cast<std::size_t>(std::ranges::size(range)));
    for (auto each = std::ranges::begin(range); each != std::ranges::end(range); ++each)
        result.push_back(std::ranges::iter_move(each));
    return result;
}

/// A range whose elements a fork can run.
template <class R>
concept forkable_range =
    std::ranges::input_range<R> && forkable<std::ranges::range_value_t<R>> && !forkable<R>;

/// The elements that a fork is given with a range: moved out of one that is given away, and out of
/// what a view looks at; copied from one that the caller keeps.
template <class R>
    requires forkable_range<std::remove_cvref_t<R>>
auto given_elements(R&& range) {
    using given = std::remove_cvref_t<R>;
    using each = std::ranges::range_value_t<given>;
    constexpr bool is_lvalue = std::is_lvalue_reference_v<R>;
    if constexpr (is_lvalue && std::ranges::view<given> && std::copy_constructible<given>) {
        return to_vector(given(range));
    } else if constexpr (is_lvalue) {
        constexpr bool can_be_copied =
            std::constructible_from<each, std::ranges::range_reference_t<R>>;
        static_assert(can_be_copied, "what is in this range runs once: give it away by std::move");
        std::vector<each> result;
        if constexpr (can_be_copied)
            for (auto&& one : range) result.emplace_back(std::forward<decltype(one)>(one));
        return result;
    } else {
        return to_vector(range);
    }
}

} // namespace weft
