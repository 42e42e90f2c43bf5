// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <coroutine>
#include <source_location>
#include <type_traits>
#include <utility>

#include <weft/core/awaitable.hpp>
#include <weft/core/fork.hpp>
#include <weft/core/prepared.hpp>
#include <weft/coro/task_group.hpp>

namespace weft {

template <class F>
class task_group_operation final : public fork_operation<task_group_operation<F>> {
    using base = fork_operation<task_group_operation>;

    // The children may refer to what the body has in its frame, so while the body lives a cancel
    // of it ends them first: the group is registered with the branch of the body.
    class nursery final : public task_group {
    public:
        nursery(scheduler& loop, on_error policy, task_group_operation& operation)
            : task_group(loop, policy), operation_(operation) {}

        using group_base::attach;
        using group_base::has_error;
        using group_base::join_branch;
        using group_base::leave_branch;
        using group_base::record_error;
        using group_base::rethrow_errors;

        /// Whether a child did not end by itself because the parent was cancelled.
        bool was_cut_off() const noexcept { return cut_off_; }

        void child_ended(branch& child, ending how) noexcept override {
            if (how == ending::cancelled && operation_.waiter()->cancel_requested())
                cut_off_ = true;
            task_group::child_ended(child, how);
        }

    private:
        void group_failed() noexcept override {
            operation_.cancel_children(std::source_location::current()); // the body too
        }
        void group_emptied() noexcept override {
            task_group::group_emptied();
            operation_.part_ended();
        }

        task_group_operation& operation_;
        bool cut_off_ = false;
    };

    // Calls the body with the group; made when the branch of the body starts.
    struct call {
        F body;
        nursery* group = nullptr;
        decltype(auto) operator()() { return body(static_cast<task_group&>(*group)); }
    };

public:
    explicit task_group_operation(on_error policy, F body)
        : group_(*this_execution.loop, policy, *this),
          body_(*this, call{std::move(body), &group_}) {}

    std::coroutine_handle<> start(branch& parent) noexcept {
        group_.join_branch(body_);
        return this->start_only(parent, body_);
    }
    bool withdraw() noexcept override {
        group_.cancel(this->waiter()->cancelled_at());
        base::withdraw();
        return false;
    }
    branch_owner* children() noexcept override {
        // As long as the body lives, the group is its.
        return body_.is_done() ? &group_ : static_cast<branch_owner*>(this);
    }
    void on_child(branch& body, ending how) noexcept {
        group_.leave_branch();
        group_.attach(group_.loop(), this->waiter());
        if (body.has_failed()) group_.record_error(body.error(), body.name());
        if (how == ending::cancelled || group_.empty()) group_.cancel();
    }
    bool is_waiting() const noexcept { return !group_.empty(); }
    bool has_result() const noexcept {
        return group_.has_error() || !(body_.outcome().was_cancelled() || group_.was_cut_off());
    }
    const char* describe() const noexcept override { return "with_task_group"; }

    fork_result_t<call> await_resume() {
        group_.rethrow_errors();
        return body_.outcome().take();
    }

private:
    void part_ended() noexcept {
        if (!body_.is_done()) return;
        group_.cancel(); // takes no more, though the parent resumes a little later
        this->finish_if_complete();
    }

    nursery group_;
    child<call> body_;
};

/// A callable that takes a group and returns an awaitable.
template <class F>
concept group_body = std::invocable<std::decay_t<F>&, task_group&> &&
                     awaits<std::invoke_result_t<std::decay_t<F>&, task_group&>>;

/// Calls `body` with a group, waits for what it returned and for all children of the group, and
/// returns the result of `body`.
///
///     co_await weft::with_task_group([&](weft::task_group& g) -> weft::task<> {
///         g.spawn(producer, std::ref(ch));
///         g.spawn(consumer, std::ref(ch));
///         co_return;
///     });
///
/// Errors  By default the first error, of a child or of `body`, cancels the others and `body`, and
///         is rethrown as it is when all have ended; see `on_error`. An error of `body` is
///         rethrown under every policy.
/// Cancel  Cancels the children, newest first, and `body`, and waits for their end. Delivers an
///         error, or the result of `body` if all were complete by then.
template <group_body F>
auto with_task_group(F body) {
    return prepared<task_group_operation<F>, on_error, F>(on_error::cancel, std::move(body));
}
template <group_body F>
auto with_task_group(on_error policy, F body) {
    return prepared<task_group_operation<F>, on_error, F>(policy, std::move(body));
}
void with_task_group(...) = delete; // (policy, [&](weft::task_group& g) -> weft::task<> { ... })

} // namespace weft
