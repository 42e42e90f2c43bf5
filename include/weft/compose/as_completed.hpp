// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm> // the concepts of ranges, at two thirds of what <ranges> costs
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include <weft/compose/children.hpp>
#include <weft/core/branch_owner.hpp>
#include <weft/core/operation.hpp>
#include <weft/core/outcome.hpp>
#include <weft/core/prepared.hpp>
#include <weft/coro/async_generator.hpp>

namespace weft {

/// How one of several awaitables ended, and which.
template <class T>
struct completed {
    std::size_t index;
    outcome<T> result;
};

/// Children that all run, and the order in which they end. It belongs to the branch that made it:
/// a cancel of that one joins them first.
template <forkable A>
class completion_order final : public branch_owner {
    class next_operation;

public:
    explicit completion_order(std::vector<A> sources) : children_(*this, sources) {
        ended_.reserve(children_.size());
        attach(*this_execution.loop, nullptr);
        join_branch(*this_execution.current);
        children_.for_each([this](auto& child) {
            this->adopt(child);
            this->enqueue(child);
        });
    }
    ~completion_order() {
        drop_children();
        children_.for_each([](auto& each) { each.report_lost_error(); });
    }

    std::size_t size() const noexcept { return children_.size(); }
    /// Waits for the next end. Returns the child's index. Precondition: one has not been returned.
    auto next() noexcept { return prepared<next_operation, completion_order*>(this); }
    auto& outcome(std::size_t index) noexcept { return children_[index].outcome(); }

    void child_ended(branch& child, ending how) noexcept override {
        if (how == ending::dropped) return;
        ended_.push_back(children_.index_of(child));
        if (auto* waiting = std::exchange(waiting_, nullptr)) waiting->ended();
        if (!has_children()) emptied();
    }

private:
    class next_operation final : public operation<next_operation> {
    public:
        explicit next_operation(completion_order* order) noexcept : order_(order) {}
        ~next_operation() {
            if (order_->waiting_ == this) order_->waiting_ = nullptr;
        }
        bool start(branch&) noexcept {
            if (order_->returned_ != order_->ended_.size()) return true;
            order_->waiting_ = this;
            return false;
        }
        bool withdraw() noexcept override {
            order_->waiting_ = nullptr;
            return true;
        }
        std::size_t await_resume() noexcept { return order_->ended_[order_->returned_++]; }
        const char* describe() const noexcept override { return "as_completed"; }
        void ended() noexcept { this->complete(); }

    private:
        completion_order* order_;
    };

    child_array<A> children_;
    std::vector<std::size_t> ended_;
    std::size_t returned_ = 0;
    next_operation* waiting_ = nullptr;
};

namespace detail {
template <class A>
async_generator<completed<fork_result_t<A>>> in_completion_order(std::vector<A> all);
} // namespace detail

/// Runs the elements of a range concurrently and yields how each ended, in that order, with its
/// index in the range. They start with the first `next()`.
///
/// Errors  Of an element: in its `outcome`; the others go on.
/// Cancel  `close()` cancels those that run and waits for their end.
template <class R>
    requires forkable_range<std::remove_cvref_t<R>>
auto as_completed(R&& range) {
    return detail::in_completion_order(given_elements(std::forward<R>(range)));
}

// Implementation ------------------------------------------------------------

template <class A>
async_generator<completed<fork_result_t<A>>> detail::in_completion_order(std::vector<A> all) {
    using item = completed<fork_result_t<A>>;
    completion_order<A> running(std::move(all));
    for (std::size_t count = 0; count != running.size(); ++count) {
        const std::size_t index = co_await running.next();
        item next{index, std::move(running.outcome(index))};
        co_yield std::move(next);
    }
}

} // namespace weft
