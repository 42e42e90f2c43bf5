// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <coroutine>
#include <new>
#include <source_location>
#include <type_traits>
#include <utility>

#include <weft/core/awaitable.hpp>
#include <weft/core/branch.hpp>
#include <weft/core/foreign.hpp>
#include <weft/core/operation.hpp>
#include <weft/core/outcome.hpp>

namespace weft {

/// A callable without parameters that returns an awaitable.
template <class F>
concept makes_awaitable = !awaits<F> && requires(std::decay_t<F>& callable) {
    { callable() } -> awaits;
};

/// What a fork takes: an awaitable, or a callable that makes one.
template <class A>
concept forkable = awaits<A> || makes_awaitable<A>;

namespace detail {
template <class A>
struct made_by {
    using type = A;
};
template <makes_awaitable F>
struct made_by<F> {
    using type = std::invoke_result_t<F&>;
};
} // namespace detail

/// What awaiting a forked `A` gives.
template <class A>
using fork_result_t = await_result_t<typename detail::made_by<A>::type>;

/// A branch that keeps how it ended.
template <class T>
class result_branch : public branch {
public:
    /// Pending until it has ended.
    weft::outcome<T>& outcome() noexcept { return outcome_; }
    const weft::outcome<T>& outcome() const noexcept { return outcome_; }
    std::exception_ptr error() const noexcept override { return outcome_.error(); }

protected:
    using branch::branch;
    ~result_branch() = default;

    /// It is done: where it keeps how it ended, from now on.
    weft::outcome<T>& make_outcome() noexcept { return outcome_; }

private:
    weft::outcome<T> outcome_;
};

/// A branch that runs one awaitable.
///
/// A task is resumed, an operation of weft's is started without any frame, a foreign awaitable
/// gets a relay. A callable is called when the branch starts, and kept until it has ended, as is
/// what it returns: a coroutine may refer to its captures.
template <forkable A, class Base = result_branch<fork_result_t<A>>>
class child : public Base {
    using awaitable = typename detail::made_by<A>::type;
    static constexpr bool calls = makes_awaitable<A>;
    struct nothing {};

public:
    using result = await_result_t<awaitable>;

    template <class... BaseArgs>
    explicit child(branch_owner& owner, A&& source, BaseArgs&&... base) noexcept(
        std::is_nothrow_move_constructible_v<A>)
        : Base(owner, std::forward<BaseArgs>(base)...), held_(std::move(source)) {
        if constexpr (is_task) take_frame(std::move(source));
    }
    child(child&&) = delete;
    ~child() {
        if (!this->is_done()) destroy_held(this->take_leaf());
    }

    /// Starts it from within its parent. Null: it is complete.
    std::coroutine_handle<> start_here() noexcept {
        auto first = this->start_now();
        if (!first) settle(ending::finished);
        return first;
    }

protected:
    std::coroutine_handle<> start() noexcept override;
    void end(ending how) noexcept override;

    /// Whether nothing has to be done about how it ended, if nobody asks for that: it has not
    /// failed, and the end of its result has no effect.
    bool ends_quietly(ending how) const noexcept {
        if (how != ending::finished) return true;
        if constexpr (has_frame && (std::is_void_v<result> || std::is_reference_v<result> ||
                                    std::is_trivially_destructible_v<result>))
            return this->leaf() && !awaiter::outcome_of(*this->leaf()).has_error();
        else
            return false;
    }
    /// Keeps how it ended, and destroys what it ran.
    void settle(ending how) noexcept;
    /// Destroys what it ran; its frames are gone or at their end.
    void clear() noexcept {
        frame* const last = this->take_leaf();
        this->set_done();
        destroy_held(last);
    }

private:
    // An operation that a callable returns is its own awaiter, made in its place.
    static constexpr bool is_operation = std::derived_from<awaitable, operation_base>;
    static decltype(auto) to_awaiter(awaitable&& from) {
        return make_awaiter<true>(std::forward<awaitable>(from));
    }
    using awaiter =
        typename decltype([] {
            if constexpr (is_operation)
                return std::type_identity<awaitable>();
            else
                return std::type_identity<decltype(to_awaiter(std::declval<awaitable>()))>();
        }())::type;
    // What it awaits is a task's frame, which the branch owns by itself: it is the outermost one.
    static constexpr bool has_frame = requires(awaiter own, branch& whole) { own.put_into(whole); };
    // There is nothing else to keep.
    static constexpr bool is_task = has_frame && !calls && awaiter_takes_all<A>;
    // What a callable returns lives as long as an awaiter that may refer to it.
    static constexpr bool keeps_awaitable =
        calls && !is_operation && !awaiter_takes_all<awaitable> &&
        !std::is_same_v<awaiter, foreign_operation<awaitable>>; // which keeps it
    using kept_awaiter = std::conditional_t<has_frame, nothing, awaiter>;
    using kept_awaitable = std::conditional_t<keeps_awaitable, awaitable, nothing>;

    // What is made of the source when the branch starts.
    struct made {
        explicit made(child& whole)
            requires keeps_awaitable
            : from(whole.held_.source()),
              awaiter(whole.to_keep(std::forward<awaitable>(from))) {}
        explicit made(child& whole)
            requires(!keeps_awaitable)
            : awaiter(whole.to_keep()) {}

        [[no_unique_address]] kept_awaitable from;
        kept_awaiter awaiter;
    };
    struct no_place {
        explicit no_place(A&&) noexcept {}
    };
    struct two_places {
        explicit two_places(A&& from) : source(std::move(from)) {}
        ~two_places() {}
        union {
            A source;
        };
        union {
            child::made made;
            std::exception_ptr error; // why there is none
        };
    };

    kept_awaiter to_keep();
    kept_awaiter to_keep(awaitable&& from);
    void take_frame(awaitable&& from);
    void collect(weft::outcome<result>& outcome, frame* last) noexcept;
    void destroy_held(frame* last) noexcept;

    [[no_unique_address]] std::conditional_t<is_task, no_place, two_places> held_;
};

// Implementation ------------------------------------------------------------

template <forkable A, class Base>
auto child<A, Base>::to_keep() -> kept_awaiter {
    if constexpr (is_operation && calls)
        return held_.source();
    else if constexpr (calls)
        return to_keep(held_.source());
    else
        return to_keep(std::move(held_.source));
}

template <forkable A, class Base>
auto child<A, Base>::to_keep(awaitable&& from) -> kept_awaiter {
    if constexpr (has_frame) {
        take_frame(std::forward<awaitable>(from));
        return {};
    } else {
        return to_awaiter(std::forward<awaitable>(from));
    }
}

template <forkable A, class Base>
void child<A, Base>::take_frame(awaitable&& from) {
    union emptied { // nothing is left in it to destroy
        explicit emptied(awaitable&& from) : one(to_awaiter(std::forward<awaitable>(from))) {}
        ~emptied() {}
        awaiter one;
    };
    emptied(std::forward<awaitable>(from)).one.put_into(*this);
}

template <forkable A, class Base>
std::coroutine_handle<> child<A, Base>::start() noexcept {
    if constexpr (!is_task) {
        guarded(
            [&] {
                ::new (static_cast<void*>(std::addressof(held_.made))) made(*this);
                this->set(this->made_flag);
            },
            [&](std::exception_ptr error) {
                ::new (static_cast<void*>(std::addressof(held_.error)))
                    std::exception_ptr(std::move(error));
                this->set(this->unmade_flag);
            });
        if (this->has(this->unmade_flag)) return nullptr;
    }
    if constexpr (has_frame) {
        return this->transfer(this->leaf()->handle());
    } else {
        auto& own = detail::referred(held_.made.awaiter);
        using kind = std::remove_reference_t<decltype(own)>;
        if constexpr (!std::derived_from<kind, operation_base>)
            return own.start(*this);
        else if constexpr (!std::is_void_v<decltype(own.start(*this))> &&
                           !std::is_same_v<decltype(own.start(*this)), bool>)
            return this->begin_transfer(own, nullptr);
        else if (this->begin(own, nullptr))
            return std::noop_coroutine();
        else
            return nullptr;
    }
}

template <forkable A, class Base>
void child<A, Base>::settle(ending how) noexcept {
    frame* const last = this->take_leaf();
    this->set_done();
    auto& outcome = this->make_outcome();
    if (how == ending::finished)
        collect(outcome, last);
    else
        outcome.set_cancelled();
    if (outcome.has_error()) [[unlikely]]
        this->set_failed();
    destroy_held(last);
}

// Takes the result of what has completed.
template <forkable A, class Base>
void child<A, Base>::collect(weft::outcome<result>& outcome, frame* last) noexcept {
    const auto fails = [&](std::exception_ptr error) { outcome.set_error(std::move(error)); };
    if constexpr (!is_task)
        if (this->has(this->unmade_flag)) fails(held_.error);
    if constexpr (!has_frame) {
        if (this->has(this->made_flag))
            outcome.set_from([&]() -> result { return held_.made.awaiter.await_resume(); });
    } else if (last) {
        // As it is: no error is thrown on the way.
        guarded([&] { outcome = std::move(awaiter::outcome_of(*last)); }, fails);
    }
}

template <forkable A, class Base>
void child<A, Base>::destroy_held([[maybe_unused]] frame* last) noexcept {
    if constexpr (has_frame) {
        if (!this->is_started()) [[unlikely]] {
            if (last) awaiter::destroy_unstarted(*last);
        } else if (last) [[likely]] {
            last->handle().destroy();
        } else {
            this_execution.destroyed = nullptr; // it was: the frame has no awaiter to look for it
        }
    }
    if constexpr (!is_task) {
        if (this->has(this->made_flag)) held_.made.~made();
        if (this->has(this->unmade_flag)) held_.error.~exception_ptr();
        held_.source.~A();
    }
}

template <forkable A, class Base>
void child<A, Base>::end(ending how) noexcept {
    settle(how);
    this->report(how);
}

} // namespace weft
