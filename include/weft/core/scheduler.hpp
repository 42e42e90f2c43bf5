// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <utility>

#include <weft/core/intrusive_list.hpp>
#include <weft/core/raise.hpp>
#include <weft/core/scheduler_mark.hpp>

namespace weft {

class branch;
class scheduler;

/// Something whose turn will come: it waits in a ready queue and is run once from there.
/// Destroying it takes it out.
class runnable : public list_hook<> {
public:
    runnable() noexcept = default;

    virtual void run() noexcept = 0;
    /// The loop is gone: it will never run. Destroys itself if nobody else does.
    virtual void discard() noexcept {}

    bool is_queued() const noexcept { return list_hook<>::is_linked(); }
    void leave_queue() noexcept { list_hook<>::unlink(); }

protected:
    ~runnable() = default;

private:
    friend branch;
    friend scheduler;
    unsigned flags_ = 0; // a branch's
    unsigned uses_ = 0;  // a spawned branch's, where there is room
};

/// What this thread is doing right now.
struct execution {
    branch* current = nullptr;      ///< whose code runs
    scheduler* loop = nullptr;      ///< whose turn it is part of
    std::uintptr_t stack_limit = 0; ///< no transfer below this address: see `transfer`
    std::coroutine_handle<> destroyed; ///< what `branch` destroyed under its awaiter
    unsigned budget = 0;            ///< how many operations may complete without suspending
};
inline constinit thread_local execution this_execution{};

/// An intrusive first-in first-out queue of what is ready: all that coroutines, locks and channels
/// need to know of an event loop.
///
/// Order    Whoever becomes ready runs after all who were ready before. Nothing is resumed by the
///          call that makes it ready.
/// Threads  One at a time: who constructed it, until another one runs it.
class scheduler {
public:
    /// How many operations of one branch may complete without suspending in one resumption.
    static constexpr unsigned completions_per_resumption = 64;

    scheduler(scheduler&&) = delete;

    /// Puts `item` at the end of the queue.
    void enqueue(runnable& item) noexcept {
        item.leave_queue();
        assert(thread_ == &this_execution && "a loop was used from a thread that is not its own");
        ready_.push_back(item);
    }

    /// The same for an item that is in no queue for sure.
    void append(runnable& item) noexcept {
        assert(thread_ == &this_execution && "a loop was used from a thread that is not its own");
        ready_.push_back(item);
    }

    /// Lets `item` run next, before everything that is queued, as soon as the stack has unwound.
    void run_next(runnable& item) noexcept {
        if (next_) {
            item.leave_queue();
            ready_.push_front(item);
        } else {
            next_ = &item;
        }
    }

    /// Takes an error that nobody can receive. `name` is the task's, or empty.
    virtual void unhandled(std::exception_ptr error, const char* name) noexcept = 0;

    /// As `unhandled`, from wherever on its thread the error was lost: it may not run.
    void lost(std::exception_ptr error, const char* name) noexcept {
        if (this_execution.loop == this) return unhandled(std::move(error), name);
        const on_this_thread scope(*this);
        unhandled(std::move(error), name);
    }

    /// Puts `item` at the end of the queue. May be called from any thread; `item` must live until
    /// it has run.
    virtual void enqueue_threadsafe(runnable& item) noexcept = 0;
    /// Takes back what was given to `enqueue_threadsafe`, if it has not run. On the loop's thread.
    virtual void withdraw_threadsafe(runnable& item) noexcept = 0;

    /// For what may outlive this loop. Errors  Throws `std::bad_alloc`.
    scheduler_mark& mark() {
        if (!mark_) mark_ = new scheduler_mark(*this, thread_);
        return *mark_;
    }

    /// Whether the caller is on the thread of this loop.
    bool on_its_thread() const noexcept {
        return __atomic_load_n(&thread_, __ATOMIC_RELAXED) == &this_execution;
    }

    /// How deep the stack may grow below the loop before a transfer between coroutines goes
    /// through the loop instead, in bytes.
    void set_stack_allowance(std::size_t bytes) noexcept { stack_allowance_ = bytes; }

protected:
    scheduler() noexcept = default;
    ~scheduler() { forget_mark(); }

    /// From now on it counts as gone.
    void forget_mark() noexcept {
        if (!mark_) return;
        mark_->clear();
        std::exchange(mark_, nullptr)->release();
    }

    /// While it lives, what this thread does belongs to this scheduler, which is of this thread.
    /// They nest.
    class on_this_thread {
    public:
        explicit on_this_thread(scheduler& runs) noexcept
            : runs_(runs), thread_(runs.thread_), runs_on_(runs.mark_thread(&this_execution)),
              outer_(std::exchange(this_execution, execution{})) {
            this_execution.loop = &runs;
            runs.bind_to_thread();
        }
        on_this_thread(on_this_thread&&) = delete;
        ~on_this_thread() {
            this_execution = outer_;
            runs_.mark_thread(runs_on_);
            runs_.bind_to(thread_);
        }

    private:
        scheduler& runs_;
        execution* thread_;   // whose it was
        const void* runs_on_; // null: it did not run
        execution outer_;
    };

    /// Runs what is queued now, in order. Returns how many ran. What becomes ready meanwhile is
    /// left for the next call. Precondition: an `on_this_thread` of this scheduler lives.
    std::size_t run_ready() noexcept; // defined in core/branch.hpp

    bool has_ready() const noexcept { return !ready_.empty(); }
    intrusive_list<runnable>& ready() noexcept { return ready_; }

    /// From now on the thread of this loop is the caller's.
    void bind_to_thread() noexcept { bind_to(&this_execution); }

    /// Called every 64 resumptions within `run_ready`: a long turn must starve nobody.
    virtual void breathe() noexcept = 0;

private:
    friend branch;

    static constexpr unsigned resumptions_per_breath = 64;

    static void run(runnable& item) noexcept;
    void bind_to(execution* thread) noexcept {
        __atomic_store_n(&thread_, thread, __ATOMIC_RELAXED); // others ask whether it is theirs
    }
    const void* mark_thread(const void* thread) noexcept {
        return mark_ ? mark_->set_thread(thread) : nullptr;
    }

    intrusive_list<runnable> ready_;
    runnable* next_ = nullptr;
    intrusive_list<runnable> cancelling_; // branches, while the operations below them are asked
    const branch* asked_ = nullptr; // the one of them whose operation is asked now
    std::size_t stack_allowance_ = 16384;
    execution* thread_ = &this_execution;
    scheduler_mark* mark_ = nullptr; // as a rule nobody asks
};

/// Gives an error that nobody can receive to the loop that runs on this thread, or prints it if
/// none does. `name` is the task's, or empty.
void report_unhandled(std::exception_ptr error, const char* name) noexcept;
/// The same for an error that came after `first`, which somebody receives: nothing if it is that
/// very one, as when several await a shared_task.
void report_further(const std::exception_ptr& first, std::exception_ptr error,
                    const char* name) noexcept;
void print_unhandled(const std::exception_ptr& error, const char* name) noexcept;

// Implementation ------------------------------------------------------------

inline void report_unhandled(std::exception_ptr error, const char* name) noexcept {
    if (auto* loop = this_execution.loop) return loop->unhandled(std::move(error), name);
    print_unhandled(error, name);
}

inline void report_further(const std::exception_ptr& first, std::exception_ptr error,
                           const char* name) noexcept {
    if (error != first) report_unhandled(std::move(error), name);
}

inline void print_unhandled(const std::exception_ptr& error, const char* name) noexcept {
    const bool known = visit_error<std::exception>(error, [&](const std::exception& found) {
        std::fprintf(stderr, "weft: unhandled error%s%s: %s\n", *name ? " in " : "", name,
                     found.what());
    });
    if (!known) std::fprintf(stderr, "weft: unhandled error%s%s\n", *name ? " in " : "", name);
}

} // namespace weft
