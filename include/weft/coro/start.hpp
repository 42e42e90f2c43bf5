// SPDX-License-Identifier: MIT
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include <weft/core/check_arguments.hpp>
#include <weft/core/error.hpp>
#include <weft/core/frame_pool.hpp>
#include <weft/core/operation.hpp>
#include <weft/core/outcome.hpp>
#include <weft/coro/group.hpp>
#include <weft/coro/join_handle.hpp>

namespace weft {

namespace detail {

// What goes from the child to who waits: for void nothing.
struct no_start_value {};
template <class T>
using start_value = std::conditional_t<std::is_void_v<T>, no_start_value, T>;

// Who is to be told that a child has started. Either side may go first.
template <class T>
class start_signal : public frame_pool::allocated {
public:
    virtual void signal(start_value<T> value) noexcept = 0;

protected:
    ~start_signal() = default;
};

template <class T>
struct start_state : frame_pool::allocated {
    start_signal<T>* waiting;
    unsigned uses = 1;

    explicit start_state(start_signal<T>* waiter) noexcept : waiting(waiter) {}
    void release() noexcept {
        if (--uses == 0) delete this;
    }
};

} // namespace detail

/// What a child that was added by `task_group::start` calls when it is ready for use, with the
/// value that `start` returns; if that is void, without one. Copyable; later calls have no effect.
template <class T = void>
class started {
public:
    explicit started(detail::start_state<T>* state) noexcept : state_(state) { ++state_->uses; }
    started(const started& other) noexcept : started(other.state_) {}
    started& operator=(started other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~started() { state_->release(); }

    void operator()(detail::start_value<T> value) const
        requires(!std::is_void_v<T>)
    {
        signal(std::forward<detail::start_value<T>>(value));
    }
    void operator()() const
        requires std::is_void_v<T>
    {
        signal({});
    }

private:
    void signal(detail::start_value<T>&& value) const {
        if (auto* waiting = std::exchange(state_->waiting, nullptr))
            waiting->signal(std::forward<detail::start_value<T>>(value));
    }

    detail::start_state<T>* state_;
};

/// Spawns a child and waits until it has called its `started`: `task_group::start`.
template <class T, class F, class... Args>
class start_operation final : public operation<start_operation<T, F, Args...>>,
                              public detail::joiner,
                              private detail::start_signal<T> {
    // Calls f(started, args&...): the arguments live in the child.
    class call {
    public:
        call(detail::start_state<T>* state, F callable, std::tuple<Args...> args)
            : started_(state), callable_(std::move(callable)), args_(std::move(args)) {}
        decltype(auto) operator()() {
            return std::apply(
                [this](Args&... args) -> decltype(auto) {
                    return std::apply(callable_,
                                      std::forward_as_tuple(std::move(started_), args...));
                },
                args_);
        }

    private:
        started<T> started_;
        [[no_unique_address]] F callable_;
        [[no_unique_address]] std::tuple<Args...> args_;
    };

    using child_result = call_result_t<F, started<T>, Args&...>;

public:
    start_operation(group_base* owner, F callable, Args... args)
        : group_(owner), callable_(std::move(callable)), args_(std::move(args)...),
          state_(new detail::start_state<T>(this)) {
        detail::check_arguments<F, started<T>, Args...>();
    }
    ~start_operation() {
        this->detach(); // what is destroyed below may end the child
        state_->waiting = nullptr;
        state_->release();
        if (child_) {
            if (child_->is_starting()) child_->report_lost_error();
            child_->set_starting(false); // from now on its errors are the group's
            child_->release();
        }
    }

    bool start(branch&) noexcept {
        bool spawned = false;
        guarded(
            [&] {
                child_ = &group_->spawn_child(
                    call(state_, std::move(callable_), std::move(args_)));
                child_->keep();
                child_->set_starting(true);
                child_->add(*this);
                spawned = true;
            },
            [&](std::exception_ptr error) { value_.set_error(std::move(error)); });
        return !spawned;
    }
    bool withdraw() noexcept override {
        child_->cancel(this->waiter()->cancelled_at());
        return false; // until it has ended
    }
    const char* describe() const noexcept override { return "task_group.start"; }

    T await_resume() {
        if (!value_.is_pending()) return value_.take();
        child_->outcome().take(); // rethrows how it ended
        raise<error>(errc::closed, "a child ended before it had called `started`");
    }

private:
    void signal(detail::start_value<T> value) noexcept override {
        value_.set_from([&]() -> T {
            if constexpr (!std::is_void_v<T>) return std::forward<T>(value);
        });
        child_->set_starting(false);
        this->detach();
        this->complete();
    }
    void child_done() noexcept override {
        state_->waiting = nullptr; // a copy of `started` may be called before this resumes
        if (this->waiter()->cancel_requested() && child_->outcome().was_cancelled())
            this->waiter()->stop();
        else
            this->complete();
    }

    group_base* group_;
    F callable_;
    std::tuple<Args...> args_;
    detail::start_state<T>* state_;
    spawned_branch<child_result>* child_ = nullptr;
    outcome<T> value_;
};

} // namespace weft
