// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>

#include <weft/core/branch_notes.hpp>
#include <weft/core/branch_owner.hpp>
#include <weft/core/intrusive_list.hpp>
#include <weft/core/operation_base.hpp>
#include <weft/core/raise.hpp>
#include <weft/core/scheduler.hpp>

namespace weft {


/// What the promise of every coroutine of weft begins with.
struct frame {
    branch* in = nullptr;          ///< the branch that it runs in
    frame* parent = nullptr;       ///< the frame that awaits it; null: the outermost
    std::source_location awaits_at; ///< where it awaits what it awaits

    /// Relies on `frame` being the first base of the promise, and on no promise being over-aligned.
    std::coroutine_handle<> handle() noexcept {
        return std::coroutine_handle<frame>::from_promise(*this);
    }
};

/// One line of coroutines, each awaiting the next. At any moment it runs, is ready, or waits on
/// exactly one operation.
///
/// Cancelling a branch is destroying it where it waits, innermost frame first, by the loop; what
/// was completed before is delivered first. Dropping it destroys it at once.
/// Ownership  It belongs to its `branch_owner`, and what awaits it lives in there.
class branch : public runnable, public list_hook<sibling> {
public:
    /// Asks it to end: at once if it waits on what can be withdrawn, when its children have ended
    /// if it waits on these, else at the next operation that it begins. `at` is for the dump.
    void cancel(std::source_location at) noexcept;

    /// Destroys it and everything below, newest first, before this returns: no clean-up runs.
    /// Precondition: it is not running.
    void drop() noexcept;

    bool cancel_requested() const noexcept { return flags_ & cancel_flag; }
    bool is_stopping() const noexcept { return flags_ & stopping_flag; }
    bool is_done() const noexcept { return flags_ & done_flag; }
    bool is_started() const noexcept { return flags_ & started_flag; }

    scheduler& loop() const noexcept;
    branch_owner& owner() const noexcept { return *owner_; }
    /// The frame that waits, if it has frames.
    frame* leaf() const noexcept { return leaf_; }
    /// What it waits on, if it waits.
    operation_base* waits_on() const noexcept { return operation_; }
    /// The newest of the groups that were made in it.
    branch_owner* newest_group() const noexcept { return newest_group_; }
    /// Its name and bindings, which few branches have: core/branch_notes.hpp. Null: none.
    branch_notes* notes() const noexcept { return notes_; }
    branch_notes& make_notes() {
        if (!notes_) notes_ = new branch_notes;
        return *notes_;
    }
    /// The innermost binding that is in force in this branch, or null.
    binding* bindings() const noexcept;
    /// Puts the bindings of the branch that runs now in force here.
    void inherit_bindings() {
        if (binding::alive == 0 || !this_execution.current) return;
        if (auto* inherited = this_execution.current->bindings()) {
            inherited->keep();
            make_notes().bindings = inherited;
        }
    }
    const char* name() const noexcept { return notes_ && notes_->name ? notes_->name : ""; }
    /// Where it was cancelled, if it was.
    std::source_location cancelled_at() const noexcept { return cancelled_at_; }

    /// The error that it ended with, if it did.
    virtual std::exception_ptr error() const noexcept = 0;

    // For operations.

    /// Begins `op` for the frame `waiter` (null: for this branch itself). Returns whether the
    /// branch waits now; if not, it goes on with `op.await_resume()`.
    template <class Op>
    bool begin(Op& op, frame* waiter) noexcept;
    /// As `begin`, for operations that start by a transfer. Null: it does not wait.
    template <class Op>
    std::coroutine_handle<> begin_transfer(Op& op, frame* waiter) noexcept;

    /// The operation is complete: the branch receives its result when its turn comes.
    void ready() noexcept {
        assert(operation_);
        operation_ = nullptr;
        loop().enqueue(*this);
    }
    /// As `ready`, but it runs next: for the end of a single child.
    void ready_next() noexcept {
        assert(operation_);
        operation_ = nullptr;
        leave_queue();
        loop().run_next(*this);
    }
    /// The operation was withdrawn and had no effect: the branch ends here.
    void stop() noexcept {
        operation_ = nullptr;
        flags_ |= stopping_flag;
        loop().enqueue(*this);
    }

    /// As `ready_next`, from within an `await_suspend`: continues with it right there, if it has
    /// frames and the turn has lasted not too long.
    std::coroutine_handle<> resume_here() noexcept;

    /// Whether this is `outer` or one of the branches that run in its place, at any depth.
    bool is_within(const branch& outer) const noexcept;
    /// The branch in whose place this one runs: spawned, or the outermost. It has the name.
    branch& task() noexcept;

    // For coroutines.

    /// Continues with `target`, a frame of this branch, without using up the stack.
    std::coroutine_handle<> transfer(frame& target) noexcept;
    /// The outermost frame has ended. Its branch ends when the stack has unwound.
    [[gnu::noinline]] std::coroutine_handle<> finish(frame& outermost) noexcept {
        leaf_ = &outermost; // the only one that is left, should it be dropped now
        flags_ |= ended_flag;
        loop().run_next(*this);
        return std::noop_coroutine();
    }
    bool is_destroying() const noexcept { return flags_ & destroying_flag; }
    /// Whether it ends as soon as the groups that were made in it have ended.
    bool is_joining() const noexcept { return flags_ & joining_flag; }
    void set_leaf(frame& leaf) noexcept {
        leaf_ = &leaf;
        flags_ |= frames_flag;
    }

protected:
    explicit branch(branch_owner& owner) noexcept : owner_(&owner) { flags_ = branch_flag; }
    ~branch();

    /// Starts what the branch runs. Null: it is complete already; else what to resume.
    virtual std::coroutine_handle<> start() noexcept = 0;
    /// All frames are gone or at their end: keep the outcome, destroy the rest, and `report`.
    virtual void end(ending how) noexcept = 0;
    /// Tells the owner, who may destroy this branch.
    void report(ending how) noexcept {
        owner_->forget(*this);
        owner_->child_ended(*this, how);
    }

    /// What a derived class calls to start it now, from within its parent. Null: it is complete,
    /// and the caller has to `collect`.
    std::coroutine_handle<> start_now() noexcept {
        flags_ |= started_flag;
        this_execution.current = this;
        return start();
    }
    void set_done() noexcept { flags_ |= done_flag; }
    void set_owner(branch_owner& owner) noexcept { owner_ = &owner; }

private:
    friend branch_owner;
    friend scheduler;

    enum : unsigned {
        cancel_flag = 1,     // a cancel was requested
        stopping_flag = 2,   // it will be destroyed when its turn comes
        destroying_flag = 4, // its frames are being destroyed
        started_flag = 8,
        done_flag = 16,
        joining_flag = 32, // stopping, but its groups must end first
        frames_flag = 64,  // it waits in a frame
        ended_flag = 128,  // its outermost frame has ended
        branch_flag = 256, // a runnable that is a branch
    };

    void run() noexcept final;
    void unwind() noexcept;
    bool cancel_groups() noexcept;
    void destroy(ending how) noexcept;
    bool is_running() const noexcept {
        return !operation_ && !is_queued() && is_started() && !is_done() && !(flags_ & joining_flag);
    }
    branch* newest_child() const noexcept;
    static void cancel_waiting(scheduler& loop) noexcept;
    [[gnu::cold]] bool stop_before_operation(frame* waiter) noexcept;
    [[gnu::noinline]] std::coroutine_handle<> bounce(frame& target) noexcept {
        leaf_ = &target;
        loop().run_next(*this);
        return std::noop_coroutine();
    }

    branch_owner* owner_;
    frame* leaf_ = nullptr;
    operation_base* operation_ = nullptr;
    branch_owner* newest_group_ = nullptr;
    branch_notes* notes_ = nullptr;
    std::source_location cancelled_at_;
};

// Implementation ------------------------------------------------------------

inline branch::~branch() {
    // Groups of which somebody else takes care outlive the branch that made them.
    while (newest_group_) newest_group_->leave_branch();
    delete notes_;
}

inline scheduler& branch::loop() const noexcept { return owner_->loop(); }

inline binding* branch::bindings() const noexcept {
    if (binding::alive == 0) return nullptr;
    for (const branch* each = this; each; each = each->owner().parent())
        if (each->notes_ && each->notes_->bindings) return each->notes_->bindings;
    return nullptr;
}

template <class Op>
bool branch::begin(Op& op, frame* waiter) noexcept {
    if (flags_ & (cancel_flag | destroying_flag)) [[unlikely]]
        return stop_before_operation(waiter);
    op.branch_ = this;
    operation_ = &op; // first: `start` may be what cancels this branch
    if (!op.start(*this)) {
        leaf_ = waiter;
        return true;
    }
    operation_ = nullptr;
    if (--this_execution.budget != 0) [[likely]]
        return false;
    leaf_ = waiter;
    if constexpr (requires { op.postponed(); }) op.postponed(); // see operation
    loop().enqueue(*this);
    return true;
}

template <class Op>
std::coroutine_handle<> branch::begin_transfer(Op& op, frame* waiter) noexcept {
    if (flags_ & (cancel_flag | destroying_flag)) [[unlikely]] {
        stop_before_operation(waiter);
        return std::noop_coroutine();
    }
    leaf_ = waiter; // first: what it starts may be the end of this
    op.branch_ = this;
    operation_ = &op;
    if (auto next = op.start(*this)) return next;
    operation_ = nullptr;
    this_execution.current = this;
    if (--this_execution.budget != 0) [[likely]]
        return nullptr;
    if constexpr (requires { op.postponed(); }) op.postponed();
    loop().enqueue(*this);
    return std::noop_coroutine();
}

inline std::coroutine_handle<> branch::resume_here() noexcept {
    if (!leaf_ || --this_execution.budget == 0) {
        ready();
        return std::noop_coroutine();
    }
    operation_ = nullptr;
    this_execution.current = this;
    return transfer(*leaf_);
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

inline std::coroutine_handle<> branch::transfer(frame& target) noexcept {
    // The compilers keep the tail call of a symmetric transfer in some modes only; in the others
    // each one leaves its stack behind. An address is exact where a counter would guess.
    if (reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) >
        this_execution.stack_limit) [[likely]]
        return target.handle();
    return bounce(target);
}

inline bool branch::stop_before_operation(frame* waiter) noexcept {
    if (flags_ & destroying_flag)
        terminate_with("a destructor threw while a cancel destroyed its coroutine");
    leaf_ = waiter;
    stop();
    return true;
}

inline void branch::run() noexcept {
    if (flags_ & ended_flag)
        end(ending::finished);
    else if (flags_ & stopping_flag)
        unwind();
    else if (flags_ & started_flag) // and has no frames
        end(ending::finished);
    else if (auto first = start_now())
        first.resume();
    else
        end(ending::finished);
}

inline void scheduler::run(runnable& item) noexcept {
    auto& thread = this_execution;
    thread.budget = completions_per_resumption;
    constexpr unsigned special = branch::ended_flag | branch::stopping_flag | branch::frames_flag;
    if ((item.flags_ & special) == branch::frames_flag) [[likely]] {
        auto& waiting = static_cast<branch&>(item);
        thread.current = &waiting;
        waiting.leaf_->handle().resume();
    } else {
        thread.current = item.flags_ & branch::branch_flag ? static_cast<branch*>(&item) : nullptr;
        item.run();
    }
}

inline std::size_t scheduler::run_ready() noexcept {
    auto& thread = this_execution;
    const execution outer = std::exchange(
        thread, execution{nullptr, this,
                          reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) -
                              stack_allowance_,
                          nullptr, 0});
    intrusive_list<runnable> turn;
    turn.append(ready_);
    std::size_t count = 0;
    while (!turn.empty()) {
        run(turn.pop_front());
        while (next_) run(*std::exchange(next_, nullptr));
        if (++count % resumptions_per_breath == 0) breathe();
    }
    thread = outer;
    return count;
}

inline void branch::cancel(std::source_location at) noexcept {
    if (flags_ & (cancel_flag | done_flag)) return;
    flags_ |= cancel_flag;
    cancelled_at_ = at;
    if (!(flags_ & started_flag)) {
        flags_ |= stopping_flag; // it is queued: its turn will be its end
    } else if (operation_) {
        // Asked one after the other, not by recursion: forks may be nested without limit.
        auto& here = loop();
        here.cancelling_.push_back(*this);
        cancel_waiting(here);
    }
}

inline void branch::cancel_waiting(scheduler& loop) noexcept {
    if (loop.is_cancelling_) return;
    loop.is_cancelling_ = true;
    // Those below one that is asked come before those beside it: the newest first, all the way.
    intrusive_list<runnable> beside;
    while (!loop.cancelling_.empty()) {
        auto& next = static_cast<branch&>(loop.cancelling_.pop_front());
        beside.append(loop.cancelling_);
        if (next.operation_->withdraw()) next.stop();
        loop.cancelling_.append(beside);
    }
    loop.is_cancelling_ = false;
}

// Its turn to end: groups made in it end first, because their children may refer to its locals.
inline void branch::unwind() noexcept {
    if (cancel_groups()) {
        flags_ |= joining_flag;
        return;
    }
    flags_ &= ~joining_flag;
    destroy(ending::cancelled);
}

inline bool branch::cancel_groups() noexcept {
    bool busy = false;
    for (auto* group = newest_group_; group; group = group->older_) {
        group->cancel_for_parent(cancelled_at_);
        busy = busy || group->is_busy();
    }
    return busy;
}

// From the leaf, by a loop: a chain of any depth is destroyed in no stack. The awaiter in the frame
// above owns the frame that is gone: it finds the address in `destroyed`, and lets go of it.
inline void branch::destroy(ending how) noexcept {
    auto& thread = this_execution;
    const auto outer = thread;
    flags_ |= destroying_flag;
    operation_ = nullptr; // it dies first; a destructor of an outer frame may cancel this branch
    thread.current = this;
    thread.loop = &loop();
    thread.destroyed = nullptr;
    for (auto* each = std::exchange(leaf_, nullptr); each;) {
        auto* above = each->parent;
        each->handle().destroy();
        thread.destroyed = each;
        each = above;
    }
    end(how); // may destroy this branch
    thread.current = outer.current;
    thread.loop = outer.loop;
    thread.destroyed = outer.destroyed;
}

inline branch* branch::newest_child() const noexcept {
    if (operation_)
        if (auto* below = operation_->children(); below && below->has_children())
            return below->children().last();
    for (auto* group = newest_group_; group; group = group->older_)
        if (group->has_children()) return group->children().last();
    return nullptr;
}

// Post-order over the branches below, by a loop.
inline void branch::drop() noexcept {
    for (branch* each = this;;) {
        if (auto* below = each->newest_child()) {
            each = below;
            continue;
        }
        if (each == this_execution.current || each->is_running())
            terminate_with("a coroutine was destroyed while it runs: by its own group or handle?");
        const bool last = each == this;
        auto* above = each->owner_->parent_;
        each->leave_queue();
        each->destroy(ending::dropped);
        if (last) return;
        each = above;
    }
}

inline void branch_owner::cancel_children(std::source_location at) noexcept {
    for (auto* each = children_.last(); each;) {
        // A cancel ends nobody before its turn, so the list stays as it is.
        auto* older = children_.before(*each);
        each->cancel(at);
        each = older;
    }
}

inline void branch_owner::drop_children() noexcept {
    while (!children_.empty()) children_.back().drop();
}

inline void branch_owner::join_branch(branch& maker) noexcept {
    parent_ = &maker;
    registered_ = true;
    older_ = maker.newest_group_;
    if (older_) older_->newer_ = this;
    maker.newest_group_ = this;
}

inline void branch_owner::adopt(branch& child) noexcept { children_.push_back(child); }

inline void branch_owner::forget(branch& child) noexcept {
    static_cast<list_hook<sibling>&>(child).unlink();
}

inline void branch_owner::enqueue(branch& child) noexcept { loop_->enqueue(child); }

inline void branch_owner::leave_branch() noexcept {
    if (!registered_) return;
    (newer_ ? newer_->older_ : parent_->newest_group_) = older_;
    if (older_) older_->newer_ = newer_;
    older_ = newer_ = nullptr;
    parent_ = nullptr;
    registered_ = false;
}

inline void branch_owner::emptied() noexcept {
    if (registered_ && parent_->is_joining()) loop_->enqueue(*parent_);
}

} // namespace weft
