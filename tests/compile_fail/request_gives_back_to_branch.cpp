// expect: give_back takes nothing
// SPDX-License-Identifier: MIT
#include <weft/sync/wait_queue.hpp>

struct request {
    weft::wait_queue* at;

    weft::wait_queue& queue() noexcept { return *at; }
    bool begin() noexcept { return false; }
    void result() noexcept {}
    void give_back(weft::branch&) noexcept {}
    static constexpr const char* name = "request";
};

auto wait(weft::wait_queue& queue) {
    return weft::wait_queue::wait<request>(&queue).operator co_await();
}
