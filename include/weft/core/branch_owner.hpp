// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <source_location>

#include <weft/core/attachment.hpp>
#include <weft/core/intrusive_list.hpp>
#include <weft/core/scheduler.hpp>
#include <weft/core/source_place.hpp>

namespace weft {

struct sibling; // tag: a branch among its owner's children

/// How a branch ended: by itself (with a value or an error), or by being destroyed.
enum class ending { finished, cancelled, dropped };

/// Whoever starts branches owns them, and outlives them: a fork, a group, a loop.
class branch_owner : private attachment {
public:
    branch_owner(branch_owner&&) = delete;

    /// A child has ended; it is not among the children any more. If it was dropped, so is whoever
    /// waits for it.
    virtual void child_ended(branch& child, ending how) noexcept = 0;
    /// Why its children are cancelled, if it was the owner who did.
    virtual const char* reason(std::size_t& size) const noexcept {
        size = 0;
        return "";
    }

    /// Whether the children are spawned: they run beside the parent, not in its place.
    virtual bool spawns() const noexcept { return false; }

    /// Cancels the children, newest first.
    void cancel_children(std::source_location at) noexcept;
    /// Destroys the children, newest first, now.
    void drop_children() noexcept;

    bool has_children() const noexcept { return !children_.empty(); }
    const intrusive_list<branch, sibling>& children() const noexcept { return children_; }
    scheduler& loop() const noexcept { return *loop_; }
    /// The branch that waits for the children, or made the group; null: none.
    branch* parent() const noexcept { return parent_; }
    /// The group that the parent made before this one.
    branch_owner* older_group() const noexcept {
        return static_cast<branch_owner*>(older(kind::group));
    }

protected:
    branch_owner() noexcept : attachment(kind::group) {}
    ~branch_owner() { leave_branch(); }

    void attach(scheduler& loop, branch* parent) noexcept {
        loop_ = &loop;
        parent_ = parent;
    }
    void adopt(branch& child) noexcept;
    void forget(branch& child) noexcept;
    /// Starts `child` when its turn comes.
    void enqueue(branch& child) noexcept;

    /// Registers with the branch that runs: cancelling that one first cancels and joins this.
    void join_branch(branch& maker) noexcept;
    void leave_branch() noexcept;
    /// The last child has ended: a parent that waits for this to end itself goes on.
    void emptied() noexcept;
    /// A parent that was told to end asks its groups.
    virtual void cancel_for_parent(std::source_location at) noexcept { cancel_children(at); }
    /// Whether something of it, besides its children, has still to end.
    virtual bool is_busy() const noexcept { return has_children(); }

private:
    friend branch;

    intrusive_list<branch, sibling> children_;
    scheduler* loop_ = nullptr;
    branch* parent_ = nullptr;
    source_place cancelled_at_ = nullptr; // the first child that was; as a rule, all of them
};

} // namespace weft
