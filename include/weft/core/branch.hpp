// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <weft/core/branch_base.hpp>
#include <weft/core/branch_end.hpp>
#include <weft/core/branch_owner.hpp>
#include <weft/core/operation_base.hpp>
#include <weft/core/scheduler.hpp>
#include <weft/core/stack_address.hpp>

// How branches run: they begin operations, transfer between their frames, and take their turns.
// The class is in core/branch_base.hpp, how they end in core/branch_end.hpp; include this one.
namespace weft {

inline scheduler& branch::loop() const noexcept { return owner_->loop(); }

inline binding* branch::bindings() const noexcept {
    if (binding::alive == 0) return nullptr;
    // Not beyond a group: a child has those of who spawned it, not those around its group.
    for (const branch* each = this; each;
         each = each->owner().spawns() ? nullptr : each->owner().parent())
        if (auto* has = each->notes(); has && has->bindings) return has->bindings;
    return nullptr;
}

inline branch_notes& branch::make_notes() {
    if (auto* has = notes()) return *has;
    auto* fresh = new branch_notes;
    attached_.add(*fresh);
    flags_ |= notes_flag;
    return *fresh;
}

template <class Op>
bool branch::begin(Op& op, frame* waiter) noexcept {
    if (may_not_begin()) [[unlikely]]
        return stop_before_operation(waiter);
    if constexpr (std::derived_from<Op, waiting_operation>)
        static_cast<waiting_operation&>(op).branch_ = this;
    // Until it has started, the branch runs: whoever cancels it meanwhile only leaves a mark.
    bool complete = false;
    if constexpr (std::is_void_v<decltype(op.start(*this))>)
        op.start(*this);
    else
        complete = op.start(*this);
    if (!complete) {
        at_.leaf = waiter;
        if (!is_queued()) at_.operation = &op; // else it is complete already, or parked
        // What it did when it was started may have cancelled this branch.
        if (flags_ & cancel_flag) [[unlikely]]
            if (at_.operation) ask_to_end();
        return true;
    }
    if (--this_execution.budget != 0) [[likely]]
        return false;
    at_.leaf = waiter;
    if constexpr (requires { op.postponed(); }) op.postponed(); // see operation
    loop().enqueue(*this);
    return true;
}

template <class Op>
bool branch::attempt(Op& op) noexcept {
    if constexpr (std::derived_from<Op, waiting_operation>)
        static_cast<waiting_operation&>(op).branch_ = this;
    if (op.start(*this)) return true;
    if (at_.operation) {
        leave_parking();
        withdraw();
    }
    return false;
}

template <class Op>
std::coroutine_handle<> branch::begin_transfer(Op& op, frame* waiter) noexcept {
    if (may_not_begin()) [[unlikely]] {
        stop_before_operation(waiter);
        return std::noop_coroutine();
    }
    at_.leaf = waiter;
    static_cast<waiting_operation&>(op).branch_ = this;
    if (const auto next = op.start(*this)) {
        if (!is_queued()) at_.operation = &op;
        if (flags_ & cancel_flag) [[unlikely]]
            if (at_.operation) ask_to_end();
        return next;
    }
    this_execution.current = this;
    if (--this_execution.budget != 0) [[likely]]
        return nullptr;
    if constexpr (requires { op.postponed(); }) op.postponed();
    loop().enqueue(*this);
    return std::noop_coroutine();
}

inline std::coroutine_handle<> branch::resume_here() noexcept {
    if (!at_.leaf || --this_execution.budget == 0) {
        ready();
        return std::noop_coroutine();
    }
    at_.operation = nullptr;
    this_execution.current = this;
    return transfer(at_.leaf->handle());
}

inline bool branch::is_within(const branch& outer) const noexcept {
    for (const branch* each = this; each;) {
        if (each == &outer) return true;
        each = each->owner_->spawns() ? nullptr : each->owner_->parent();
    }
    return false;
}

inline branch& branch::task() noexcept {
    branch* each = this;
    while (!each->owner_->spawns() && each->owner_->parent()) each = each->owner_->parent();
    return *each;
}

// The compilers keep the tail call of a symmetric transfer in some modes only; in the others each
// one leaves its stack behind. An address is exact where a counter would guess.
inline std::coroutine_handle<> branch::transfer(std::coroutine_handle<> target) noexcept {
    if (stack_address() > this_execution.stack_limit) [[likely]]
        return target;
    return bounce(target);
}

inline std::coroutine_handle<> branch::leave(frame& ended) noexcept {
    return ended.parent ? transfer(ended.parent) : finish(ended);
}

[[gnu::noinline]] inline std::coroutine_handle<>
branch::bounce(std::coroutine_handle<> target) noexcept {
    auto& self = *this_execution.current;
    if (self.is_destroying()) terminate_resumed();
    self.at_.leaf = &frame::of(target);
    self.loop().run_next(self);
    return std::noop_coroutine();
}

// The branch ends when the stack has unwound: no frame is destroyed inside of its own
// `await_suspend`, which compilers get wrong.
[[gnu::noinline]] inline std::coroutine_handle<> branch::finish(frame& outermost) noexcept {
    this_execution.current->flags_ |= ended_flag;
    return bounce(outermost.handle()); // the only one that is left, should it be dropped now
}

inline bool branch::stop_before_operation(frame* waiter) noexcept {
    if (flags_ & destroying_flag)
        terminate_resumed();
    at_.leaf = waiter;
    stop();
    return true;
}

inline void scheduler::run(runnable& item) noexcept {
    auto& thread = this_execution;
    constexpr unsigned usual = branch::started_flag | branch::frames_flag;
    constexpr unsigned special = branch::ended_flag | branch::stopping_flag;
    if ((item.flags_ & (usual | special)) == usual) [[likely]] {
        auto& waiting = static_cast<branch&>(item);
        thread.current = &waiting;
        waiting.at_.leaf->handle().resume();
    } else if (item.flags_ & branch::branch_flag) {
        auto& other = static_cast<branch&>(item);
        thread.current = &other;
        other.run_specially();
    } else {
        thread.current = nullptr;
        item.run();
    }
}

inline std::size_t scheduler::run_ready() noexcept {
    auto& thread = this_execution;
    assert(thread.loop == this);
    thread.stack_limit = stack_address() - stack_allowance_;
    intrusive_list<runnable> turn;
    turn.append(ready_);
    std::size_t count = 0;
    while (!turn.empty()) {
        thread.budget = completions_per_resumption;
        run(turn.pop_front());
        // All this is one resumption, however often the stack unwinds: branches that end at once,
        // one after the other, must starve nobody.
        for (unsigned ends = 0; next_; ++ends) {
            auto& next = *std::exchange(next_, nullptr);
            if (ends == completions_per_resumption || thread.budget == 0) {
                enqueue(next);
                break;
            }
            run(next);
        }
        if (++count % resumptions_per_breath == 0) {
            thread.current = nullptr;
            breathe();
        }
    }
    thread.current = nullptr;
    return count;
}

} // namespace weft
