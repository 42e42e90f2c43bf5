// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <cstddef>
#include <utility>

#include <weft/core/branch.hpp>
#include <weft/core/intrusive_list.hpp>
#include <weft/core/operation.hpp>
#include <weft/core/operation_base.hpp>
#include <weft/core/prepared.hpp>
#include <weft/core/raise.hpp>

namespace weft {

template <class Request>
class queued;

/// The parking place of locks and channels: branches that wait for one thing, in the order in which
/// they came. A primitive is its state, one or two of these, and a *request* for each operation:
///
///     struct request {
///         wait_queue& queue() noexcept;                  // where it waits
///         bool begin() noexcept;                         // true: complete; false: no effect
///         T result();                                    // what `co_await` gives, or throw
///         static constexpr const char* name = "semaphore.acquire";
///
///         // Optional:
///         bool begin_at_once() noexcept;  // as `begin`, where `result` follows immediately
///         void waits(wait_queue::entry&) noexcept;    // it has joined the queue
///         void give_back() noexcept;  // it was handed something, and is destroyed before it
///                                     // resumed: to whom does that go?
///         void left() noexcept;       // cancelled or destroyed while it waited
///         void proceed(wait_queue::entry&) noexcept;  // woken: instead of being complete
///         branch* holder() const noexcept;            // who has what it waits for, for the dump
///     };
///     auto acquire() { return wait_queue::wait<request>(this); }  // the rest: its arguments
///
/// sync/semaphore.hpp is the smallest: copy it.
///
/// Order     First come, first served. Who is woken runs when its turn comes.
/// Cancel    Whoever waits leaves the queue; whoever was woken before receives its result.
/// Lifetime  Must outlive the waiters, and those who were handed something until they resume.
///           Checked by `assert` and `terminate_with`; only where frames are destroyed is any order
///           allowed, because tasks that are dropped may wait for each other's locks.
class wait_queue {
    struct linked;

public:
    class entry;

    wait_queue() = default;
    ~wait_queue() {
        assert((empty() || destroying_frames()) &&
               "a synchronisation object is destroyed while somebody waits for it");
    }

    /// Describes an operation that waits here, or wherever `Request(args...)` says.
    template <class Request, class... Args>
    static auto wait(Args... args) {
        return prepared<queued<Request>, Args...>(std::move(args)...);
    }

    bool empty() const noexcept { return oldest_ == nullptr; }
    /// The oldest waiter. Precondition: not empty.
    entry& front() const noexcept { return *oldest_; }

    /// Wakes the oldest waiter. Precondition: not empty.
    void wake_one() noexcept;
    void wake_all() noexcept {
        while (!empty()) wake_one();
    }
    /// Wakes the oldest waiter and hands it something: its `result` will be called, or its
    /// `give_back`. Precondition: not empty.
    void serve_one() noexcept;

    /// Puts `last` behind the others.
    void push(entry& last) noexcept;
    /// Takes out one that waits.
    void remove(entry& waiter) noexcept;
    /// Takes note that `served` was handed something, until it has received it.
    void keep(entry& served) noexcept;

    /// Whether the caller is the destructor of something in a frame that is cancelled or dropped.
    static bool destroying_frames() noexcept {
        return this_execution.current && this_execution.current->is_destroying();
    }

private:
    // First those who were served and have not resumed, then those who wait.
    intrusive_list<entry, linked> entries_;
    entry* oldest_ = nullptr; // of those who wait
};

/// One that waits in a queue, whatever it is that it does there. `queued` leaves it.
class wait_queue::entry : public operation_base, public list_place<linked> {
public:
    using operation_base::waiter;

    /// The branch goes on when its turn comes.
    void complete() noexcept { waiter()->ready(); }

    /// Tells two kinds of waiters of one queue apart, if its object needs that.
    void set_shares() noexcept { waiter()->set(shares_flag); }
    bool shares() const noexcept { return waiter()->has(shares_flag); }

protected:
    entry() noexcept = default;
    ~entry() = default;

    /// When it is woken, it goes on by `proceed`.
    void set_proceeds() noexcept { waiter()->set(proceeds_flag); }
    /// It was handed something.
    bool served() const noexcept { return waiter() && waiter()->has(served_flag); }
    void receive() noexcept {
        if (!is_linked())
            terminate_with("a synchronisation object was destroyed too early: somebody was about "
                           "to receive something from it");
        unlink();
        forget();
    }
    /// It is over: what the branch keeps for it is the next one's.
    void forget() noexcept { waiter()->set(shares_flag | served_flag | proceeds_flag, false); }

private:
    friend wait_queue;
    // Kept by the branch, and set only while this waits or was served.
    enum : unsigned {
        shares_flag = branch::operation_flag,
        served_flag = branch::operation_flag << 1,
        proceeds_flag = branch::operation_flag << 2, // when woken; else it is complete then
    };

    virtual void proceed() noexcept = 0;
    void go_on() noexcept {
        if (waiter()->has(proceeds_flag)) [[unlikely]]
            proceed();
        else
            complete();
    }
};

// Implementation ------------------------------------------------------------

inline void wait_queue::push(entry& last) noexcept {
    last.waiter()->set(entry::served_flag, false);
    entries_.push_back(last);
    if (!oldest_) oldest_ = &last;
}

inline void wait_queue::remove(entry& waiter) noexcept {
    if (oldest_ == &waiter) oldest_ = entries_.after(waiter);
    waiter.unlink();
}

inline void wait_queue::keep(entry& served) noexcept {
    served.waiter()->set(entry::served_flag);
    entries_.push_front(served);
}

inline void wait_queue::wake_one() noexcept {
    auto& woken = *oldest_;
    remove(woken);
    woken.go_on();
}

inline void wait_queue::serve_one() noexcept {
    auto& served = *oldest_;
    oldest_ = entries_.after(served);
    served.waiter()->set(entry::served_flag);
    served.go_on();
}

/// The awaiter of everything that waits in a queue.
template <class Request>
class [[nodiscard]] queued final : public operation<queued<Request>, wait_queue::entry> {
    using waiting = operation<queued, wait_queue::entry>;
    static constexpr bool proceeds =
        requires(Request& request, wait_queue::entry& self) { request.proceed(self); };

public:
    template <class... Args>
    explicit queued(Args&&... args)
        : request_(std::forward<Args>(args)...) {}
    ~queued() {
        if (this->is_linked()) [[unlikely]]
            abandon();
    }

    decltype(auto) await_resume() {
        if (this->served()) this->receive();
        return request_.result();
    }

    /// What can be done at once is, without the ceremony of suspending.
    bool await_ready() noexcept {
        auto& thread = this_execution;
        if (thread.budget <= 1 || thread.current->may_not_begin()) return false;
        if (!begin_at_once()) return false;
        --thread.budget;
        return true;
    }
    bool start(branch&) noexcept {
        if (request_.begin()) return true;
        request_.queue().push(*this);
        if constexpr (proceeds) this->set_proceeds();
        if constexpr (requires { request_.waits(*this); }) request_.waits(*this);
        return false;
    }
    bool withdraw() noexcept override {
        if (this->is_linked()) abandon();
        return true;
    }
    /// Complete without having waited, but its branch resumes only when its turn comes.
    void postponed() noexcept {
        if constexpr (requires { request_.give_back(); }) request_.queue().keep(*this);
    }
    const char* describe() const noexcept override { return Request::name; }
    const branch* locked_by() const noexcept override {
        if constexpr (requires { request_.holder(); })
            return request_.holder();
        else
            return nullptr;
    }

    Request& request() noexcept { return request_; }

private:
    bool begin_at_once() noexcept {
        if constexpr (requires { request_.begin_at_once(); })
            return request_.begin_at_once();
        else
            return request_.begin();
    }
    void proceed() noexcept override {
        if constexpr (proceeds) request_.proceed(*this);
    }

    // Not called if the object is gone, which has unlinked it: there would be nobody to tell.
    [[gnu::noinline]] void abandon() noexcept {
        if (this->served()) {
            this->unlink();
            this->forget();
            if constexpr (requires { request_.give_back(); }) request_.give_back();
        } else {
            request_.queue().remove(*this);
            this->forget();
            if constexpr (requires { request_.left(); }) request_.left();
        }
    }

    Request request_;
};

/// The request of an entry. Precondition: it is one of a `Request`.
template <class Request>
Request& request_of(wait_queue::entry& waiter) noexcept {
    return static_cast<queued<Request>&>(waiter).request();
}

} // namespace weft
