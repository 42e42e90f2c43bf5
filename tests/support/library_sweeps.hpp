// SPDX-License-Identifier: MIT
//
// The library under its own sweeps: small programs, each about one thing that can be awaited. Each
// is cancelled and destroyed at every step, each of its allocations and system calls fails in turn,
// and it runs in ten thousand orders; with WEFT_LONG in the environment, in a hundred thousand.
//
//     struct semaphore_acquire : scenario {
//         task<> run(simulation&) override { ... }        // requires what holds in the end
//         task<> check(ended) override { ... }            // what holds however it has ended
//         weft::semaphore permits{2};
//     };
//     SWEEP_LIBRARY(semaphore_acquire, "semaphore.acquire")
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <utility>

#include <weft/coro/task.hpp>
#include <weft/testing/cancel_everywhere.hpp>
#include <weft/testing/explore.hpp>
#include <weft/testing/fail_every_allocation.hpp>
#include <weft/testing/fail_every_syscall.hpp>
#include <weft/testing/simulation.hpp>

#include "support/catch.hpp"

namespace library_sweeps {

using weft::task;
using weft::testing::simulation;

/// What was required and did not hold: some sweeps allow their programs any error but this.
inline const char* violated = nullptr;

inline void require(bool holds, const char* what) {
    if (holds) return;
    violated = what;
    throw std::logic_error(what);
}

/// Counts how many are at some place. As a local it is right also when its frame is destroyed.
class at_place {
public:
    explicit at_place(int& count) noexcept : count_(count) { ++count_; }
    at_place(at_place&&) = delete;
    ~at_place() { --count_; }

private:
    int& count_;
};

/// How a run of a scenario has ended.
enum class ended {
    completely,
    cancelled,
    failed, ///< by an error that some fault has led to
    dropped
};

class scenario {
public:
    virtual ~scenario() = default;

    virtual task<> run(simulation& in) = 0;
    /// Afterwards, in the same simulation; the tasks of hosts still live.
    virtual task<> check(ended) { co_return; }
};

/// Runs new scenarios of one kind, again and again.
class library_sweep {
public:
    using maker = std::unique_ptr<scenario> (*)();

    explicit library_sweep(maker make) noexcept : make_(make) {}

    void cancel() {
        early_ = ended::cancelled;
        weft::testing::cancel_everywhere(program{this}, afterwards{this});
    }
    void destroy() {
        early_ = ended::dropped;
        weft::testing::destroy_everywhere(program{this}, afterwards{this});
    }
    void fail() {
        early_ = ended::failed;
        weft::testing::fail_every_allocation(program{this}, afterwards{this});
        weft::testing::fail_every_syscall(program{this}, afterwards{this});
    }
    void explore() {
        const std::size_t orders = std::getenv("WEFT_LONG") ? 100'000 : 10'000;
        weft::testing::explore(orders, [this](simulation& in) { return run_and_check(in); });
    }

private:
    struct program {
        library_sweep* sweep;
        task<> operator()(simulation& in) const { return sweep->run(in); }
    };
    struct afterwards {
        library_sweep* sweep;
        task<> operator()() const { return sweep->check(); }
    };

    task<> run(simulation& in) {
        in_ = &in;
        how_ = early_;
        violated = nullptr;
        scenario_ = make_();
        co_await scenario_->run(in);
        how_ = ended::completely;
    }
    task<> check() {
        if (scenario_) co_await scenario_->check(how_);
        if (in_) in_->drop_hosts(); // which use it
        scenario_.reset();
        in_ = nullptr;
        if (const char* what = std::exchange(violated, nullptr)) throw std::logic_error(what);
    }
    task<> run_and_check(simulation& in) {
        co_await run(in);
        co_await check();
    }

    maker make_;
    ended early_ = ended::completely;
    ended how_ = ended::completely;
    simulation* in_ = nullptr;
    std::unique_ptr<scenario> scenario_;
};

template <class Scenario>
library_sweep sweep_of() {
    return library_sweep(
        []() -> std::unique_ptr<scenario> { return std::make_unique<Scenario>(); });
}

} // namespace library_sweeps

/// The test cases of one scenario.
#define SWEEP_LIBRARY(scenario, name)                                                              \
    TEST_CASE(name ": cancelled everywhere", "[testing][library]") {                               \
        CHECK_NOTHROW(sweep_of<scenario>().cancel());                                              \
    }                                                                                              \
    TEST_CASE(name ": destroyed everywhere", "[testing][library]") {                               \
        CHECK_NOTHROW(sweep_of<scenario>().destroy());                                             \
    }                                                                                              \
    TEST_CASE(name ": every allocation and every system call fails", "[testing][library]") {       \
        CHECK_NOTHROW(sweep_of<scenario>().fail());                                                \
    }                                                                                              \
    TEST_CASE(name ": in ten thousand orders", "[testing][library]") {                             \
        CHECK_NOTHROW(sweep_of<scenario>().explore());                                             \
    }
