// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <concepts>
#include <source_location>
#include <type_traits>
#include <utility>

#include <weft/core/intrusive_list.hpp>
#include <weft/core/operation.hpp>
#include <weft/core/prepared.hpp>
#include <weft/coro/group.hpp>
#include <weft/coro/start.hpp>
#include <weft/coro/task.hpp>

namespace weft {

/// Children that run concurrently and end together.
///
///     co_await weft::with_task_group([&](weft::task_group& g) -> weft::task<> {
///         for (auto& url : urls) g.spawn(fetch, url);
///         co_return;
///     });                                                 // here every child has ended
///
/// Prefer `with_task_group`; an object of this class is for owners that are not coroutines. One in
/// a coroutine needs its `co_await group.join();`.
///
/// Ownership  The group owns the children. Its destructor destroys those that live, newest first,
///            without their `finally`s; `join` before that.
/// Lifetime   Not longer than its loop.
/// Errors     As `on_error` says. An error that nobody joined is unhandled when the group goes.
/// Order      A child starts when its turn comes, after all that is ready now.
/// Cancel     A group that was made inside of a branch is cancelled and joined before a cancel
///            destroys the frames of that branch.
class task_group : public group_base {
public:
    /// A group of the loop that runs on this thread, registered with the branch that runs.
    explicit task_group(on_error policy = on_error::cancel) : group_base(policy) {
        assert(this_execution.loop && "a task_group outside of a loop needs to be told which");
        attach(*this_execution.loop, nullptr);
        if (auto* maker = this_execution.current) join_branch(*maker);
    }
    /// A group for outside of a coroutine.
    explicit task_group(scheduler& loop, on_error policy = on_error::cancel) : group_base(policy) {
        attach(loop, nullptr);
    }
    virtual ~task_group() = default;

    /// Adds a child.
    /// Errors  Throws `closed_error` if the group was cancelled and not joined since; the task is
    ///         destroyed unstarted.
    template <class T>
    join_handle<T> spawn(task<T> child) {
        return join_handle<T>(spawn_child(std::move(child)));
    }

    /// Adds `f(args...)`. Both are kept in the child: `f` is called as an lvalue, the arguments as
    /// rvalues, and what they refer to by `std::ref` must outlive the child.
    template <class F, class... Args>
        requires std::invocable<std::decay_t<F>&, std::decay_t<Args>...>
    join_handle<call_result_t<F, std::decay_t<Args>...>> spawn(F&& f, Args&&... args) {
        return join_handle<call_result_t<F, std::decay_t<Args>...>>(
            spawn_child(bound_call<std::decay_t<F>, std::decay_t<Args>...>(
                std::forward<F>(f), std::forward<Args>(args)...)));
    }
    // No overloaded function, as one's own `read` is beside that of unistd.h, and no awaitable that
    // is no task: a lambda can call the one and return the other.
    void spawn(...) = delete; // (task) or (f, args...): f makes a task; for a T& pass std::ref(x)

    template <class T = void>
    using started = weft::started<T>;

    /// Adds `f(started<T>, args&...)` and waits until it has called its first argument, with the
    /// value that is returned here: a server that listens, a connection that is up.
    ///
    ///     co_await group.start([](weft::started<> ready) -> weft::task<> { ...; ready(); ... });
    ///
    /// Errors  If it ends without: rethrows its error; throws `cancelled_error` if it was
    ///         cancelled, else `error` (errc::closed).
    /// Cancel  Cancels the child and joins it, unless it has called.
    template <class T = void, class F, class... Args>
        requires std::invocable<std::decay_t<F>&, started<T>, std::decay_t<Args>&...>
    auto start(F&& f, Args&&... args);
    template <class T = void, class... Wrong>
    void start(Wrong&&...) = delete; // start<T>(f, args...): f(started<T>, args&...) makes a task

    /// Waits until all children have ended.
    /// Errors  Rethrows what the policy says. The group can be used again afterwards.
    /// Cancel  The wait ends; the children of a group that was made by the waiter are cancelled.
    auto join() noexcept { return prepared<join_operation, task_group*>(this); }

protected:
    void group_emptied() noexcept override {
        while (!joiners_.empty()) joiners_.pop_front().complete();
    }

private:
    struct joining;
    class join_operation final : public operation<join_operation>, public list_hook<joining> {
    public:
        explicit join_operation(task_group* group) noexcept : group_(group) {}

        bool start(branch& waiter) noexcept;
        bool withdraw() noexcept override {
            this->unlink();
            return true;
        }
        void await_resume() {
            if (own_) raise<deadlock_error>("a task waits for the end of its own group");
            group_->rethrow_errors();
        }
        const char* describe() const noexcept override { return "task_group.join"; }

        using operation<join_operation>::complete;

    private:
        task_group* group_;
        bool own_ = false;
    };

    intrusive_list<join_operation, joining> joiners_;
};

// Implementation ------------------------------------------------------------

inline bool task_group::join_operation::start(branch& waiter) noexcept {
    // Who made the group is none of its children: as a rule that is the waiter itself.
    for (branch* each = &waiter; each && each != group_->parent(); each = each->owner().parent())
        own_ = own_ || &each->owner() == group_;
    if (own_ || group_->empty()) return true;
    group_->joiners_.push_back(*this);
    return false;
}

template <class T, class F, class... Args>
    requires std::invocable<std::decay_t<F>&, started<T>, std::decay_t<Args>&...>
auto task_group::start(F&& f, Args&&... args) {
    return prepared<start_operation<T, std::decay_t<F>, std::decay_t<Args>...>, group_base*,
                    std::decay_t<F>, std::decay_t<Args>...>(this, std::forward<F>(f),
                                                            std::forward<Args>(args)...);
}

} // namespace weft
