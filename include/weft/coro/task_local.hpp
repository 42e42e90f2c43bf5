// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>
#include <type_traits>
#include <utility>

#include <weft/core/fork.hpp>
#include <weft/core/frame_pool.hpp>
#include <weft/core/prepared.hpp>

namespace weft {

/// A value that belongs to a task and to what it spawns: a request's id, a transaction, a user.
///
///     constinit weft::task_local<int> request_id;
///     co_await request_id.with(7, handle(request));       // in there, request_id.get() == 7
///
/// Lifetime  Outlives every `with`: an object with static storage as a rule. A child that was
///           spawned inside keeps the value as long as it runs.
template <class T>
class task_local {
    template <class A>
    class operation;
    class bound_value;

public:
    constexpr explicit task_local(T otherwise = {}) : otherwise_(std::move(otherwise)) {}
    task_local(const task_local&) = delete;

    /// Returns the value bound innermost around the running code, or the one given at construction.
    /// Works in destructors that a cancel calls.
    const T& get() const noexcept;

    /// Runs `body`, an awaitable or a callable that returns one, with the value bound. Returns its
    /// result. Cancel  As `co_await body`.
    template <forkable A>
    auto with(T value, A body) const {
        return prepared<operation<A>, const task_local*, T, A>(this, std::move(value),
                                                               std::move(body));
    }

private:
    T otherwise_;
};

// Implementation ------------------------------------------------------------

template <class T>
class task_local<T>::bound_value final : public binding, public frame_pool::allocated {
public:
    bound_value(const task_local* key, binding* outer, T bound)
        : binding(key, outer), bound_(std::move(bound)) {}
    const T& get() const noexcept { return bound_; }

private:
    void destroy() noexcept override { delete this; }

    T bound_;
};

template <class T>
template <class A>
class task_local<T>::operation final : public fork_operation<operation<A>> {
public:
    explicit operation(const task_local* local, T bound, A body)
        : child_(*this, std::move(body)) {
        auto* current = this_execution.current;
        auto& notes = child_.make_notes(); // first: it may throw
        notes.bindings =
            new bound_value(local, current ? current->bindings() : nullptr, std::move(bound));
    }
    ~operation() { child_.report_lost_error(); }

    std::coroutine_handle<> start(branch& parent) noexcept {
        return this->start_only(parent, child_);
    }
    void on_child(branch&, ending) noexcept {}
    bool has_result() const noexcept { return !child_.outcome().was_cancelled(); }
    const char* describe() const noexcept override { return "task_local.with"; }

    fork_result_t<A> await_resume() { return child_.outcome().take(); }

private:
    child<A> child_;
};

template <class T>
const T& task_local<T>::get() const noexcept {
    if (auto* current = this_execution.current)
        for (auto* each = current->bindings(); each; each = each->outer())
            if (each->key() == this) return static_cast<const bound_value*>(each)->get();
    return otherwise_;
}

} // namespace weft
