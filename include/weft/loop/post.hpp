// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <weft/core/awaitable.hpp>
#include <weft/core/frame_pool.hpp>
#include <weft/core/raise.hpp>
#include <weft/core/scheduler.hpp>
#include <weft/loop/inbox.hpp>

namespace weft {

/// A callback in a queue. It is destroyed before it is called, so that it may post itself again.
template <class F, class Storage>
class posted final : public runnable, public Storage {
    static_assert(!awaiter_takes_all<std::invoke_result_t<F&>>,
                  "a callback is called and not awaited: a coroutine would never run; spawn it");

public:
    explicit posted(F callback) : callback_(std::move(callback)) {}

    void run() noexcept override {
        guarded(
            [this] {
                std::unique_ptr<posted> self(this);
                F callback = std::move(callback_);
                self.reset();
                callback();
            },
            [](std::exception_ptr error) { report_unhandled(std::move(error), "a callback"); });
    }
    void discard() noexcept override { delete this; }

private:
    F callback_;
};

/// Storage for callbacks that travel between threads: a pool would fill up at one end.
struct on_heap {};

/// Reaches a loop from any thread, also when the loop is gone. Copyable.
class loop_handle {
public:
    explicit loop_handle(std::shared_ptr<inbox> door) noexcept : door_(std::move(door)) {}

    /// Has the loop call `f()` in its next turn, after what was posted before. Returns false if
    /// the loop is gone: then `f` is destroyed and not called.
    /// Errors   What `f` throws is unhandled.
    /// Threads  Any.
    template <class F>
    bool post_threadsafe(F f) const {
        auto item = std::make_unique<posted<F, on_heap>>(std::move(f));
        if (!door_->push(*item)) return false;
        item.release();
        return true;
    }

    /// As `post_threadsafe`, of somebody who has a place for it: this allocates nothing.
    /// Lifetime  `item` must live until it has run or was discarded.
    bool enqueue_threadsafe(runnable& item) const noexcept { return door_->push(item); }

private:
    std::shared_ptr<inbox> door_;
};

} // namespace weft
