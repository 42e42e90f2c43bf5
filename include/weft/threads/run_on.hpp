// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>

#include <weft/core/awaitable.hpp>
#include <weft/core/child.hpp>
#include <weft/core/error.hpp>
#include <weft/core/fork.hpp>
#include <weft/core/prepared.hpp>
#include <weft/core/raise.hpp>
#include <weft/core/scheduler.hpp>
#include <weft/coro/group.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/post.hpp>
#include <weft/threads/errand.hpp>

namespace weft {

/// Runs `f(args...)`, as `spawn` does, on the loop of another thread, and returns its result here.
///
///     weft::event_loop storage;                       // runs on a thread of its own
///     ...
///     auto rows = co_await weft::run_on(storage.handle(), &query, text);
///
/// Nothing but `f`, the arguments and the result travels: the coroutine's frames are made,
/// resumed and destroyed over there. Its own loop will do as well.
///
/// Errors    Rethrows what it threw, as it is. Throws `error` (errc::closed) if that loop is gone,
///           is ending, or is destroyed meanwhile; `cancelled_error` if its `run` ended and
///           cancelled it. A loop that nobody runs is waited for.
/// Lifetime  What `f` refers to must live until this completes.
/// Cancel    Cancels it over there, and waits for its end; if it ends with a result after all,
///           that is delivered. A drop cancels it too and does not wait.
template <class F, class... Args>
    requires std::invocable<F&, Args...>
auto run_on(loop_handle there, F f, Args... args);

/// The errand of running `f(args...)` on another loop.
template <class F, class... Args>
class remote_call final : public errand<call_result_t<F, Args...>> {
    using body = bound_call<F, Args...>;

public:
    static constexpr const char* description = "run_on";

    explicit remote_call(loop_handle there, F callable, Args... args)
        : there_(std::move(there)), body_(std::move(callable), std::move(args)...) {}

    void send() noexcept {
        if (there_.enqueue_threadsafe(beginning_)) return;
        give_up();
        this->finish();
    }
    bool recall() noexcept {
        if (!std::exchange(recalled_, true)) {
            this->keep();
            if (!there_.enqueue_threadsafe(cancelling_)) this->release();
        }
        return false;
    }

private:
    // Over there: the branch that runs the body is a child of this, and can be cancelled.
    class stay final : public fork_operation<stay> {
    public:
        explicit stay(remote_call* call) : call_(call), child_(*this, std::move(call->body_)) {
            call_->stay_ = this;
        }
        ~stay() {
            this->drop_children();
            call_->stay_ = nullptr;
        }

        std::coroutine_handle<> start(branch& parent) noexcept {
            if (!call_->cancelled_) return this->start_only(parent, child_);
            call_->result.set_cancelled();
            return nullptr;
        }
        void on_child(branch&, ending) noexcept {
            guarded([&] { call_->result = std::move(child_.outcome()); },
                    [&](std::exception_ptr error) { call_->result.set_error(std::move(error)); });
        }
        bool has_result() const noexcept { return true; }
        void await_resume() const noexcept {}
        const char* describe() const noexcept override { return "run_on"; }

    private:
        remote_call* call_;
        child<body> child_;
    };
    // What is spawned there. It goes home when it is destroyed, however it ended.
    class visit {
    public:
        explicit visit(remote_call* call) noexcept : call_(call) {}
        visit(visit&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {}
        ~visit() {
            if (!call_) return;
            if (call_->result.is_pending()) call_->give_up();
            call_->finish();
        }
        auto operator()() noexcept { return prepared<stay, remote_call*>(call_); }

    private:
        remote_call* call_;
    };
    class beginning final : public runnable {
    public:
        explicit beginning(remote_call& call) noexcept : call_(&call) {}
        void run() noexcept override {
            guarded([this] { this_loop().spawn(visit(call_)); },
                    [](const std::exception_ptr&) {}); // the visit is over
        }
        void discard() noexcept override { const visit unbegun(call_); }

    private:
        remote_call* call_;
    };
    class cancelling final : public runnable {
    public:
        explicit cancelling(remote_call& call) noexcept : call_(&call) {}
        void run() noexcept override {
            call_->cancelled_ = true;
            if (call_->stay_) call_->stay_->cancel_children(std::source_location::current());
            call_->release();
        }
        void discard() noexcept override { call_->release(); }

    private:
        remote_call* call_;
    };

    void give_up() noexcept {
        this->result.set_error(make_error(errc::closed, "run_on: that loop is gone"));
    }

    loop_handle there_;
    bool recalled_ = false; // the waiter's side
    beginning beginning_{*this};
    cancelling cancelling_{*this};
    body body_;
    stay* stay_ = nullptr; // the other side, as `cancelled_`
    bool cancelled_ = false;
};

template <class F, class... Args>
    requires std::invocable<F&, Args...>
auto run_on(loop_handle there, F f, Args... args) {
    return prepared<errand_operation<remote_call<F, Args...>>, loop_handle, F, Args...>(
        std::move(there), std::move(f), std::move(args)...);
}

} // namespace weft
