// SPDX-License-Identifier: MIT
//
// After warm-up nothing comes from the heap: each scenario is repeated, and counted.
#include <cstddef>
#include <cstdlib>
#include <new>
#include <optional>
#include <utility>

#include <weft/weft.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;
using weft::task;

namespace {
std::size_t heap_allocations = 0;
}

// All forms, because a sanitizer has its own of each; not inlined, lest g++ warn of a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    ++heap_allocations;
    return std::malloc(size != 0 ? size : 1);
}
[[gnu::noinline]] void* operator new(std::size_t size) {
    if (void* const block = operator new(size, std::nothrow)) return block;
    throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new[](std::size_t size) { return operator new(size); }
[[gnu::noinline]] void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return operator new(size, std::nothrow);
}
[[gnu::noinline]] void operator delete(void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete[](void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete[](void* block, std::size_t) noexcept { std::free(block); }

namespace {

/// How often `scenario` allocates from the heap, once it is warm.
template <class Scenario>
std::size_t allocations_of(Scenario scenario) {
    return run([&]() -> task<std::size_t> {
        for (int i = 0; i < 3; ++i) co_await scenario();
        const auto before = heap_allocations;
        for (int i = 0; i < 200; ++i) co_await scenario();
        co_return heap_allocations - before;
    });
}

#define CHECK_NO_ALLOCATION(scenario)                                                              \
    do {                                                                                           \
        const std::size_t allocations = allocations_of(scenario);                                  \
        if (weft::frame_pool::detail::every_block_from_the_heap)                                   \
            CHECK(allocations != 0); /* a sanitizer watches every block: see frame_pool.hpp */     \
        else                                                                                       \
            CHECK(allocations == 0);                                                               \
    } while (false)

task<int> answer(int depth) {
    if (depth == 0) co_return 42;
    const int below = co_await answer(depth - 1);
    co_return below;
}

} // namespace

TEST_CASE("awaiting allocates nothing from the heap", "[scenario][allocation]") {
    auto chain = []() -> task<> { static_cast<void>(co_await answer(100)); };
    auto generator = []() -> task<> {
        auto numbers = []() -> weft::async_generator<int> {
            for (int i = 0; i < 3; ++i) {
                co_await weft::yield();
                co_yield i;
            }
        };
        auto items = numbers();
        while (int* item = co_await items.next()) static_cast<void>(item);
    };

    CHECK_NO_ALLOCATION(chain);
    CHECK_NO_ALLOCATION(generator);
}

TEST_CASE("sleeping allocates nothing from the heap", "[scenario][allocation]") {
    auto sleeps = []() -> task<> {
        co_await weft::sleep_for(1ms);
        co_await weft::sleep_for(1h);
        co_await weft::yield();
    };
    auto cancelled = []() -> task<> {
        auto late = co_await weft::try_for(1ms, weft::sleep_for(1h));
        auto in_time = co_await weft::with_timeout(1h, answer(1));
        static_cast<void>(late), static_cast<void>(in_time);
    };

    CHECK_NO_ALLOCATION(sleeps);
    CHECK_NO_ALLOCATION(cancelled);
}

TEST_CASE("locking allocates nothing from the heap", "[scenario][allocation]") {
    auto contend = []() -> task<> {
        weft::mutex mutex;
        weft::semaphore permits(1);
        auto user = [&]() -> task<> {
            auto lock = co_await mutex.lock();
            auto permit = co_await permits.acquire();
            co_await weft::yield();
        };
        co_await weft::when_all(user(), user(), user());
    };
    auto signal = []() -> task<> {
        weft::event begun;
        weft::mutex mutex;
        weft::condition_variable changed;
        bool done = false;
        auto waiter = [&]() -> task<> {
            co_await begun.wait();
            auto lock = co_await mutex.lock();
            co_await changed.wait(lock, [&] { return done; });
        };
        auto setter = [&]() -> task<> {
            begun.set();
            co_await weft::yield();
            auto lock = co_await mutex.lock();
            done = true;
            changed.notify_all();
        };
        co_await weft::when_all(waiter(), waiter(), setter());
    };

    CHECK_NO_ALLOCATION(contend);
    CHECK_NO_ALLOCATION(signal);
}

TEST_CASE("sending allocates nothing from the heap", "[scenario][allocation]") {
    weft::channel<int> buffered(4), rendezvous(0);
    auto exchange = [](weft::channel<int>& through) {
        return [&through]() -> task<> {
            auto produce = [&]() -> task<> {
                for (int i = 0; i < 10; ++i) co_await through.send(i);
            };
            auto consume = [&]() -> task<> {
                for (int i = 0; i < 10; ++i) static_cast<void>(co_await through.receive());
            };
            co_await weft::when_all(produce(), consume());
        };
    };

    CHECK_NO_ALLOCATION(exchange(buffered));
    CHECK_NO_ALLOCATION(exchange(rendezvous));
}

TEST_CASE("spawning and cancelling allocate nothing from the heap", "[scenario][allocation]") {
    auto spawns = []() -> task<> {
        auto body = [](weft::task_group& group) -> task<> {
            for (int i = 0; i < 20; ++i) group.spawn(answer, i);
            auto handle = group.spawn(answer(2));
            static_cast<void>(co_await handle);
        };
        co_await weft::with_task_group(body);
    };
    auto cancels = []() -> task<> {
        auto body = [](weft::task_group& group) -> task<> {
            auto sleeper = []() -> task<> { co_await weft::sleep_forever(); };
            auto careful = [&]() -> task<> {
                co_await weft::finally(weft::sleep_forever(), [] { return weft::yield(); });
            };
            for (int i = 0; i < 10; ++i) group.spawn(sleeper);
            group.spawn(careful);
            co_await weft::yield();
            co_await weft::yield();
            group.cancel();
        };
        co_await weft::with_task_group(body);
    };
    auto forks = []() -> task<> {
        auto first = co_await weft::when_any(weft::sleep_for(1ms), weft::sleep_for(1h), answer(3));
        auto all = co_await weft::when_all(answer(1), answer(2));
        auto shielded = co_await weft::shield(answer(1));
        static_cast<void>(first), static_cast<void>(all), static_cast<void>(shielded);
    };

    CHECK_NO_ALLOCATION(spawns);
    CHECK_NO_ALLOCATION(cancels);
    CHECK_NO_ALLOCATION(forks);
}

TEST_CASE("what is completed from another thread travels without memory of its own",
          "[scenario][allocation]") {
    std::size_t needed = 1;
    weft::run([&]() -> task<> {
        co_await weft::from_callback_threadsafe<int>([&](auto done) {
            const auto before = heap_allocations;
            done.set_value(1);
            needed = heap_allocations - before;
        });
    });

    CHECK(needed == 0); // it could not be delivered when memory is short
}
