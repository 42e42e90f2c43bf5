// SPDX-License-Identifier: MIT
#include <weft/coro/task_allocation.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <memory_resource>
#include <utility>

#include <weft/compose/with_timeout.hpp>
#include <weft/time/sleep.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/steps.hpp"

using namespace std::chrono_literals;

namespace {

/// Counts the bytes that are out.
class counting : public std::pmr::memory_resource {
public:
    std::size_t out = 0;
    std::size_t total = 0;

private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
        out += bytes;
        total += bytes;
        return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    }
    void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
        out -= bytes;
        std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
    }
    bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

using allocator = std::pmr::polymorphic_allocator<std::byte>;

weft::task<int> add(std::allocator_arg_t, allocator, int a, int b) {
    const weft::testing::tracked local;
    co_await weft::sleep_for(1ms);
    co_return a + b;
}

struct adder {
    int a;
    weft::task<int> add(std::allocator_arg_t, allocator, int b) const { co_return a + b; }
};

} // namespace

TEST_CASE("a task's frame comes from the allocator among its parameters",
          "[coro][task_allocation]") {
    counting memory;
    run([&]() -> weft::task<> {
        auto sum = add(std::allocator_arg, &memory, 3, 4);
        CHECK(memory.out > 0);
        const int value = co_await std::move(sum);
        CHECK(value == 7);
        CHECK(memory.out == 0);

        const adder two{2};
        const int other = co_await two.add(std::allocator_arg, &memory, 3);
        CHECK(other == 5);
        auto lambda = [](std::allocator_arg_t, allocator) -> weft::task<int> { co_return 1; };
        const auto before = memory.total;
        const int one = co_await lambda(std::allocator_arg, &memory);
        CHECK(one == 1);
        CHECK(memory.total > before);
    });

    CHECK(memory.out == 0);
}

TEST_CASE("an allocated task gives its memory back wherever it is ended",
          "[coro][task_allocation]") {
    counting memory;
    { auto unstarted = add(std::allocator_arg, &memory, 1, 2); }
    CHECK(memory.out == 0);

    run([&]() -> weft::task<> {
        auto none = co_await weft::try_for(1us, add(std::allocator_arg, &memory, 1, 2));
        CHECK_FALSE(none);
        CHECK(memory.out == 0);
    });
    {
        test_loop loop;
        loop.spawn(add(std::allocator_arg, &memory, 1, 2));
        loop.poll();
        CHECK(memory.out > 0);
    }
    CHECK(memory.out == 0);
}
