// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <concepts>
#include <coroutine>
#include <exception>
#include <type_traits>
#include <utility>

#include <weft/core/branch_owner.hpp>
#include <weft/core/child.hpp>
#include <weft/core/error.hpp>
#include <weft/core/frame_pool.hpp>
#include <weft/core/intrusive_list.hpp>
#include <weft/core/operation.hpp>
#include <weft/coro/task.hpp>

namespace weft {

/// A task that any number of others may await: it runs once, starting with the first of them.
///
/// Ownership  The copies share it. The last one destroys it, where it is: a long chain of them that
///            have begun, each held by the next, takes stack when it is dropped or cancelled.
/// Lifetime   Not longer than the loop in which it began, unless it has ended.
/// Errors     Rethrown to everybody who awaits it: the same exception, which a group or fork that
///            gets it from several of its children takes for one.
/// Cancel     It runs in a branch of its own: cancelling somebody who awaits it leaves it and the
///            others alone.
template <class T = void>
class shared_task {
    class state;
    struct waiting;
    template <class Result>
    class join;

public:
    /// Empty: it cannot be awaited.
    shared_task() noexcept = default;
    explicit shared_task(task<T> body) : state_(new state(std::move(body))) {}
    shared_task(const shared_task& other) noexcept : state_(other.state_) {
        if (state_) state_->keep();
    }
    shared_task(shared_task&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    shared_task& operator=(const shared_task& other) noexcept {
        shared_task(other).swap(*this);
        return *this;
    }
    shared_task& operator=(shared_task&& other) noexcept {
        shared_task(std::move(other)).swap(*this);
        return *this;
    }
    ~shared_task() {
        if (state_) state_->release();
    }
    void swap(shared_task& other) noexcept { std::swap(state_, other.state_); }

    /// Waits for the result. Returns a reference to it, valid as long as a copy lives.
    /// Errors  Rethrows the error; throws `deadlock_error` in the task itself.
    auto operator co_await() const& noexcept {
        assert(state_ && "a shared_task that holds no task");
        return join<std::add_lvalue_reference_t<const T>>(*state_);
    }
    /// The same, but returns a copy of the result: nothing can dangle.
    auto operator co_await() && noexcept {
        assert(state_ && "a shared_task that holds no task");
        return join<T>(*state_);
    }

    /// Whether it has ended.
    bool done() const noexcept { return state_ && state_->done(); }

private:
    class joiner : public list_hook<waiting> {
    public:
        virtual void body_ended() noexcept = 0;

    protected:
        ~joiner() = default;
    };

    state* state_ = nullptr;
};

// Implementation ------------------------------------------------------------

template <class T>
class shared_task<T>::state final : public branch_owner, public frame_pool::allocated {
public:
    explicit state(task<T> body) : child_(*this, std::move(body)) {}
    ~state() {
        drop_children();
        if (!delivered_) child_.report_lost_error();
    }

    void keep() noexcept { ++uses_; }
    void release() noexcept {
        if (--uses_ == 0) delete this;
    }
    bool done() const noexcept { return child_.is_done(); }
    branch& body() noexcept { return child_; }
    bool runs(const branch& one) const noexcept { return one.is_within(child_); }

    void wait(joiner& one) noexcept { joiners_.push_back(one); }
    std::coroutine_handle<> start(branch& waiter) noexcept {
        if (child_.is_started()) return std::noop_coroutine();
        guarded([&] { child_.inherit_bindings(); }, [](std::exception_ptr) {});
        attach(waiter.loop(), nullptr);
        adopt(child_);
        auto next = child_.start_here();
        if (!next) {
            forget(child_);
            joiners_.clear();
        }
        return next;
    }
    void child_ended(branch& body, ending) noexcept override {
        if (body.has_failed()) body.remember_home(loop());
        while (!joiners_.empty()) joiners_.pop_front().body_ended();
    }
    auto& outcome() noexcept {
        delivered_ = true;
        return child_.outcome();
    }

private:
    class body_branch final : public child<task<T>> {
    public:
        using child<task<T>>::child;

    private:
        void end(ending how) noexcept override {
            if (how == ending::dropped) return child<task<T>>::end(how);
            auto& self = static_cast<state&>(this->owner());
            self.keep(); // the body may hold the last copy
            child<task<T>>::end(how);
            self.release();
        }
    };

    body_branch child_;
    intrusive_list<joiner, waiting> joiners_;
    unsigned uses_ = 1;
    bool delivered_ = false;
};

template <class T>
template <class Result>
class shared_task<T>::join final : public operation<join<Result>>, public joiner {
public:
    explicit join(state& shared) noexcept : shared_(shared) { shared_.keep(); }
    ~join() {
        this->unlink();
        shared_.release();
    }

    std::coroutine_handle<> start(branch& waiter) noexcept {
        own_ = shared_.runs(waiter);
        if (own_ || shared_.done()) return nullptr;
        shared_.wait(*this);
        return shared_.start(waiter);
    }
    bool withdraw() noexcept override {
        this->unlink();
        return true;
    }
    void body_ended() noexcept override { this->complete(); }
    const char* describe() const noexcept override { return "shared_task"; }
    branch* waits_for() const noexcept override { return &shared_.body(); }

    Result await_resume() {
        if (own_) raise<deadlock_error>("a shared_task waits for its own end");
        return static_cast<Result>(shared_.outcome().value());
    }

private:
    state& shared_;
    bool own_ = false;
};

} // namespace weft
