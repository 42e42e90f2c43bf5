// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <source_location>
#include <utility>

#include <weft/core/branch_base.hpp>
#include <weft/core/branch_owner.hpp>
#include <weft/core/intrusive_list.hpp>
#include <weft/core/raise.hpp>
#include <weft/core/scheduler.hpp>
#include <weft/core/source_place.hpp>

// How branches end: cancelled, by the loop, clean-ups first; or dropped, at once. Neither recurses,
// however deep the forks are nested and the coroutines are chained.
namespace weft {

inline branch::~branch() {
    if (!attached_.empty()) [[unlikely]]
        leave_behind();
}

[[gnu::noinline]] inline void branch::leave_behind() noexcept {
    // Groups of which somebody else takes care outlive the branch that made them.
    while (auto* group = newest_group()) group->leave_branch();
    delete notes();
}

inline void branch::cancel(std::source_location at) noexcept {
    if (flags_ & (cancel_flag | done_flag)) return;
    flags_ |= cancel_flag;
    set_cancelled_at(to_place(at));
    if (!(flags_ & started_flag)) {
        flags_ |= stopping_flag; // it is queued: its turn will be its end
    } else if (at_.operation) { // else it runs, or is ready: until its next operation
        ask_to_end();
    }
}

// One after the other, not by recursion: forks may be nested without limit. Who waits in a queue
// by its own links, which it needs for that, leaves the queue at once. Whom that lets go on is told
// in its turn: they may be about to be cancelled, too.
[[gnu::noinline]] inline void branch::ask_to_end() noexcept {
    if (is_queued()) leave_parking();
    flags_ |= asking_flag;
    auto& here = loop();
    here.cancelling_.push_back(*this);
    cancel_waiting(here);
}

inline void branch::leave_parking() noexcept {
    leave_queue();
    flags_ |= left_flag;
    at_.operation->left_queue();
}

inline bool branch::withdraw() noexcept {
    if (!(flags_ & left_flag)) return at_.operation->withdraw();
    flags_ &= ~left_flag;
    std::exchange(at_.operation, nullptr)->serve_others();
    return true;
}

// As a rule siblings are cancelled at one place, and the owner keeps it.
inline void branch::set_cancelled_at(source_place at) noexcept {
    auto& usual = owner_->cancelled_at_;
    if (!usual) usual = at;
    if (usual != at)
        guarded([&] { make_notes().cancelled_at = at; },
                [](const std::exception_ptr&) {}); // no memory: it says its siblings' place
}

inline std::source_location branch::cancelled_at() const noexcept {
    source_place at = nullptr;
    if (auto* has = notes()) at = has->cancelled_at;
    if (!at && cancel_requested()) at = owner_->cancelled_at_;
    return to_location(at);
}

inline void branch::cancel_waiting(scheduler& loop) noexcept {
    if (loop.asked_) return;
    // Those below one that is asked come before those beside it: the newest first, all the way.
    intrusive_list<runnable> beside;
    while (!loop.cancelling_.empty()) {
        auto& next = static_cast<branch&>(loop.cancelling_.pop_front());
        beside.append(loop.cancelling_);
        loop.asked_ = &next;
        if (next.withdraw()) next.stop();
        loop.cancelling_.append(beside);
    }
    loop.asked_ = nullptr;
}

// Its turn to end: groups made in it end first, because their children may refer to its locals.
[[gnu::noinline]] inline void branch::unwind() noexcept {
    if (cancel_groups()) {
        flags_ |= joining_flag;
        return;
    }
    flags_ &= ~joining_flag;
    destroy(ending::cancelled);
}

inline bool branch::cancel_groups() noexcept {
    bool busy = false;
    for (auto* group = newest_group(); group; group = group->older_group()) {
        group->cancel_for_parent(cancelled_at());
        busy = busy || group->is_busy();
    }
    return busy;
}

// From the leaf, by a loop: a chain of any depth is destroyed in no stack. The awaiter in the frame
// above owns the frame that is gone: it finds it in `destroyed`, and lets go of it.
inline void branch::destroy(ending how) noexcept {
    auto& thread = this_execution;
    const auto outer = thread;
    flags_ |= destroying_flag;
    at_.operation = nullptr; // it dies first; a destructor of an outer frame may cancel this branch
    thread.current = this;
    thread.loop = &loop();
    thread.destroyed = nullptr;
    // No transfer succeeds: a frame whose destructor threw must not reach its parent.
    thread.stack_limit = UINTPTR_MAX;
    // A frame that has not begun is left to `end`: there may be many more below it.
    for (auto* each = is_started() ? std::exchange(at_.leaf, nullptr) : nullptr; each;) {
        auto* above = each->above();
        const auto coroutine = each->handle();
        coroutine.destroy();
        thread.destroyed = coroutine;
        each = above;
    }
    end(how); // may destroy this branch
    thread.current = outer.current;
    thread.loop = outer.loop;
    thread.destroyed = outer.destroyed;
    thread.stack_limit = outer.stack_limit;
}

inline branch* branch::newest_child() const noexcept {
    if (auto* op = waits_on())
        if (auto* below = op->children(); below && below->has_children())
            return below->children().last();
    for (auto* group = newest_group(); group; group = group->older_group())
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
        auto& here = each->loop();
        if (each == this_execution.current || each == here.asked_ || each->is_running())
            terminate_with("a coroutine was destroyed while it runs: by its own group or handle?");
        const bool last = each == this;
        auto* above = each->owner_->parent_;
        if (each->is_parked()) each->leave_parking();
        if (each->flags_ & left_flag) each->withdraw();
        each->leave_queue();
        if (here.next_ == each) here.next_ = nullptr;
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
    maker.attached_.add(*this);
}

inline void branch_owner::adopt(branch& child) noexcept {
    if (children_.empty()) cancelled_at_ = nullptr; // of children that are gone
    children_.push_back(child);
}

inline void branch_owner::forget(branch& child) noexcept {
    static_cast<list_hook<sibling>&>(child).unlink();
}

inline void branch_owner::enqueue(branch& child) noexcept { loop_->append(child); }

inline void branch_owner::leave_branch() noexcept {
    if (!is_attached()) return;
    detach();
    parent_ = nullptr;
}

inline void branch_owner::emptied() noexcept {
    if (is_attached() && parent_->is_joining()) loop_->enqueue(*parent_);
}

} // namespace weft
