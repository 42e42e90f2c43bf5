// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm> // the concepts of ranges, at two thirds of what <ranges> costs
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <weft/compose/children.hpp>
#include <weft/compose/join_fork.hpp>
#include <weft/compose/results.hpp>
#include <weft/core/prepared.hpp>

namespace weft {

template <class Children, class Result>
class when_all_operation final
    : public join_fork<when_all_operation<Children, Result>, Children> {
public:
    using join_fork<when_all_operation, Children>::join_fork;

    void on_child(branch& child, ending how) noexcept {
        if (how != ending::finished) return;
        if (child.has_failed())
            this->decide(child.error(), child.name());
        else
            ++values_;
    }
    bool has_result() noexcept {
        return this->is_decided() || values_ == this->children_of_fork().size();
    }
    const char* describe() const noexcept override { return "when_all"; }

    Result await_resume() {
        this->rethrow_error();
        return this->children_of_fork().template collect<Result>(
            [](auto& outcome) -> decltype(auto) { return take_non_void(outcome); });
    }

private:
    std::size_t values_ = 0;
};

/// Runs all arguments concurrently, each as a branch of its own, and returns a tuple of their
/// results in the order of the arguments (`std::monostate` for void).
///
/// An argument is an awaitable, or a callable without parameters that returns one.
/// Errors  The first one cancels the others, newest first, and is rethrown as it is when all have
///         ended; later ones are unhandled.
/// Cancel  Cancels all and waits for their end. If all are complete by then, or one failed, that
///         is delivered; else the results of those that are complete are discarded: where that
///         matters, use `when_all_settled`.
template <forkable... A>
auto when_all(A... awaitables) {
    return prepared<when_all_operation<child_tuple<A...>,
                                       std::tuple<non_void_t<fork_result_t<A>>...>>,
                    A...>(std::move(awaitables)...);
}

/// The same for the elements of a range; returns a vector in the order of the range. An empty
/// range is complete at once. What the range owns is moved from it if that is given away, else
/// copied; what a view looks at is moved.
template <class R>
    requires forkable_range<std::remove_cvref_t<R>>
auto when_all(R&& awaitables) {
    using each = std::ranges::range_value_t<std::remove_cvref_t<R>>;
    return prepared<
        when_all_operation<child_array<each>, std::vector<held_result_t<each>>>,
        std::vector<each>>(given_elements(std::forward<R>(awaitables)));
}

} // namespace weft
