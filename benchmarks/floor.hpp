// SPDX-License-Identifier: MIT
//
// The floor: the least that a single-threaded coroutine library can do, written by hand.
//
// Every question of this folder is answered twice in one run, by weft and by these pieces. They
// have what speed needs (pooled frames, intrusive queues, symmetric transfer) and nothing that
// users need: no cancelling, no errors, no names, no fairness limit, no guard of the stack, no
// check of misuse. The ratio between the two is the price of all that.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <optional>
#include <utility>

namespace floors {

// Frames: a free list per thread and per 16-byte size class, refilled a slab at a time ----------

inline constexpr std::size_t granule = 16, largest_frame = 1024, slab_size = 64 * 1024;

struct free_frame {
    free_frame* next;
};
inline constinit thread_local free_frame* free_frames[largest_frame / granule + 1]{};

[[gnu::noinline]] inline void* refill(std::size_t size_class) {
    const auto size = size_class * granule;
    auto* const slab = static_cast<std::byte*>(::operator new(slab_size));
    for (auto used = size; used + size <= slab_size; used += size)
        free_frames[size_class] =
            ::new (slab + slab_size - used) free_frame{free_frames[size_class]};
    return slab;
}

struct pooled {
    static void* operator new(std::size_t size) {
        const auto size_class = (size + granule - 1) / granule;
        if (size_class > largest_frame / granule) std::terminate();
        auto* const frame = free_frames[size_class];
        if (frame == nullptr) [[unlikely]]
            return refill(size_class);
        free_frames[size_class] = frame->next;
        return frame;
    }
    static void operator delete(void* frame, std::size_t size) noexcept {
        const auto size_class = (size + granule - 1) / granule;
        free_frames[size_class] = ::new (frame) free_frame{free_frames[size_class]};
    }
};

// Scheduling: a FIFO of nodes that live in the awaiters -----------------------------------------

/// Starts uninitialised: an awaiter that does not suspend should not pay for it.
struct node {
    node() noexcept {} // NOLINT: not `= default`, with which `node{}` would be zeros

    void resume() const { std::coroutine_handle<>::from_address(coroutine).resume(); }

    node* next;
    void* coroutine;
};

class fifo {
public:
    bool empty() const noexcept { return first_ == nullptr; }
    void push(node& last) noexcept {
        last.next = nullptr;
        (first_ == nullptr ? first_ : last_->next) = &last;
        last_ = &last;
    }
    node& pop() noexcept { return *std::exchange(first_, first_->next); }
    node* take_all() noexcept { return std::exchange(first_, nullptr); }

private:
    node* first_ = nullptr;
    node* last_ = nullptr;
};

inline constinit thread_local fifo ready;

/// Resumes what is ready, turn by turn, until nothing is.
inline void run_ready() {
    while (node* turn = ready.take_all())
        while (turn != nullptr) std::exchange(turn, turn->next)->resume();
}

/// Waits in a queue until somebody moves it to the ready queue.
struct wait_in : node {
    explicit wait_in(fifo& queue) noexcept : waiters(queue) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> self) noexcept {
        coroutine = self.address();
        waiters.push(*this);
    }
    void await_resume() const noexcept {}
    fifo& waiters;
};

struct yield : node {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> self) noexcept {
        coroutine = self.address();
        ready.push(*this);
    }
    void await_resume() const noexcept {}
};

// A lazy task with an int, awaited once ---------------------------------------------------------

class [[nodiscard]] task {
public:
    struct promise_type;
    using handle = std::coroutine_handle<promise_type>;

    struct promise_type : pooled {
        struct transfer {
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(handle self) const noexcept {
                return self.promise().parent;
            }
            void await_resume() const noexcept {}
        };

        task get_return_object() noexcept { return task{handle::from_promise(*this)}; }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        transfer final_suspend() const noexcept { return {}; }
        void return_value(int value) noexcept { result = value; }
        void unhandled_exception() noexcept { std::terminate(); }

        std::coroutine_handle<> parent{};
        int result = 0;
    };

    task(task&&) = delete;
    ~task() { coroutine_.destroy(); }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) const noexcept {
        coroutine_.promise().parent = parent;
        return coroutine_;
    }
    int await_resume() const noexcept { return coroutine_.promise().result; }

private:
    explicit task(handle coroutine) noexcept : coroutine_(coroutine) {}
    handle coroutine_;
};

// Children: spawned through the ready queue, counted by a group, destroyed when they end --------

struct group {
    std::size_t live = 0;
    node* joiner = nullptr;
};

struct child {
    struct promise_type : pooled, node {
        child get_return_object() noexcept {
            coroutine = child{this}.handle().address();
            return {this};
        }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept {
            if (--owner->live == 0 && owner->joiner != nullptr) ready.push(*owner->joiner);
            return {};
        }
        void return_void() const noexcept {}
        void unhandled_exception() noexcept { std::terminate(); }

        group* owner;
    };
    std::coroutine_handle<> handle() const noexcept {
        return std::coroutine_handle<promise_type>::from_promise(*promise);
    }
    promise_type* promise;
};

inline void spawn(group& owner, child started) noexcept {
    ++owner.live;
    started.promise->owner = &owner;
    ready.push(*started.promise);
}

struct join : node {
    explicit join(group& joined) noexcept : children(joined) {}
    bool await_ready() const noexcept { return children.live == 0; }
    void await_suspend(std::coroutine_handle<> self) noexcept {
        coroutine = self.address();
        children.joiner = this;
    }
    void await_resume() const noexcept { children.joiner = nullptr; }
    group& children;
};

/// Runs one child and all that it starts.
inline void run(child main) {
    group root;
    spawn(root, main);
    run_ready();
    if (root.live != 0) std::terminate(); // a benchmark that hangs is a bug in the benchmark
}

// Locks and channels: served in order, the waiter is handed what it waits for -------------------

class mutex {
public:
    struct acquire : node {
        explicit acquire(mutex& m) noexcept : lock(m) {}
        bool await_ready() const noexcept { return !std::exchange(lock.locked_, true); }
        void await_suspend(std::coroutine_handle<> self) noexcept {
            coroutine = self.address();
            lock.waiters_.push(*this);
        }
        void await_resume() const noexcept {}
        mutex& lock;
    };
    acquire lock() noexcept { return acquire{*this}; }
    void unlock() noexcept {
        if (waiters_.empty())
            locked_ = false;
        else
            ready.push(waiters_.pop());
    }

private:
    bool locked_ = false;
    fifo waiters_;
};

template <std::size_t Capacity> class channel {
public:
    struct sending : node {
        sending(channel& c, int i) noexcept : target(c), item(i) {}
        bool await_ready() const noexcept { return target.size() != Capacity; }
        void await_suspend(std::coroutine_handle<> self) noexcept {
            coroutine = self.address();
            target.senders_.push(*this);
        }
        void await_resume() const noexcept { target.put(item); }
        channel& target;
        int item;
    };
    struct receiving : node {
        explicit receiving(channel& c) noexcept : source(c) {}
        bool await_ready() const noexcept { return source.size() != 0 || source.closed_; }
        void await_suspend(std::coroutine_handle<> self) noexcept {
            coroutine = self.address();
            source.receivers_.push(*this);
        }
        std::optional<int> await_resume() const noexcept { return source.take(); }
        channel& source;
    };
    sending send(int item) noexcept { return {*this, item}; }
    receiving receive() noexcept { return receiving{*this}; }
    void close() noexcept {
        closed_ = true;
        while (!receivers_.empty()) ready.push(receivers_.pop());
    }

private:
    std::size_t size() const noexcept { return sent_ - received_; }
    void put(int item) noexcept {
        ring_[sent_++ % Capacity] = item;
        if (!receivers_.empty()) ready.push(receivers_.pop());
    }
    std::optional<int> take() noexcept {
        if (size() == 0) return std::nullopt;
        const int item = ring_[received_++ % Capacity];
        if (!senders_.empty()) ready.push(senders_.pop());
        return item;
    }

    std::size_t sent_ = 0, received_ = 0;
    bool closed_ = false;
    std::array<int, Capacity> ring_{};
    fifo senders_, receivers_;
};

} // namespace floors
