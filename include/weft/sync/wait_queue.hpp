// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <weft/core/branch.hpp>
#include <weft/core/intrusive_list.hpp>
#include <weft/core/operation.hpp>
#include <weft/core/operation_base.hpp>
#include <weft/core/prepared.hpp>
#include <weft/core/raise.hpp>
#include <weft/core/scheduler.hpp>

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
///         bool begin_at_once() noexcept;  // as `begin`, which is asked if this says false; then
///         T result_at_once();             // the result follows immediately
///         void waits(branch& self) noexcept;      // it has joined the queue
///         void give_back() noexcept;  // it was handed something, and is destroyed before it
///                                     // resumed: to whom does that go? `serve_one` needs it
///         void left() noexcept;       // cancelled or dropped while it waited: undoes `waits`
///         void serve_others() noexcept;   // afterwards: those behind may have waited for its turn
///         void clean_up() noexcept;   // it is destroyed, and `begin` was called
///         void proceed(branch& self, wait_queue::entry&) noexcept; // woken: it is complete by
///                     // `self.go_on()`, or waits on by `wait_again(self)` of some queue
///         branch* holder() const noexcept;            // who has what it waits for, for the dump
///     };
///     auto acquire() { return wait_queue::wait<request>(this); }  // the rest: its arguments
///
/// sync/semaphore.hpp is the smallest: copy it. What a waiter wants is `request_of` the branch.
///
/// A branch waits in one queue at a time, and is in no ready queue meanwhile: so it waits by the
/// links that it has for that one, and waiting costs no memory but the request.
///
/// Order     First come, first served. Who is woken runs when its turn comes.
/// Cancel    Whoever waits leaves the queue; whoever was woken before receives its result. Those
///           that one cancel of a fork ends leave it before others are let go on.
/// Lifetime  Must outlive the waiters, and those who were handed something until they resume.
///           Checked by `assert` and `terminate_with`; only where frames are destroyed is any order
///           allowed, because tasks that are dropped may wait for each other's locks.
class wait_queue {
    struct handed;

public:
    class entry;

    wait_queue() = default;
    ~wait_queue() {
        assert((empty() || destroying_frames()) &&
               "a synchronisation object is destroyed while somebody waits for it");
        if (!served_.empty()) [[unlikely]]
            orphan_served();
    }

    /// Describes an operation that waits here, or wherever `Request(args...)` says.
    template <class Request, class... Args>
    static auto wait(Args... args) {
        return prepared<queued<Request>, Args...>(std::move(args)...);
    }

    bool empty() const noexcept { return waiting_.empty(); }
    /// The oldest waiter. Precondition: not empty.
    branch& front() const noexcept { return static_cast<branch&>(waiting_.front()); }

    /// Wakes the oldest waiter. Precondition: not empty.
    void wake_one() noexcept { go_on(take_front(waiting_)); }
    /// Wakes all who wait now.
    void wake_all() noexcept {
        intrusive_list<runnable> now; // some may wait again
        now.append(waiting_);
        while (!now.empty()) go_on(take_front(now));
    }
    /// Wakes the oldest waiter and hands it something: its `result` will be called, or its
    /// `give_back`. Precondition: not empty.
    void serve_one() noexcept;

    /// Puts `last` behind the others.
    void push(branch& last) noexcept { waiting_.push_back(last); }
    /// The same with one whose `proceed` was called: that will be called again.
    void wait_again(branch& last) noexcept {
        last.set(proceeds_flag);
        push(last);
    }
    /// Takes note that `served` was handed something, until it has received it.
    void keep(entry& served) noexcept { served_.push_back(served); }

    /// Whether the caller is the destructor of something in a frame that is cancelled or dropped.
    static bool destroying_frames() noexcept {
        return this_execution.current && this_execution.current->is_destroying();
    }

    // What is kept of a waiter by its branch, because there is room.

    /// Tells two kinds of waiters of one queue apart, if its object needs that.
    static constexpr unsigned shares_flag = branch::operation_flag;

private:
    template <class>
    friend class queued;

    // When it is woken, it goes on by `proceed`.
    static constexpr unsigned proceeds_flag = branch::operation_flag << 1;

    static branch& take_front(intrusive_list<runnable>& from) noexcept {
        assert(!from.empty() && "nobody waits who could be woken");
        return static_cast<branch&>(from.pop_front());
    }
    static void go_on(branch& woken) noexcept;
    [[gnu::cold]] void orphan_served() noexcept;

    intrusive_list<runnable> waiting_;
    intrusive_list<entry, handed> served_; // who was handed something and has not resumed
};

/// The operation of one that may be handed something.
class wait_queue::entry : public operation_base, public list_place<handed> {
protected:
    entry() noexcept = default;
    ~entry() = default;

    /// It was handed something, and has it now.
    void receive() noexcept {
        if (is_orphan())
            terminate_with("a synchronisation object was destroyed too early: somebody was about "
                           "to receive something from it");
        unlink();
    }
};

// Implementation ------------------------------------------------------------

inline void wait_queue::serve_one() noexcept {
    auto& served = take_front(waiting_);
    assert(served.waits_on()->can_be_served() && "serve_one: its request has no give_back()");
    keep(static_cast<entry&>(*served.waits_on()));
    go_on(served);
}

inline void wait_queue::go_on(branch& woken) noexcept {
    if (!woken.has(proceeds_flag)) [[likely]]
        return woken.go_on();
    woken.set(proceeds_flag, false);
    woken.waits_on()->proceed(woken);
}

inline void wait_queue::orphan_served() noexcept {
    while (!served_.empty()) served_.pop_front().orphan();
}

namespace detail {
template <class Request>
concept gives_back = requires(Request& request) { request.give_back(); };
template <class Request>
concept cleans_up = requires(Request& request) { request.clean_up(); };
template <class Request>
concept has_result_at_once = requires(Request& request) { request.result_at_once(); };
template <class Request>
concept proceeds = requires(Request& request, branch& self, wait_queue::entry& entry) {
    request.proceed(self, entry);
};

/// Whether it was more than done at once, of requests for which that matters.
template <class Request>
struct begun_mark {
    begun_mark& operator=(bool) noexcept { return *this; }
};
template <class Request>
    requires gives_back<Request> || cleans_up<Request> || has_result_at_once<Request>
struct begun_mark<Request> {
    bool value = false;
    begun_mark& operator=(bool begun) noexcept {
        value = begun;
        return *this;
    }
    explicit operator bool() const noexcept { return value; }
};
} // namespace detail

/// The awaiter of everything that waits in a queue.
template <class Request>
class [[nodiscard]] queued final
    : public operation<queued<Request>, std::conditional_t<detail::gives_back<Request>,
                                                           wait_queue::entry, operation_base>> {
    static constexpr bool gives_back = detail::gives_back<Request>;
    static constexpr bool cleans_up = detail::cleans_up<Request>;
    // What is spelt in another way would not be called.
    static_assert(!requires { &Request::waits; } || requires(Request& r, branch& b) { r.waits(b); },
                  "waits takes the branch: void waits(weft::branch& self) noexcept");
    static_assert(!requires { &Request::proceed; } || detail::proceeds<Request>,
                  "void proceed(weft::branch& self, weft::wait_queue::entry&) noexcept");
    static_assert(!detail::proceeds<Request> || gives_back, "proceed needs give_back, too");
    static_assert(!requires { &Request::give_back; } || gives_back,
                  "give_back takes nothing: void give_back() noexcept");
    static_assert(!requires { &Request::left; } || requires(Request& r) { r.left(); },
                  "left takes nothing: void left() noexcept");
    static_assert(!requires { &Request::serve_others; } || requires(Request& r) {
        r.serve_others();
    }, "serve_others takes nothing: void serve_others() noexcept");

public:
    template <class... Args>
    explicit queued(Args&&... args)
        : request_(std::forward<Args>(args)...) {}
    ~queued()
        requires(!gives_back && !cleans_up)
    = default;
    ~queued()
        requires gives_back || cleans_up
    {
        if (begun_) [[unlikely]]
            finish();
    }

    // One question decides it all: what was done at once has nothing else to ask for.
    decltype(auto) await_resume() {
        if constexpr (requires { request_.result_at_once(); })
            if (!begun_) [[likely]]
                return request_.result_at_once();
        if constexpr (gives_back)
            if (begun_ && this->is_linked()) this->receive();
        return request_.result();
    }

    /// What can be done at once is, without the ceremony of suspending.
    bool await_ready() noexcept {
        auto& thread = this_execution;
        assert(thread.budget != 0);
        // Taken off before it is known whether this completes: that is one instruction. Where it
        // does only when it is started, `branch::begin` takes off another one.
        if (--thread.budget == 0) [[unlikely]] {
            thread.budget = 1;
            return false;
        }
        return !thread.current->may_not_begin() && begin_at_once();
    }
    bool start(branch& self) noexcept {
        begun_ = true;
        if (request_.begin()) return true;
        self.park(*this);
        request_.queue().push(self);
        if constexpr (detail::proceeds<Request>) self.set(wait_queue::proceeds_flag);
        if constexpr (requires { request_.waits(self); }) request_.waits(self);
        return false;
    }
    void left_queue() noexcept override {
        if constexpr (requires { request_.left(); }) request_.left();
    }
    void serve_others() noexcept override {
        if constexpr (requires { request_.serve_others(); }) request_.serve_others();
    }
    bool withdraw() noexcept override {
        if constexpr (gives_back)
            if (this->is_linked()) abandon();
        return true;
    }
    void proceed(branch& self) noexcept override {
        if constexpr (detail::proceeds<Request>) request_.proceed(self, *this);
    }
    bool can_be_served() const noexcept override { return gives_back; }
    /// Complete without having waited, but its branch resumes only when its turn comes.
    void postponed() noexcept {
        if constexpr (gives_back) request_.queue().keep(*this);
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
    void abandon() noexcept {
        const bool is_alone = this->is_orphan(); // the object is gone: there is nobody to tell
        this->unlink();
        if (!is_alone) request_.give_back();
    }

    // More than done at once, and destroyed.
    [[gnu::noinline]] void finish() noexcept {
        if constexpr (gives_back)
            if (this->is_linked()) abandon();
        if constexpr (cleans_up) request_.clean_up();
    }

    Request request_;
    [[no_unique_address]] detail::begun_mark<Request> begun_;
};

/// The request of a waiter. Precondition: it is one of a `Request`.
template <class Request>
Request& request_of(branch& waiter) noexcept {
    return static_cast<queued<Request>*>(waiter.waits_on())->request();
}

} // namespace weft
