// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <exception>
#include <optional>
#include <utility>

#include <weft/core/error.hpp>
#include <weft/core/operation.hpp>
#include <weft/core/outcome.hpp>
#include <weft/core/raise.hpp>
#include <weft/core/scheduler.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/post.hpp>
#include <weft/loop/reactor.hpp>

namespace weft {

/// Who waits for an errand. It is told at most once, on its own thread.
class errand_waiter {
public:
    virtual void errand_done() noexcept = 0;

protected:
    ~errand_waiter() = default;
};

/// Something that is done on another thread for a loop, which gets the result.
///
/// It is shared by the two sides and outlives either: what is done refers to nothing but this, so
/// that the waiter may be destroyed at any moment. A derived class is handed to `errand_operation`
/// and says
///
///     void send();               // hands it to the other thread, or throws
///     bool recall() noexcept;    // cancelled: true: no need to wait for its end
///     static constexpr const char* description;
///
/// and whoever does it sets `result` and calls `finish`, once.
///
/// Threads  `finish` and `release`: any. The rest: the loop's.
template <class T>
class errand {
public:
    errand(errand&&) = delete;

    using value = T;
    outcome<T> result;

    /// Before `send`: from now on the other side uses it too.
    void depart(errand_waiter& waiter, loop_handle home) {
        waiter_ = &waiter;
        home_.emplace(std::move(home));
        keep();
    }
    /// The waiter is not told any more.
    void forget_waiter() noexcept { waiter_ = nullptr; }

    /// It is done: brings the result home, if that still exists. Ends the other side's use.
    void finish() noexcept {
        // Taken out first: the other thread may destroy this before `enqueue_threadsafe` returns.
        const loop_handle home = *std::exchange(home_, std::nullopt);
        if (!home.enqueue_threadsafe(arrival_)) release();
    }

    void keep() noexcept { uses_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept {
        if (uses_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

protected:
    errand() noexcept : arrival_(*this) {}
    virtual ~errand() = default;

private:
    class arrival final : public runnable {
    public:
        explicit arrival(errand& of) noexcept : errand_(&of) {}
        void run() noexcept override {
            if (errand_->waiter_) errand_->waiter_->errand_done();
            errand_->release();
        }
        void discard() noexcept override { errand_->release(); }

    private:
        errand* errand_;
    };

    std::atomic<unsigned> uses_{1};
    errand_waiter* waiter_ = nullptr;
    std::optional<loop_handle> home_;
    arrival arrival_;
};

/// Waits until an errand is done.
///
/// Cancel  Recalls it, and if that comes too late waits for the end of it: what it did is
///         delivered, unless it ended by saying that it was cancelled.
template <class Errand>
class errand_operation final : public operation<errand_operation<Errand>>, private errand_waiter {
public:
    template <class... Args>
    explicit errand_operation(Args&&... args) : errand_(new Errand(std::forward<Args>(args)...)) {}
    ~errand_operation() {
        if (away_) {
            errand_->recall(); // and that is all: a drop cannot wait
            came_back();
        }
        errand_->release();
    }

    bool start(branch& waiter) noexcept {
        auto& loop = static_cast<event_loop&>(waiter.loop());
        guarded(
            [&] {
                errand_->depart(*this, loop.handle());
                errand_->send();
                away_ = &loop.system();
                away_->begin_outside_work();
            },
            [&](std::exception_ptr error) {
                errand_->result.set_error(std::move(error));
                errand_->release(); // the other side's use
            });
        return !away_;
    }
    bool withdraw() noexcept override {
        if (!errand_->recall()) return false;
        came_back();
        return true;
    }
    const char* describe() const noexcept override { return Errand::description; }

    typename Errand::value await_resume() { return errand_->result.take(); }

private:
    void errand_done() noexcept override {
        came_back();
        if (this->waiter()->cancel_requested() && says_cancelled())
            this->waiter()->stop();
        else
            this->complete();
    }
    bool says_cancelled() const noexcept {
        return errand_->result.was_cancelled() ||
               errand_->result.template error_as<cancelled_error>();
    }
    void came_back() noexcept {
        std::exchange(away_, nullptr)->end_outside_work();
        errand_->forget_waiter();
    }

    Errand* errand_; // counted: this is one use of it
    reactor* away_ = nullptr;
};

} // namespace weft
