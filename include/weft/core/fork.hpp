// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>
#include <source_location>

#include <weft/core/branch.hpp>
#include <weft/core/child.hpp>
#include <weft/core/operation.hpp>

namespace weft {

/// The base of an operation that runs branches and waits for all of them to end.
///
/// A derived class has `child`s, a `start(branch&)` that calls `start_only` or `start_all`, and
/// says what each end means:
///
///     void on_child(branch&, ending) noexcept;   // it may cancel the others
///     bool has_result() const noexcept;          // in a cancelled branch: deliver, or stop?
///     bool is_waiting() const noexcept;          // optional: for more than the children
///
/// Order   A single child is started by a transfer, and its end continues the parent at once;
///         several are started in their order through the queue, and the last one's end puts the
///         parent at the end of the queue.
/// Cancel  The children are cancelled, newest first; the parent goes on when all have ended.
template <class Derived>
class fork_operation : public operation<Derived>, public branch_owner {
public:
    bool withdraw() noexcept override {
        cancel_children(this->waiter()->cancelled_at());
        return false;
    }
    branch_owner* children() noexcept override { return this; }

    void child_ended(branch& child, ending how) noexcept override {
        if (how == ending::dropped) return; // so are the parent and this
        derived().on_child(child, how);
        finish_if_complete();
    }

protected:
    fork_operation() noexcept = default;
    ~fork_operation() { drop_children(); }

    /// Starts one child, in place of the parent.
    template <class Child>
    std::coroutine_handle<> start_only(branch& parent, Child& only) noexcept {
        single_ = true;
        attach(parent.loop(), &parent);
        adopt(only);
        auto next = only.start_here();
        if (!next) {
            forget(only);
            derived().on_child(only, ending::finished);
            if (!is_complete()) return std::noop_coroutine(); // there is more, by `on_child`
        }
        return next;
    }

    /// Starts the children in their order, when the parent waits. Precondition: at least one.
    template <class Each>
    void start_all(branch& parent, Each&& each_child) noexcept {
        attach(parent.loop(), &parent);
        each_child([this](branch& child) {
            adopt(child);
            enqueue(child);
        });
    }

    /// A part of it has ended: goes on with the parent if it was the last.
    void finish_if_complete() noexcept {
        if (is_complete()) finish();
    }

    /// Starts one more child when its turn comes.
    void start_later(branch& child) noexcept {
        adopt(child);
        enqueue(child);
    }
    /// Starts one more child as soon as the stack has unwound.
    void start_next(branch& child) noexcept {
        adopt(child);
        loop().run_next(child);
    }

private:
    Derived& derived() noexcept { return static_cast<Derived&>(*this); }

    bool is_complete() noexcept {
        if constexpr (requires { derived().is_waiting(); })
            if (derived().is_waiting()) return false;
        return !has_children();
    }

    void finish() noexcept {
        auto& parent = *this->waiter();
        if (parent.cancel_requested() && !derived().has_result())
            parent.stop();
        else if (single_)
            parent.ready_next();
        else
            parent.ready();
    }

    bool single_ = false;
};

} // namespace weft
