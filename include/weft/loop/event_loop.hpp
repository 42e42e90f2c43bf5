// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <weft/core/error.hpp>
#include <weft/core/scheduler.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/default_reactor.hpp>
#include <weft/loop/loop_clock.hpp>
#include <weft/loop/main_branch.hpp>
#include <weft/loop/manual_reactor.hpp>
#include <weft/loop/post.hpp>
#include <weft/loop/reactor.hpp>
#include <weft/loop/timer_queue.hpp>
#include <weft/loop/turns.hpp>
#include <weft/loop/unhandled_hook.hpp>

namespace weft {

/// Runs branches: those that are ready, those whose time has come, those whose descriptors are
/// ready, and what other threads post.
///
/// `weft::run(main())` makes one and is all that most programs need. To put weft inside of another
/// program's loop, call `poll()` from there: examples/embed.cpp.
///
/// Order    One turn: the system is asked, waiting only if nothing is ready; what is due is queued
///          behind what is ready; all that is queued then runs, in order.
/// Threads  One; only `post_threadsafe`, `handle` and `stop` may be called from others.
class event_loop : public turns {
public:
    /// Where time comes from. `manual`: it moves by `advance` only. `simulated`: it jumps to the
    /// next deadline when nothing is ready, so that hours pass in no time.
    enum class time { system, manual, simulated };

    /// Errors  Throws `std::system_error` if the system has no descriptor left.
    event_loop() : event_loop(time::system) {}
    explicit event_loop(time source) : turns(make_reactor(source)) {}
    explicit event_loop(std::unique_ptr<reactor> system) : turns(std::move(system)) {}
    event_loop(event_loop&&) = delete;

    /// Destroys what still runs, newest first: no `finally` runs. Posted callbacks are destroyed.
    /// Precondition: it is not running.
    inline virtual ~event_loop();

    /// Runs until `main` has ended, then cancels and joins everything that was spawned in this
    /// loop, and returns what `main` returned.
    /// Errors  Rethrows what `main` threw. Throws `cancelled_error` if it was cancelled or the
    ///         loop was stopped; `error` (errc::busy) if a loop runs on this thread already, then
    ///         `main` is destroyed unstarted; `deadlock_error` if time is not the system's and
    ///         nothing can ever become ready.
    template <class T>
    T run(task<T> main) {
        return run_branch(std::move(main));
    }
    /// Runs `f(args...)`, which are kept until it has ended.
    template <class F, class... Args>
        requires std::invocable<std::decay_t<F>&, std::decay_t<Args>...>
    call_result_t<F, std::decay_t<Args>...> run(F&& f, Args&&... args) {
        return run_branch(bound_call<std::decay_t<F>, std::decay_t<Args>...>(
            std::forward<F>(f), std::forward<Args>(args)...));
    }
    void run(...) = delete; // (task) or (f, args...): f makes a task; for a T& pass std::ref(x)

    /// Makes one turn without blocking. Returns how many branches and callbacks ran.
    std::size_t poll();
    /// Makes one turn; blocks until something is ready. Returns false, without a turn, if nothing
    /// ever will be: no timer, no descriptor, nobody who could post.
    bool run_one();

    /// A descriptor that is readable when `poll` has something to do besides timers; -1: none.
    int native_handle() const noexcept { return reactor_->native_handle(); }
    /// When `poll` has something to do at the latest, descriptors aside. Nothing: no timer runs.
    std::optional<time_point> next_deadline() const noexcept;

    time_point now() const noexcept { return time_point(duration(reactor_->now())); }
    /// Moves a manual or simulated clock; what is due runs in the next turn.
    void advance(duration by) noexcept { reactor_->advance(by.count()); }

    /// Lets the loop poll for at most `limit` before it blocks: what comes meanwhile is served
    /// sooner, by the time that the system takes to wake a thread, and a core is kept busy for it.
    /// Zero: never, which is the default. A clock that is not the system's knows no such time.
    void set_spin(duration limit) noexcept { spin_ = limit.count(); }

    /// Calls `f()` in the next turn. Errors  What it throws is unhandled.
    template <class F>
    void post(F f) {
        enqueue(*new posted<F, frame_pool::allocated>(std::move(f)));
    }
    /// As `post`, from any thread. Returns false if the loop is gone.
    template <class F>
    bool post_threadsafe(F f) {
        return handle().post_threadsafe(std::move(f));
    }
    /// What other threads need to post, even when the loop may be gone.
    loop_handle handle() const { return loop_handle(inbox_); }

    /// Adds a child to the loop itself: it ends when `run` ends. Its error waits for its handle,
    /// and is unhandled when nobody joins it.
    template <class T>
    join_handle<T> spawn(task<T> child) {
        return root_.spawn(std::move(child));
    }
    template <class F, class... Args>
        requires std::invocable<std::decay_t<F>&, std::decay_t<Args>...>
    join_handle<call_result_t<F, std::decay_t<Args>...>> spawn(F&& f, Args&&... args) {
        return root_.spawn(std::forward<F>(f), std::forward<Args>(args)...);
    }
    // No overloaded function, as one's own `read` is beside that of unistd.h, and no awaitable that
    // is no task: a lambda can call the one and return the other.
    void spawn(...) = delete; // (task) or (f, args...): f makes a task; for a T& pass std::ref(x)

    /// Ends `run` after the turn that runs, or the next one: `main` is cancelled and joined.
    void stop() noexcept;

    /// `f(std::exception_ptr, std::string_view task_name)` is called with every error that nobody
    /// can receive, instead of printing it: on the loop's thread, though it may not run then.
    template <class F>
    void on_unhandled(F f) {
        hook_.set(std::move(f));
    }

    void unhandled(std::exception_ptr error, const char* name) noexcept override {
        hook_(error, name);
    }
    void enqueue_threadsafe(runnable& item) noexcept override { inbox_->push(item); }
    void withdraw_threadsafe(runnable& item) noexcept override { inbox_->withdraw(item); }

    // For operations.

    void arm(timer& timer, time_point deadline) noexcept {
        timers_.arm(timer, deadline.time_since_epoch().count());
    }
    weft::reactor& system() noexcept { return *reactor_; }
    const branch_owner& root() const noexcept { return root_; }
    /// The branch that `run` runs, or null.
    const branch* main() const noexcept { return main_; }

protected:
    /// Destroys what is left on the loop: for a destructor of a derived class of which that still
    /// makes use.
    void drop_left() noexcept;
    /// The text of the `deadlock_error`, while who waits for what can still be seen.
    virtual std::string deadlock_report() const {
        return "run: nothing can ever become ready, and main has not ended";
    }

private:
    struct root_group : task_group {
        explicit root_group(scheduler& loop) : task_group(loop, on_error::report) {}
        void reopen() { rethrow_errors(); }
    };
    // However a run ends, the next one begins anew.
    struct end_of_run {
        event_loop& loop;
        ~end_of_run() {
            loop.root_.reopen(); // throws nothing: it reports errors, and keeps none
            loop.stop_.store(false, std::memory_order_relaxed);
        }
    };
    // While the loop runs, it is this thread's, and nobody else's; `this_loop()` is it also in what
    // a timer or a descriptor calls between the turns: the `withdraw` of a time-out.
    class running_scope {
    public:
        explicit running_scope(event_loop& loop) : loop_(idle(loop)), thread_(loop) {
            loop.running_ = true;
        }
        ~running_scope() {
            loop_.running_ = false;
            loop_.main_ = nullptr;
        }

    private:
        static event_loop& idle(event_loop& loop) {
            if (loop.running_) raise<error>(errc::busy, "this loop runs already");
            loop.bind_to_thread(); // from now on, also when it has run
            return loop;
        }

        event_loop& loop_;
        on_this_thread thread_;
    };

    static std::unique_ptr<reactor> make_reactor(time source);
    template <forkable A>
    fork_result_t<A> run_branch(A main);
    void run_until_done(const bool& done, branch& main);
    unhandled_hook hook_;
    bool running_ = false;
    const branch* main_ = nullptr;
    root_group root_{*this};
};

/// The loop that runs on this thread. Precondition: one does.
inline event_loop& this_loop() {
    assert(this_execution.loop && "no loop runs on this thread");
    return static_cast<event_loop&>(*this_execution.loop);
}

// Implementation ------------------------------------------------------------

template <forkable A>
fork_result_t<A> event_loop::run_branch(A main) {
    if (this_execution.loop || running_)
        raise<error>(errc::busy, "run: a loop runs on this thread already: co_await the task, or "
                                 "spawn it on this_loop(), instead of running a second loop");
    bind_to_thread();
    main_branch<A> own(*this, std::move(main));
    run_until_done(own.done(), own.main());
    return own.main().outcome().take();
}

inline time_point loop_clock::now() noexcept { return this_loop().now(); }

inline std::unique_ptr<reactor> event_loop::make_reactor(time source) {
    if (source == time::system) return std::unique_ptr<reactor>(new default_reactor);
    return std::unique_ptr<reactor>(new manual_reactor(
        source == time::manual ? manual_reactor::clock::advances : manual_reactor::clock::jumps));
}

inline event_loop::~event_loop() { drop_left(); }

inline void event_loop::drop_left() noexcept {
    if (running_) terminate_with("an event_loop was destroyed while it runs");
    // What is destroyed may still name its loop, spawn, post, and unlock.
    const on_this_thread scope(*this);
    root_.drop_children();
    inbox_->close(ready());
    while (!ready().empty()) ready().pop_front().discard();
    forget_mark();
}

inline void event_loop::stop() noexcept {
    // The loop may see the mark at once, and end.
    inbox_->wake_after([this] { stop_.store(true, std::memory_order_relaxed); });
}

inline std::optional<time_point> event_loop::next_deadline() const noexcept {
    if (has_ready()) return now();
    if (const auto next = timers_.next_deadline()) return time_point(duration(*next));
    return std::nullopt;
}

inline std::size_t event_loop::poll() {
    const running_scope scope(*this);
    std::size_t ran = 0;
    take_turn(false, ran);
    return ran;
}

inline bool event_loop::run_one() {
    const running_scope scope(*this);
    if (is_alone()) return false;
    std::size_t ran = 0;
    return take_turn(true, ran);
}

inline void event_loop::run_until_done(const bool& done, branch& main) {
    const running_scope scope(*this);
    const end_of_run at_end{*this};
    main_ = &main;
    std::size_t ran = 0;
    bool possible = true;
    do {
        possible = take_turn(!is_stopped(), ran);
        // As long as nothing can come from outside, a turn is what is ready.
        while (has_ready() && !done && is_quiet() && !is_stopped()) run_turn();
    } while (!done && possible && !is_stopped());

    std::string deadlock;
    if (!possible) deadlock = deadlock_report();
    if (!done) main.cancel(std::source_location::current());
    while (!done && take_turn(true, ran)) {} // however often it is stopped
    if (!done && possible) deadlock = deadlock_report();
    root_.cancel();
    while (!root_.empty() && take_turn(true, ran)) {}
    root_.drop_children(); // those that wait for what can never happen
    if (!possible || !done) {
        if (deadlock.ends_with('\n')) deadlock.pop_back(); // what the error means follows
        raise<deadlock_error>(deadlock);
    }
}

} // namespace weft
