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
#include <weft/core/outcome.hpp>
#include <weft/core/prepared.hpp>

namespace weft {

template <class Children, class Result>
class when_all_settled_operation final
    : public join_fork<when_all_settled_operation<Children, Result>, Children> {
public:
    using join_fork<when_all_settled_operation, Children>::join_fork;
    ~when_all_settled_operation() {
        this->children_of_fork().for_each([](auto& each) { each.report_lost_error(); });
    }

    void on_child(branch& child, ending how) noexcept {
        if (how == ending::finished) ++finished_;
        failed_ = failed_ || child.has_failed();
    }
    // An error is never lost, also if all else was cancelled.
    bool has_result() noexcept {
        return failed_ || finished_ == this->children_of_fork().size();
    }
    const char* describe() const noexcept override { return "when_all_settled"; }

    Result await_resume() {
        return this->children_of_fork().template collect<Result>(
            [](auto& outcome) { return std::move(outcome); });
    }

private:
    std::size_t finished_ = 0;
    bool failed_ = false;
};

/// Runs all arguments concurrently and returns how each ended, in the order of the arguments: a
/// tuple of `outcome`s. No error of one concerns the others.
///
/// Cancel  Cancels all and waits for their end. Delivers if none of them was cut off by it, or if
///         one failed.
template <forkable... A>
auto when_all_settled(A... awaitables) {
    return prepared<when_all_settled_operation<child_tuple<A...>,
                                               std::tuple<outcome<fork_result_t<A>>...>>,
                    A...>(std::move(awaitables)...);
}

/// The same for the elements of a range; returns a vector.
template <class R>
    requires forkable_range<std::remove_cvref_t<R>>
auto when_all_settled(R&& awaitables) {
    using each = std::ranges::range_value_t<std::remove_cvref_t<R>>;
    return prepared<
        when_all_settled_operation<child_array<each>, std::vector<outcome<fork_result_t<each>>>>,
        std::vector<each>>(given_elements(std::forward<R>(awaitables)));
}

} // namespace weft
