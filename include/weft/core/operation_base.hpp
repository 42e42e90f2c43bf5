// SPDX-License-Identifier: MIT
#pragma once

namespace weft {

class branch;
class branch_owner;

/// Anything that suspends a branch: it lives in the frame that awaits it, or in the owner of a
/// branch that has no frame. Derive from `operation`, in core/operation.hpp.
class operation_base {
public:
    /// Asks it to be withdrawn, because its branch is cancelled. True: it had no effect, never
    /// will, and forgets the branch. False: it ends later, and calls `ready` or `stop` then.
    virtual bool withdraw() noexcept = 0;
    /// Instead, of one whose branch waited in a queue by its own links: it has left that.
    virtual void left_queue() noexcept {}
    /// Afterwards, when its turn to be withdrawn has come: others may go on because it has left.
    virtual void serve_others() noexcept {}
    /// It was woken there, and has said that this is not the end of its waiting: see `wait_queue`.
    virtual void proceed(branch&) noexcept {}
    /// Whether it may be handed something there.
    virtual bool can_be_served() const noexcept { return false; }
    /// The branches that it waits for, if it waits for branches.
    virtual branch_owner* children() noexcept { return nullptr; }
    /// The branch whose doing it waits for, if it is known and none of `children`: the child that
    /// is joined. For the dump.
    virtual branch* waits_for() const noexcept { return nullptr; }
    /// The branch that took the lock it waits for. It may have ended since, and left the lock to
    /// somebody else: only its address means anything.
    virtual const branch* locked_by() const noexcept { return nullptr; }
    /// What it is, for the dump: "sleep", "mutex.lock".
    virtual const char* describe() const noexcept { return "operation"; }

    operation_base(const operation_base&) = delete;

protected:
    operation_base() noexcept = default;
    ~operation_base() = default;
};

/// An operation that knows the branch it suspends, from when it begins.
class waiting_operation : public operation_base {
protected:
    waiting_operation() noexcept = default;
    ~waiting_operation() = default;

    branch* waiter() const noexcept { return branch_; }

private:
    friend branch;
    branch* branch_ = nullptr;
};

} // namespace weft
