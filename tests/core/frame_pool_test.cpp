// SPDX-License-Identifier: MIT
#include <weft/core/frame_pool.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace pool = weft::frame_pool;

namespace {

// Sizes around every limit that the pool has.
const std::vector<std::size_t> sizes{0,    1,    15,   16,   17,    100,   2047,  2048,
                                     2049, 3071, 3072, 4097, 65535, 65536, 65537, 1'000'000};

} // namespace

TEST_CASE("a block is as large as asked for, aligned, and nobody else's", "[core][frame_pool]") {
    struct block {
        unsigned char* memory;
        std::size_t size;
        int mark;
    };
    std::vector<block> blocks;
    int mark = 0;

    for (int round = 0; round < 3; ++round)
        for (const std::size_t size : sizes) {
            auto* memory = static_cast<unsigned char*>(pool::allocate(size));
            CHECK(reinterpret_cast<std::uintptr_t>(memory) % __STDCPP_DEFAULT_NEW_ALIGNMENT__ == 0);
            blocks.push_back({memory, size, ++mark % 251});
            std::memset(memory, blocks.back().mark, size);
        }
    std::size_t overwritten = 0;
    for (const auto& each : blocks) {
        for (std::size_t i = 0; i != each.size; ++i) overwritten += each.memory[i] != each.mark;
        pool::deallocate(each.memory, each.size);
    }

    CHECK(overwritten == 0);
}

TEST_CASE("the pool counts what it has handed out", "[core][frame_pool]") {
    const auto before = pool::now();

    void* const small = pool::allocate(100);
    void* const large = pool::allocate(1'000'000);
    const auto during = pool::now();
    pool::deallocate(small, 100);
    pool::deallocate(large, 1'000'000);
    const auto after = pool::now();

    CHECK(during.allocated == before.allocated + 2);
    CHECK(during.live == before.live + 2);
    CHECK(during.live_bytes >= before.live_bytes + 1'000'100);
    CHECK(after.allocated == during.allocated);
    CHECK(after.live == before.live);
    CHECK(after.live_bytes == before.live_bytes);
}

TEST_CASE("a block that was given back is the next one handed out", "[core][frame_pool]") {
    if (pool::detail::every_block_from_the_heap) return; // so that a use after free is found
    void* const first = pool::allocate(200);
    void* const second = pool::allocate(200);
    const auto reserved = pool::now().reserved_bytes;

    pool::deallocate(first, 200);
    pool::deallocate(second, 200);
    CHECK(pool::allocate(193) == second); // of the same list
    CHECK(pool::allocate(208) == first);
    pool::deallocate(first, 208);
    pool::deallocate(second, 193);

    CHECK(pool::now().reserved_bytes == reserved);
}

TEST_CASE("after warm-up the pool asks the heap for nothing", "[core][frame_pool]") {
    if (pool::detail::every_block_from_the_heap) return;
    const auto use = [] {
        std::vector<std::pair<void*, std::size_t>> blocks;
        for (std::size_t i = 0; i != 1000; ++i) {
            const auto size = i * 37 % 3000;
            blocks.emplace_back(pool::allocate(size), size);
        }
        for (const auto& [memory, size] : blocks) pool::deallocate(memory, size);
    };
    use();
    const auto reserved = pool::now().reserved_bytes;

    for (int round = 0; round < 10; ++round) use();

    CHECK(pool::now().reserved_bytes == reserved);
}

TEST_CASE("a class that is `allocated` lives in the pool", "[core][frame_pool]") {
    struct record : pool::allocated {
        char data[300];
    };
    const auto before = pool::now().live;

    auto* const one = new record;
    CHECK(pool::now().live == before + 1);
    delete one;

    CHECK(pool::now().live == before);
}

TEST_CASE("every thread has a pool of its own", "[core][frame_pool]") {
    const auto before = pool::now();
    std::size_t theirs = 0, left = 0;

    std::thread([&] {
        std::vector<void*> blocks;
        for (int i = 0; i < 10'000; ++i) blocks.push_back(pool::allocate(500));
        theirs = pool::now().live;
        for (void* each : blocks) pool::deallocate(each, 500);
        left = pool::now().live;
    }).join();

    CHECK(theirs == 10'000);
    CHECK(left == 0);
    CHECK(pool::now().allocated == before.allocated);
    CHECK(pool::now().reserved_bytes == before.reserved_bytes);
}

TEST_CASE("a block outlives the thread that allocated it", "[core][frame_pool]") {
    void* block = nullptr;
    std::thread([&] { block = pool::allocate(500); }).join();

    std::memset(block, 1, 500);
    pool::deallocate(block, 500); // and stays here

    void* const again = pool::allocate(500);
    CHECK((again == block || pool::detail::every_block_from_the_heap));
    pool::deallocate(again, 500);
}

TEST_CASE("threads that have exchanged blocks may end", "[core][frame_pool]") {
    constexpr std::size_t size = 500;
    void* const mine = pool::allocate(size);
    void* theirs = nullptr;
    std::thread([&] {
        theirs = pool::allocate(size);
        pool::deallocate(mine, size); // the numbers are even now
    }).join();

    // If the memory of the thread is gone, somebody else has it now.
    std::memset(theirs, 1, size);
    std::thread([] {
        for (std::size_t room = 1024; room <= 1'048'576; room *= 2) {
            std::vector<std::unique_ptr<unsigned char[]>> blocks;
            for (int i = 0; i != 8; ++i) {
                blocks.push_back(std::make_unique<unsigned char[]>(room));
                std::memset(blocks.back().get(), 2, room);
            }
        }
    }).join();

    const auto* bytes = static_cast<unsigned char*>(theirs);
    CHECK(std::count(bytes, bytes + size, 1) == static_cast<std::ptrdiff_t>(size));
    pool::deallocate(theirs, size);
}
