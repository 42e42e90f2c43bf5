// SPDX-License-Identifier: MIT
#include <weft/core/scheduler_mark.hpp>

#include <exception>
#include <thread>

#include <weft/core/frame_pool.hpp>
#include <weft/core/scheduler.hpp>
#include <weft/coro/task.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"

using weft::scheduler_mark;

TEST_CASE("a mark knows its scheduler until that is gone, on its thread",
          "[core][scheduler_mark]") {
    const no_frame_leaks check;
    scheduler_mark* mark = nullptr;
    {
        test_loop loop;
        mark = &loop.mark();
        CHECK(&loop.mark() == mark); // one for all who ask
        mark->keep();
        CHECK(mark->alive(&weft::this_execution) == &loop);
        std::thread([mark] {
            if (mark->alive(&weft::this_execution) != nullptr) std::terminate();
        }).join();
    }

    CHECK(mark->alive(&weft::this_execution) == nullptr);
    mark->release();
}

TEST_CASE("the last one who keeps a mark frees it, on any thread", "[core][scheduler_mark]") {
    test_loop loop;
    auto* mark = new scheduler_mark(loop, &weft::this_execution);
    for (int i = 0; i != 1000; ++i) mark->keep();
    const auto before = weft::frame_pool::now().live;
    std::thread other([mark] {
        for (int i = 0; i != 500; ++i) mark->release();
    });
    for (int i = 0; i != 500; ++i) mark->release();
    other.join();
    CHECK(mark->alive(&weft::this_execution) == &loop);
    mark->release();
    CHECK(weft::frame_pool::now().live == before - 1);
}

TEST_CASE("a scheduler that does not run is of whoever asks", "[core][scheduler_mark]") {
    test_loop loop;
    scheduler_mark* mark = nullptr;
    const auto is_known = [&] { return mark->alive(&weft::this_execution) == &loop; };
    std::thread([&] {
        loop.run([&]() -> weft::task<> {
            mark = &loop.mark();
            mark->keep();
            CHECK(is_known());
            bool known_elsewhere = true;
            std::thread([&] { known_elsewhere = is_known(); }).join();
            CHECK_FALSE(known_elsewhere);
            co_return;
        });
    }).join();

    CHECK(is_known());
    loop.poll(); // is this thread's meanwhile
    CHECK(is_known());
    mark->release();
}
