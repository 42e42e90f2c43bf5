// SPDX-License-Identifier: MIT
//
// Branches that a test steps, cancels and drops by hand: what can happen to a task from outside, at
// any moment that the test chooses.
//
//     branches b;
//     auto waiter = b.spawn([&]() -> weft::task<> { co_await event.wait(); });
//     b.run();                              // until nothing is ready
//     b.cancel(waiter);
//     b.run();
//     CHECK(b.was_destroyed(waiter));
//
// Time stands still; what a body throws is kept: `rethrow`. In the end every frame has to be gone.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/event_loop.hpp>

#include "support/run.hpp"

class branches {
public:
    branches() = default;
    branches(branches&&) = delete;
    /// Drops those that live, newest first.
    ~branches() {
        while (!all_.empty()) all_.pop_back();
    }

    /// Starts `body()`, when its turn comes, in a branch of its own. Returns its number.
    template <class Body>
    std::size_t spawn(Body body) {
        all_.push_back(std::make_unique<one>(loop_));
        auto& fresh = *all_.back();
        fresh.body = std::move(body);
        fresh.handle = fresh.group.spawn(call(fresh));
        return all_.size() - 1;
    }

    /// Runs what is ready now. Returns how many branches that were.
    std::size_t turn() { return loop_.poll(); }
    /// Takes turns until nothing is ready.
    void run() {
        while (turn() != 0) {}
    }

    void cancel(std::size_t number) { all_[number]->handle.cancel(); }
    /// Destroys it now.
    void drop(std::size_t number) { all_[number]->group.drop_children(); }

    /// It returned or threw.
    bool has_ended(std::size_t number) const { return all_[number]->ended; }
    /// It was destroyed before it could end.
    bool was_destroyed(std::size_t number) const {
        return !all_[number]->ended && all_[number]->handle.done();
    }
    bool is_alive(std::size_t number) const { return !all_[number]->handle.done(); }
    bool has_thrown(std::size_t number) const { return all_[number]->error != nullptr; }
    void rethrow(std::size_t number) const { std::rethrow_exception(all_[number]->error); }

    std::size_t size() const { return all_.size(); }

private:
    struct one {
        explicit one(weft::event_loop& loop) : group(loop) {}

        std::function<weft::task<>()> body; // outlives the coroutine, which may refer to captures
        bool ended = false;
        std::exception_ptr error;
        weft::task_group group;
        weft::join_handle<> handle;
    };

    static weft::task<> call(one& self) {
        try {
            co_await self.body();
        } catch (...) {
            self.error = std::current_exception();
        }
        self.ended = true;
    }

    no_frame_leaks check_;
    test_loop loop_;
    std::vector<std::unique_ptr<one>> all_;
};
