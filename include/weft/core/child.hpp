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

private:
    weft::outcome<T> outcome_;
};

/// A branch that runs one awaitable.
///
/// A task is resumed, an operation of weft's is started without any frame, a foreign awaitable
/// gets a relay. A callable is called when the branch starts, and kept until it has ended: the
/// coroutine it makes may refer to its captures.
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
        if constexpr (is_task) {
            held_.awaiter.put_into(*this);
            this->set(this->made_flag);
        }
    }
    child(child&&) = delete;
    ~child() {
        if (!this->is_done()) destroy_held();
    }

    /// Starts it from within its parent. Null: it is complete.
    std::coroutine_handle<> start_here() noexcept {
        auto first = this->start_now();
        if (!first) collect();
        return first;
    }

protected:
    std::coroutine_handle<> start() noexcept override;
    void end(ending how) noexcept override;

    /// Whether nothing has to be done about how it ended, if nobody asks for that: it has not
    /// failed, and the end of its result has no effect.
    bool ends_quietly(ending how) const noexcept {
        if (how != ending::finished) return true;
        if constexpr (gives_outcome && (std::is_void_v<result> || std::is_reference_v<result> ||
                                        std::is_trivially_destructible_v<result>))
            return this->has(this->made_flag) && !held_.awaiter.has_failed();
        else
            return false;
    }
    /// Takes the result of what has completed, and destroys what produced it.
    void collect() noexcept;
    /// Keeps how it ended, and destroys what it ran.
    void settle(ending how) noexcept {
        if (how == ending::finished) return collect();
        clear();
        this->outcome().set_cancelled();
    }
    /// Destroys what it ran; its frames are gone or at their end.
    void clear() noexcept {
        this->set_done();
        destroy_held();
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
    static constexpr bool gives_outcome =
        requires(std::remove_reference_t<awaiter>& own) { own.take_outcome(); };
    // Its awaiter takes all that a task has: it can stand in the task's place from the beginning.
    static constexpr bool is_task = !calls && gives_outcome;
    // An awaiter that `co_await` would only refer to is kept by its source.
    using kept_awaiter = std::conditional_t<std::is_reference_v<awaiter>, nothing, awaiter>;
    static_assert(!std::is_reference_v<awaiter> || !calls,
                  "a callable for a fork must return an awaitable by value");

    union task_place {
        explicit task_place(A&& from) : awaiter(std::move(from).operator co_await()) {}
        ~task_place() {}
        kept_awaiter awaiter;
    };
    struct two_places {
        explicit two_places(A&& from) : source(std::move(from)) {}
        ~two_places() {}
        union {
            A source;
        };
        union {
            kept_awaiter awaiter;
            std::exception_ptr error; // why there is none
        };
    };

    void make_awaiter_now();
    void destroy_held() noexcept;

    std::conditional_t<is_task, task_place, two_places> held_;
};

// Implementation ------------------------------------------------------------

template <forkable A, class Base>
void child<A, Base>::make_awaiter_now() {
    auto* place = static_cast<void*>(std::addressof(held_.awaiter));
    if constexpr (calls && is_operation)
        ::new (place) kept_awaiter(held_.source());
    else if constexpr (calls)
        ::new (place) kept_awaiter(to_awaiter(held_.source()));
    else
        ::new (place) kept_awaiter(to_awaiter(std::move(held_.source)));
    this->set(this->made_flag);
}

template <forkable A, class Base>
std::coroutine_handle<> child<A, Base>::start() noexcept {
    if constexpr (!is_task) {
        guarded([&] { make_awaiter_now(); },
                [&](std::exception_ptr error) {
                    ::new (static_cast<void*>(std::addressof(held_.error)))
                        std::exception_ptr(std::move(error));
                    this->set(this->unmade_flag);
                });
        if (!this->has(this->made_flag)) return nullptr;
    }
    if constexpr (is_task)
        return this->transfer(*this->leaf());
    else if constexpr (!std::derived_from<kept_awaiter, operation_base>)
        return held_.awaiter.start(*this);
    else if constexpr (std::is_same_v<decltype(held_.awaiter.start(*this)), bool>)
        return this->begin(held_.awaiter, nullptr) ? std::coroutine_handle<>(std::noop_coroutine())
                                                   : std::coroutine_handle<>();
    else
        return this->begin_transfer(held_.awaiter, nullptr);
}

template <forkable A, class Base>
void child<A, Base>::collect() noexcept {
    auto& outcome = this->outcome();
    if constexpr (!is_task)
        if (this->has(this->unmade_flag)) outcome.set_error(held_.error);
    if (this->has(this->made_flag)) {
        // A task's outcome is moved as it is: no error is thrown on the way.
        if constexpr (gives_outcome)
            guarded([&] { outcome = held_.awaiter.take_outcome(); },
                    [&](std::exception_ptr error) { outcome.set_error(std::move(error)); });
        else
            outcome.set_from([&]() -> result { return held_.awaiter.await_resume(); });
    }
    if (outcome.has_error()) [[unlikely]]
        this->set_failed();
    clear();
}

template <forkable A, class Base>
void child<A, Base>::destroy_held() noexcept {
    if constexpr (is_task) {
        if (this->is_started())
            held_.awaiter.kept_awaiter::~kept_awaiter();
        else
            held_.awaiter.destroy_unstarted();
    } else {
        if (this->has(this->made_flag)) held_.awaiter.kept_awaiter::~kept_awaiter();
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
