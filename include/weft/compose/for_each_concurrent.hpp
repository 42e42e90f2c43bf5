// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm> // the concepts of ranges, at two thirds of what <ranges> costs
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

#include <weft/core/awaitable.hpp>
#include <weft/core/check_arguments.hpp>
#include <weft/core/child.hpp>
#include <weft/core/fork.hpp>
#include <weft/core/frame_pool.hpp>
#include <weft/core/prepared.hpp>

namespace weft {

template <std::ranges::input_range R, class F>
class for_each_operation final : public fork_operation<for_each_operation<R, F>> {
    using reference = std::ranges::range_reference_t<R>;
    static constexpr bool stays = std::is_reference_v<reference> && std::ranges::forward_range<R>;

    // Calls `f` with one element. An element that the range makes as it goes, or that is gone when
    // the range moves on, as a generator's, is kept here.
    struct call {
        F* f;
        std::conditional_t<stays, std::add_pointer_t<reference>, std::remove_cvref_t<reference>>
            element;

        decltype(auto) operator()() {
            if constexpr (stays)
                return std::apply(*f, std::forward_as_tuple(static_cast<reference>(*element)));
            else
                return std::apply(*f, std::forward_as_tuple(static_cast<reference&&>(element)));
        }
    };
    class one final : public child<call>, public frame_pool::allocated {
    public:
        using child<call>::child;
    };

public:
    explicit for_each_operation(R range, std::size_t limit, F f)
        : range_(std::move(range)), limit_(limit), f_(std::move(f)) {
        if (limit_ == 0) raise<std::invalid_argument>("for_each_concurrent: a limit of 0");
    }
    ~for_each_operation() {
        this->drop_children();
        if (error_) report_unhandled(std::move(error_), "for_each_concurrent");
    }

    std::coroutine_handle<> start(branch& parent) noexcept {
        this->attach(parent.loop(), &parent);
        for (std::size_t started = 0; started != limit_ && start_one(); ++started) {}
        if (!this->has_children()) return nullptr;
        return std::noop_coroutine();
    }
    void child_ended(branch& child, ending how) noexcept override {
        if (child.has_failed()) fail(child.error(), child.name());
        const bool drop = how == ending::dropped;
        if (how == ending::cancelled) cut_off_ = true;
        delete static_cast<one*>(&child);
        if (drop) return; // so are the parent and this
        this_execution.current = this->waiter(); // for what the range does
        start_one();
        this->finish_if_complete();
    }
    void on_child(branch&, ending) noexcept {}
    bool has_result() const noexcept { return error_ || (at_end() && !cut_off_); }
    const char* describe() const noexcept override { return "for_each_concurrent"; }

    void await_resume() {
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    }

private:
    bool at_end() const noexcept { return at_end_; }

    void fail(std::exception_ptr error, const char* name) noexcept {
        if (error_) return report_further(error_, std::move(error), name);
        error_ = std::move(error);
        this->cancel_children(std::source_location::current());
    }

    // Takes the next element, unless something has gone wrong.
    bool start_one() noexcept {
        if (at_end_ || error_ || this->waiter()->cancel_requested()) return false;
        bool started = false;
        guarded(
            [&] {
                if (!next_)
                    next_.emplace(std::ranges::begin(range_));
                else
                    ++*next_;
                at_end_ = *next_ == std::ranges::end(range_);
                if (at_end_) return;
                auto* fresh = new one(*this, make_call(**next_));
                this->start_later(*fresh);
                started = true;
            },
            [&](std::exception_ptr error) { fail(std::move(error), "for_each_concurrent"); });
        return started;
    }
    call make_call(reference element) {
        if constexpr (stays)
            return call{&f_, std::addressof(element)};
        else
            return call{&f_, static_cast<reference&&>(element)};
    }

    R range_;
    std::size_t limit_;
    F f_;
    std::optional<std::ranges::iterator_t<R>> next_;
    std::exception_ptr error_;
    bool at_end_ = false;
    bool cut_off_ = false;
};

/// Calls `f(element)` for each element of a range, at most `n` of the awaitables that it returns at
/// a time, and waits for all. The next element is taken when one has ended: the range may be
/// endless, or a generator.
///
/// Lifetime  `f` gets the elements of `range` themselves: a copy's, if given an lvalue. To work
///           on your own, pass `std::views::all(mine)`, of <ranges>; `mine` must outlive it.
///           Those of a range that can be gone through only once, a generator's, are moved out of
///           it, or copied if it yields lvalues, and live until the awaitable has ended.
/// Order   Started in the order of the range.
/// Errors  The first one stops: no more elements are taken, those that run are cancelled, newest
///         first, and it is rethrown when they have ended. Throws `std::invalid_argument` if `n`
///         is 0.
/// Cancel  Takes no more elements, cancels those that run and waits for their end.
template <std::ranges::input_range R, class F>
    requires awaits<std::invoke_result_t<F&, std::ranges::range_reference_t<R>>>
auto for_each_concurrent(R range, std::size_t n, F f) {
    detail::check_arguments<F, std::remove_cvref_t<std::ranges::range_reference_t<R>>>();
    return prepared<for_each_operation<R, F>, R, std::size_t, F>(std::move(range), n, std::move(f));
}
void for_each_concurrent(...) = delete; // (range, n, f): f(element) returns an awaitable

} // namespace weft
