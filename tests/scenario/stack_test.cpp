// SPDX-License-Identifier: MIT
//
// No program that awaits can overflow the stack: not with long loops of awaits that complete at
// once, not with deep chains, however they end. What is measured is the stack that was touched.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <pthread.h>
#include <sys/mman.h>

#include <weft/core/child.hpp>
#include <weft/core/fork.hpp>
#include <weft/core/prepared.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;
using weft::event_loop;
using weft::task;

#if defined(__has_feature)
#define WEFT_HAS_FEATURE(x) __has_feature(x)
#else
#define WEFT_HAS_FEATURE(x) 0
#endif

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    WEFT_HAS_FEATURE(address_sanitizer) || WEFT_HAS_FEATURE(thread_sanitizer)
constexpr int slowdown = 10;
#else
constexpr int slowdown = 1;
#endif
constexpr int many = 10'000'000 / slowdown;
constexpr int deep = 1'000'000 / slowdown;

/// What the loop may use before a transfer goes through it, and 64 KiB beyond.
constexpr std::size_t limit = 16384 + 65536;

/// Runs `f()` on a stack of its own. Returns how many bytes of it were touched.
std::size_t touched_by(std::function<void()> f) {
    constexpr std::size_t size = 8 << 20;
    constexpr unsigned char untouched = 0xa5;
    void* const memory =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    auto* const bottom = static_cast<unsigned char*>(memory);
    std::fill(bottom, bottom + size, untouched);

    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    REQUIRE(::pthread_attr_setstack(&attributes, memory, size) == 0);
    pthread_t thread;
    const auto entry = [](void* function) -> void* {
        (*static_cast<std::function<void()>*>(function))();
        return nullptr;
    };
    REQUIRE(::pthread_create(&thread, &attributes, entry, &f) == 0);
    ::pthread_join(thread, nullptr);
    ::pthread_attr_destroy(&attributes);

    const auto* const deepest =
        std::find_if(bottom, bottom + size, [](unsigned char byte) { return byte != untouched; });
    const auto used = static_cast<std::size_t>(bottom + size - deepest);
    ::munmap(memory, size);
    return used;
}

/// The stack that `f()` takes beyond what a thread and a loop take.
std::size_t stack_of(std::function<void()> f) {
    static const std::size_t none = touched_by([] {
        event_loop loop(event_loop::time::simulated);
        loop.run([]() -> task<> { co_await weft::sleep_for(1s); });
    });
    const auto used = touched_by(std::move(f));
    return used < none ? 0 : used - none;
}

template <class T> auto run_simulated(T main) {
    event_loop loop(event_loop::time::simulated);
    return loop.run(std::move(main));
}

task<int> ready_at_once(int value) { co_return value; }

/// A chain `depth` deep that ends in `leaf()`.
template <class Leaf> task<int> chain(int depth, Leaf leaf) {
    if (depth == 0) {
        co_await leaf();
        co_return 0;
    }
    const int below = co_await chain(depth - 1, leaf);
    co_return below + 1;
}

/// A fork of one branch, or of two: what all combinators are.
template <class A> class nest_operation final : public weft::fork_operation<nest_operation<A>> {
public:
    nest_operation(A a, bool alone) : child_(*this, std::move(a)), alone_(alone) {}
    std::coroutine_handle<> start(weft::branch& parent) noexcept {
        if (alone_) return this->start_only(parent, child_);
        this->start_all(parent, [this](auto&& start_child) { start_child(child_); });
        return std::noop_coroutine();
    }
    void on_child(weft::branch&, weft::ending) noexcept {}
    bool has_result() const noexcept { return false; }
    int await_resume() { return child_.outcome().take(); }

private:
    weft::child<A> child_;
    bool alone_;
};
auto nest(task<int> inner, bool alone) {
    return weft::prepared<nest_operation<task<int>>, task<int>, bool>(std::move(inner), alone);
}

template <class Leaf> task<int> nested(int depth, bool alone, Leaf leaf) {
    if (depth == 0) {
        co_await leaf();
        co_return 0;
    }
    const int below = co_await nest(nested(depth - 1, alone, leaf), alone);
    co_return below + 1;
}

template <class Leaf> task<> groups(int depth, Leaf leaf) {
    weft::task_group children;
    if (depth == 0)
        co_await leaf();
    else
        children.spawn(groups<Leaf>, depth - 1, leaf);
    co_await children.join();
}

/// Starts `main`, lets it come to rest, and ends it by a cancel or a drop.
template <class F> void start_and_end(F main, bool cancel) {
    event_loop loop(event_loop::time::manual);
    std::optional<weft::task_group> owner(std::in_place, loop);
    auto child = owner->spawn(main);
    while (loop.poll() != 0) {}
    if (cancel) {
        child.cancel();
        while (loop.poll() != 0) {}
        if (!child.done()) std::abort();
    }
    owner.reset();
}

const auto finish = []() -> task<> { co_return; };
const auto nap = [] { return weft::sleep_for(1ms); };
const auto stay = [] { return weft::sleep_forever(); };
const auto throws = []() -> task<> {
    throw std::runtime_error("from the deep");
    co_return;
};

} // namespace

TEST_CASE("ten million awaits that complete at once use no stack", "[scenario][stack]") {
    long sum = 0;

    const auto used = stack_of([&] {
        run_simulated([&]() -> task<> {
            for (int i = 0; i < many; ++i) {
                const int one = co_await ready_at_once(1);
                sum += one;
            }
        });
    });

    CHECK(sum == many);
    CHECK(used <= limit);
}

TEST_CASE("a chain a million deep that completes at once uses no stack", "[scenario][stack]") {
    int depth = 0;
    const auto used = stack_of([&] { depth = run_simulated(chain(deep, finish)); });

    CHECK(depth == deep);
    CHECK(used <= limit);
}

TEST_CASE("a chain a million deep that a timer completes uses no stack", "[scenario][stack]") {
    int depth = 0;
    const auto used = stack_of([&] { depth = run_simulated(chain(deep, nap)); });

    CHECK(depth == deep);
    CHECK(used <= limit);
}

TEST_CASE("an exception that passes through a deep chain uses no stack", "[scenario][stack]") {
    bool caught = false;
    const auto used = stack_of([&] {
        try {
            run_simulated(chain(deep / 10, throws));
        } catch (const std::runtime_error&) {
            caught = true;
        }
    });

    CHECK(caught);
    CHECK(used <= limit + 65536); // the unwinder's own
}

TEST_CASE("destroying an unfinished chain a million deep uses no stack", "[scenario][stack]") {
    const bool cancel = GENERATE(false, true);
    CHECK(stack_of([&] { start_and_end([] { return chain(deep, stay); }, cancel); }) <= limit);
}

TEST_CASE("forks nested deeply complete and end without a stack", "[scenario][stack]") {
    const bool alone = GENERATE(false, true);
    constexpr int depth = deep / 4;
    int returned = 0;

    CHECK(stack_of([&] { returned = run_simulated(nested(depth, alone, finish)); }) <= limit);
    CHECK(returned == depth);
    CHECK(stack_of([&] { returned = run_simulated(nested(depth, alone, nap)); }) <= limit);
    CHECK(returned == depth);
    for (const bool cancel : {false, true})
        CHECK(stack_of([&] {
                  start_and_end([=] { return nested(depth, alone, stay); }, cancel);
              }) <= limit);
}

TEST_CASE("groups nested deeply complete and end without a stack", "[scenario][stack]") {
    constexpr int depth = deep / 4;

    CHECK(stack_of([&] { run_simulated(groups(depth, nap)); }) <= limit);
    for (const bool cancel : {false, true})
        CHECK(stack_of([&] { start_and_end([] { return groups(depth, stay); }, cancel); }) <=
              limit);
}

TEST_CASE("children that have not begun and own groups of the like are dropped without a stack",
          "[scenario][stack]") {
    const auto holds = [](std::unique_ptr<weft::task_group>) -> task<> { co_return; };
    const auto used = stack_of([&] {
        event_loop loop(event_loop::time::manual);
        std::unique_ptr<weft::task_group> outermost;
        for (int i = 0; i != deep / 10; ++i) {
            auto outer = std::make_unique<weft::task_group>(loop);
            outer->spawn(holds(std::move(outermost)));
            outermost = std::move(outer);
        }
    });
    CHECK(used <= limit + 65536); // a drop within a drop takes more than a coroutine
}

TEST_CASE("the stack that may be used is a choice of the loop's user", "[scenario][stack]") {
    const auto used_with = [](std::size_t allowance) {
        return stack_of([=] {
            event_loop loop(event_loop::time::simulated);
            loop.set_stack_allowance(allowance);
            loop.run(chain(deep, finish));
        });
    };

    CHECK(used_with(0) <= 65536);
    CHECK(used_with(262144) <= 262144 + 65536);
}

namespace {

task<int> down(int depth, weft::testing::tracked) {
    if (depth == 0) co_return 0;
    const int below = co_await down(depth - 1, weft::testing::tracked());
    co_return below + 1;
}

} // namespace

TEST_CASE("a chain can be ended whenever it waits for the stack to unwind", "[scenario][stack]") {
    constexpr int depth = 200; // unwinds for each transfer, and its turn is over after 64 of them
    enum class way { is_cancelled, is_dropped, runs };
    for (const way how : {way::is_cancelled, way::is_dropped, way::runs})
        for (int turns = 0; turns != 12; ++turns) {
            INFO(static_cast<int>(how) << ' ' << turns);
            {
                branches b;
                int result = -1;
                const auto chain = b.spawn([&]() -> task<> {
                    weft::this_loop().set_stack_allowance(0);
                    co_await weft::yield();
                    result = co_await down(depth, weft::testing::tracked());
                    co_await weft::yield();
                });
                for (int i = 0; i != turns; ++i) b.turn();
                if (how == way::is_cancelled) b.cancel(chain);
                if (how == way::is_dropped) b.drop(chain);
                b.run();
                CHECK((result == depth || (result == -1 && b.was_destroyed(chain))));
                CHECK_FALSE(b.is_alive(chain));
                if (how == way::runs || turns >= 10)
                    CHECK(b.has_ended(chain));
                else if (turns <= 6)
                    CHECK(b.was_destroyed(chain));
            }
            CHECK(weft::testing::tracked::alive == 0);
        }
}
