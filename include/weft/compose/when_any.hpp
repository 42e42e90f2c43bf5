// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm> // the concepts of ranges, at two thirds of what <ranges> costs
#include <cstddef>
#include <string_view>
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
class when_any_operation final
    : public join_fork<when_any_operation<Children, Result>, Children> {
public:
    using join_fork<when_any_operation, Children>::join_fork;

    void on_child(branch& child, ending how) noexcept {
        if (how == ending::finished) this->decide(child.error(), child.name());
    }
    bool has_result() const noexcept { return this->is_decided(); }
    const char* describe() const noexcept override { return "when_any"; }
    const char* reason(std::size_t& size) const noexcept override {
        constexpr std::string_view text = "another one completed first";
        size = this->is_decided() ? text.size() : 0;
        return text.data();
    }

    Result await_resume() {
        this->rethrow_error();
        return this->children_of_fork().template collect<Result>([](auto& outcome) {
            using optional = decltype(take_optional(outcome));
            // A later error has been reported; it is nobody's result.
            return outcome.has_value() ? take_optional(outcome) : optional();
        });
    }
};

/// Runs all arguments concurrently until the first one completes; cancels the others, waits for
/// their end, and returns a tuple of optionals: the value of each that completed, in the order of
/// the arguments. More than one may have one: what completes is never thrown away.
///
/// Errors  If the first completion is an error, it is rethrown as it is after the others' end.
///         Later errors are unhandled.
/// Cancel  Cancels all and waits for their end; delivers if one completed all the same.
template <forkable... A>
    requires(sizeof...(A) > 0)
auto when_any(A... awaitables) {
    return prepared<when_any_operation<child_tuple<A...>, std::tuple<optional_result_t<A>...>>,
                    A...>(std::move(awaitables)...);
}

/// The same for the elements of a range. An empty range is complete at once, and its result empty.
template <class R>
    requires forkable_range<std::remove_cvref_t<R>>
auto when_any(R&& awaitables) {
    using each = std::ranges::range_value_t<std::remove_cvref_t<R>>;
    return prepared<when_any_operation<child_array<each>, std::vector<optional_result_t<each>>>,
                    std::vector<each>>(given_elements(std::forward<R>(awaitables)));
}

} // namespace weft
