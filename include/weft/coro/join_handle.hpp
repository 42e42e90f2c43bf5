// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <exception>
#include <new>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>

#include <weft/core/attachment.hpp>
#include <weft/core/branch.hpp>
#include <weft/core/child.hpp>
#include <weft/core/error.hpp>
#include <weft/core/operation.hpp>
#include <weft/core/outcome.hpp>
#include <weft/core/prepared.hpp>

namespace weft {

namespace detail {

/// An operation that waits for a spawned child.
class joiner : public attachment {
public:
    virtual void child_done() noexcept = 0;

protected:
    joiner() noexcept : attachment(kind::joiner) {}
    ~joiner() = default;
};

/// Where a spawned child keeps how it ended: in the room of its branch, if it fits.
template <class T, bool Fits = sizeof(outcome<T>) <= branch::room_size>
class outcome_place {
protected:
    outcome_place() noexcept {}
    ~outcome_place() {}
    void* place() noexcept { return &outcome_; }

private:
    union {
        outcome<T> outcome_;
    };
};
template <class T>
class outcome_place<T, true> {};

} // namespace detail

/// A branch spawned by a group: it keeps its result for whoever has its handle.
template <class T>
class spawned_branch : public branch, private detail::outcome_place<T> {
public:
    /// Precondition: it has ended.
    weft::outcome<T>& outcome() noexcept {
        assert(this->has(this->settled_flag));
        return *std::launder(static_cast<weft::outcome<T>*>(outcome_address()));
    }
    std::exception_ptr error() const noexcept override {
        return this->has_failed() ? const_cast<spawned_branch*>(this)->outcome().error() : nullptr;
    }

    /// Handles and joins use it; when nobody does and it has ended, it is destroyed.
    void keep() noexcept { ++this->uses(); }
    void release() noexcept {
        if (forgo() && this->is_done()) dismiss();
    }

    /// The outcome, for who receives it: moved out, so that there is no second one.
    weft::outcome<T>& receive() noexcept {
        set_joined();
        if constexpr (!std::is_void_v<T> && !std::is_reference_v<T>) {
            assert((std::is_trivially_copyable_v<T> || !this->has(this->received_flag)) &&
                   "the result of a child is received once");
            this->set(this->received_flag, outcome().has_value());
        }
        return outcome();
    }
    /// Somebody has received the outcome: an error in it need not be reported.
    void set_joined() noexcept { this->set(this->joined_flag); }
    bool is_joined() const noexcept { return this->has(this->joined_flag); }
    /// The group has received the error.
    void set_error_taken() noexcept { set_joined(); }

    /// Somebody waits for it to call `started`: until then its errors are his.
    void set_starting(bool starting) noexcept { this->set(this->starting_flag, starting); }
    bool is_starting() const noexcept { return this->has(this->starting_flag); }

    /// Precondition: it has not ended.
    void add(detail::joiner& joiner) noexcept { this->attached().add(joiner); }

protected:
    explicit spawned_branch(branch_owner& owner) noexcept : branch(owner) {}
    ~spawned_branch() {
        if (this->has(this->settled_flag)) outcome().~outcome();
    }

    /// Ends a use; returns whether it was the last one.
    bool forgo() noexcept { return --this->uses() == 0; }
    /// It is done: where it keeps how it ended, from now on.
    weft::outcome<T>& make_outcome() noexcept {
        this->set(this->settled_flag);
        return *::new (outcome_address()) weft::outcome<T>();
    }

private:
    /// Destroys it, and reports an error that nobody has received.
    virtual void dismiss() noexcept = 0;

    void* outcome_address() noexcept {
        if constexpr (requires { this->place(); })
            return this->place();
        else
            return this->room();
    }
};

namespace detail {

/// Waits until a spawned child has ended. `As` says what is made of its outcome.
template <class T, class As>
class join_operation final : public operation<join_operation<T, As>>, public joiner {
public:
    explicit join_operation(spawned_branch<T>* child) noexcept : child_(child) { child_->keep(); }
    ~join_operation() {
        this->detach();
        child_->release();
    }

    bool start(branch& waiter) noexcept;
    bool withdraw() noexcept override {
        this->detach();
        return true;
    }
    void child_done() noexcept override { this->complete(); }
    const char* describe() const noexcept override { return "join"; }
    branch* waits_for() const noexcept override { return child_; }
    decltype(auto) await_resume() {
        if (own_) raise<deadlock_error>("a task waits for its own end");
        return As::result(*child_);
    }

private:
    spawned_branch<T>* child_;
    bool own_ = false;
};

struct as_value {
    template <class T>
    static T result(spawned_branch<T>& child) {
        return child.receive().take();
    }
};
struct as_outcome {
    template <class T>
    static outcome<T> result(spawned_branch<T>& child) {
        return std::move(child.receive());
    }
};
struct as_nothing {
    template <class T>
    static void result(spawned_branch<T>&) noexcept {}
};

} // namespace detail

/// What one has of a spawned child: to wait for it, to receive its result, to cancel it.
///
/// Ownership  The group owns the child. Destroying the handle neither joins nor cancels; it keeps
///            only the result alive. Move-only.
/// Errors     One that the group leaves to the handle is unhandled when that goes unjoined: told to
///            the child's loop, though it may not run, or if that is gone, to the one that runs.
/// Lifetime   It may outlive the group and the loop. What it returns to be awaited refers to the
///            child, and must begin before the handle is destroyed.
template <class T = void>
class join_handle {
public:
    join_handle() noexcept = default;
    explicit join_handle(spawned_branch<T>& child) noexcept : child_(&child) { child_->keep(); }
    join_handle(join_handle&& other) noexcept : child_(std::exchange(other.child_, nullptr)) {}
    join_handle& operator=(join_handle&& other) noexcept {
        join_handle(std::move(other)).swap(*this);
        return *this;
    }
    ~join_handle() {
        if (child_) child_->release();
    }

    void swap(join_handle& other) noexcept { std::swap(child_, other.child_); }

    /// Waits for the child and returns its result, once: it is moved out, and a second time nothing
    /// is left, which asserts where that could be noticed. `settled()` in a `try_for` waits for
    /// some time without giving the handle away.
    /// Errors  Rethrows the child's error as it is; throws `cancelled_error` if it was cancelled,
    ///         `deadlock_error` if it is the caller itself.
    /// Cancel  Leaves the child alone.
    /// Precondition  The handle is not empty.
    auto operator co_await() & noexcept { return join<detail::as_value>(); }
    auto operator co_await() && noexcept { return join<detail::as_value>(); }

    /// Waits until the child has ended in any way. Never throws the child's error; any number of
    /// times and of waiters. Cancelling the wait leaves the child alone.
    auto wait() noexcept { return description<detail::as_nothing>(); }

    /// Waits until the child has ended and returns how. Once, instead of `co_await`.
    auto settled() noexcept { return description<detail::as_outcome>(); }

    /// Returns the result of a child that has ended, without waiting: for outside of a coroutine.
    /// Once, instead of `co_await`.
    /// Errors  As `co_await`.
    /// Precondition  The handle is not empty, and `done()`.
    T take() {
        assert(child_ && child_->is_done() && "the result of a child that has not ended");
        return detail::as_value::result(*child_);
    }

    /// Asks the child to end; see `branch::cancel`. Returns at once.
    void cancel(std::source_location at = std::source_location::current()) noexcept {
        if (child_) child_->cancel(at);
    }

    /// Whether the child has ended. True for an empty handle.
    bool done() const noexcept { return !child_ || child_->is_done(); }

    std::string_view name() const noexcept { return child_ ? child_->name() : ""; }
    join_handle& set_name(std::string_view name) {
        assert(child_);
        child_->make_notes().set_name(name.data(), name.size());
        return *this;
    }

private:
    template <class As>
    auto join() noexcept {
        assert(child_ && "a join_handle that refers to no child");
        return detail::join_operation<T, As>(child_);
    }
    template <class As>
    auto description() noexcept {
        assert(child_ && "a join_handle that refers to no child");
        return prepared<detail::join_operation<T, As>, spawned_branch<T>*>(child_);
    }

    spawned_branch<T>* child_ = nullptr;
};

// Implementation ------------------------------------------------------------

template <class T, class As>
bool detail::join_operation<T, As>::start(branch& waiter) noexcept {
    if (child_->is_done()) return true;
    own_ = waiter.is_within(*child_);
    if (own_) return true;
    child_->add(*this);
    return false;
}

} // namespace weft
