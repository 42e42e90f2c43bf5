// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>
#include <utility>

#include <weft/core/attachment.hpp>
#include <weft/core/branch_notes.hpp>
#include <weft/core/branch_owner.hpp>
#include <weft/core/frame.hpp>
#include <weft/core/intrusive_list.hpp>
#include <weft/core/operation_base.hpp>
#include <weft/core/raise.hpp>
#include <weft/core/scheduler.hpp>
#include <weft/core/source_place.hpp>

namespace weft {

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
    frame* leaf() const noexcept { return is_done() ? nullptr : at_.leaf; }
    /// What it waits on, if it waits.
    operation_base* waits_on() const noexcept { return is_done() ? nullptr : at_.operation; }
    /// The newest of the groups that were made in it.
    branch_owner* newest_group() const noexcept {
        return static_cast<branch_owner*>(attached_.newest(attachment::kind::group));
    }
    /// Its name and bindings, which few branches have: core/branch_notes.hpp. Null: none.
    branch_notes* notes() const noexcept {
        return flags_ & notes_flag ? static_cast<branch_notes*>(&attached_.front()) : nullptr;
    }
    branch_notes& make_notes();
    /// The innermost binding that is in force in this branch, or null.
    binding* bindings() const noexcept;
    /// Puts the bindings of the branch that runs now in force here.
    void inherit_bindings() {
        if (binding::alive == 0 || !this_execution.current) return;
        if (auto* inherited = this_execution.current->bindings()) {
            make_notes().bindings = inherited; // which may throw
            inherited->keep();
        }
    }
    const char* name() const noexcept {
        auto* has = notes();
        return has && has->name ? has->name : "";
    }
    /// Where it was cancelled, if it was.
    std::source_location cancelled_at() const noexcept;

    /// Whether it ended with an error, and with which.
    bool has_failed() const noexcept { return flags_ & failed_flag; }
    virtual std::exception_ptr error() const noexcept = 0;
    /// For the destructor of who should have taken the error, and was dropped before.
    void report_lost_error() const noexcept { report_lost_error(name()); }
    void report_lost_error(const char* as) const noexcept {
        if (!has_failed()) return;
        auto lost = error();
        if (!lost) return;
        auto* known = notes();
        if (auto* home = known && known->home ? known->home->alive(&this_execution) : nullptr)
            home->lost(std::move(lost), as);
        else
            report_unhandled(std::move(lost), as);
    }
    /// It has failed, and a handle keeps the error, which may be dropped when no loop runs: lets
    /// that be told to `here`.
    [[gnu::cold]] void remember_home(scheduler& here) noexcept {
        guarded(
            [&] {
                auto& mark = here.mark();
                make_notes().home = &mark; // which may throw
                mark.keep();
            },
            [](const std::exception_ptr&) {}); // no memory: whatever loop runs then is told
    }

    // For operations.

    /// The first of the bits that the operation it waits on keeps here, where there is room.
    static constexpr unsigned operation_flag = 1u << 20;
    bool has(unsigned flag) const noexcept { return flags_ & flag; }
    void set(unsigned flag, bool on = true) noexcept {
        flags_ = on ? flags_ | flag : flags_ & ~flag;
    }

    /// Begins `op` for the frame `waiter` (null: for this branch itself). Returns whether the
    /// branch waits now; if not, it goes on with `op.await_resume()`.
    template <class Op>
    bool begin(Op& op, frame* waiter) noexcept;
    /// Starts `op`. Returns whether it is complete; if not, it must be destroyed at once.
    template <class Op>
    bool attempt(Op& op) noexcept;
    /// As `begin`, for operations that start by a transfer. Null: it does not wait.
    template <class Op>
    std::coroutine_handle<> begin_transfer(Op& op, frame* waiter) noexcept;

    /// `op`, which begins, will wait by the branch's own links in some queue: who takes the branch
    /// out of that says `go_on`.
    void park(operation_base& op) noexcept { at_.operation = &op; }
    /// As `ready`, of a branch that was taken out of the queue in which it was parked.
    void go_on() noexcept {
        at_.operation = nullptr;
        loop().append(*this);
    }
    /// The operation is complete: the branch receives its result when its turn comes.
    void ready() noexcept {
        // Queued it may be with an operation: that one is still to be asked, but a branch that was
        // asked before has given away what this one waited for. Completed beats cancelled.
        assert((at_.operation || !is_queued()) && "an operation is complete once");
        at_.operation = nullptr;
        loop().enqueue(*this);
    }
    /// As `ready`, but it runs next: for the end of a single child.
    void ready_next() noexcept {
        assert(at_.operation);
        at_.operation = nullptr;
        loop().run_next(*this);
    }
    /// The operation was withdrawn and had no effect: the branch ends here.
    void stop() noexcept {
        at_.operation = nullptr;
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

    // For coroutines. What is static is about the branch that runs.

    /// Continues with `target`, which is of that branch, without using up the stack.
    static std::coroutine_handle<> transfer(std::coroutine_handle<> target) noexcept;
    /// Continues behind a frame that is at its end: with who awaits it, or its branch ends, too.
    static std::coroutine_handle<> leave(frame& ended) noexcept;
    bool is_destroying() const noexcept { return flags_ & destroying_flag; }
    /// Whether an operation that begins now would have to stop: see `begin`.
    bool may_not_begin() const noexcept { return flags_ & (cancel_flag | destroying_flag); }
    /// A coroutine that is being destroyed goes on: an exception was caught in it.
    [[noreturn]] static void terminate_resumed() noexcept {
        terminate_with("a destructor threw while a cancel destroyed its coroutine");
    }
    /// Whether it ends as soon as the groups that were made in it have ended.
    bool is_joining() const noexcept { return flags_ & joining_flag; }
    /// In bytes: what a branch needs only until it is done, and derived classes may use then.
    static constexpr std::size_t room_size = 2 * sizeof(void*);
    void set_leaf(frame& leaf) noexcept {
        at_.leaf = &leaf;
        flags_ |= frames_flag;
    }

protected:
    explicit branch(branch_owner& owner) noexcept : owner_(&owner), at_() {
        flags_ = branch_flag;
    }
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
    /// Whether nothing that others made refers to it: no group, no notes, no queue.
    bool is_bare() const noexcept { return attached_.empty() && !is_queued(); }
    /// The frame that is left, which is the caller's from now on.
    frame* take_leaf() noexcept { return std::exchange(at_.leaf, nullptr); }
    void set_failed() noexcept { flags_ |= failed_flag; }

    // What derived classes keep here, because there is room: their bits, and a count of uses.
    enum : unsigned {
        made_flag = 1024,      // child: what it awaits has been made
        unmade_flag = 2048,    // child: making what it awaits has failed
        settled_flag = 4096,   // spawned: it has ended, and keeps how
        joined_flag = 8192,    // spawned: somebody has received the outcome
        starting_flag = 16384, // spawned: somebody waits for it to start
        received_flag = 65536, // spawned: its result was moved out
    };
    unsigned& uses() noexcept { return uses_; }
    /// Room in one that is done: see `room_size`.
    void* room() noexcept { return room_; }
    const void* room() const noexcept { return room_; }
    attachments& attached() noexcept { return attached_; }

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
        failed_flag = 512, // done, with an error
        notes_flag = 32768,
        asking_flag = 131072, // the loop is about to ask its operation to be withdrawn
        left_flag = 262144,   // which has left its queue already, and has only to tell others
    };
    void run() noexcept final { run_specially(); }
    void run_specially() noexcept {
        if (flags_ & ended_flag) {
            end(ending::finished);
        } else if (flags_ & stopping_flag) {
            unwind();
        } else if (flags_ & frames_flag) { // for the first time
            flags_ |= started_flag;
            at_.leaf->handle().resume();
        } else if (flags_ & started_flag) { // and has no frames
            end(ending::finished);
        } else if (auto first = start_now()) {
            first.resume();
        } else {
            end(ending::finished);
        }
    }
    void unwind() noexcept;
    bool cancel_groups() noexcept;
    void destroy(ending how) noexcept;
    bool is_running() const noexcept {
        // One that is done and has still an owner is just about to tell him.
        return is_done() || (!at_.operation && !is_queued() && loop().next_ != this &&
                             is_started() && !(flags_ & joining_flag));
    }
    bool is_parked() const noexcept {
        return at_.operation && is_queued() && !(flags_ & asking_flag);
    }
    void leave_parking() noexcept;
    bool withdraw() noexcept;
    void leave_behind() noexcept;
    branch* newest_child() const noexcept;
    void ask_to_end() noexcept;
    void set_cancelled_at(source_place at) noexcept;
    static void cancel_waiting(scheduler& loop) noexcept;
    [[gnu::cold]] bool stop_before_operation(frame* waiter) noexcept;
    static std::coroutine_handle<> bounce(std::coroutine_handle<> target) noexcept;
    static std::coroutine_handle<> finish(frame& outermost) noexcept;

    struct whereabouts {
        frame* leaf = nullptr;
        operation_base* operation = nullptr;
    };

    branch_owner* owner_;
    union { // `at_` until it is done
        whereabouts at_;
        std::byte room_[room_size];
    };
    attachments attached_;
};

} // namespace weft
