// weft inside somebody else's loop: the program owns poll(2) and draws frames; weft's loop is one
// descriptor among its own, and runs for a moment whenever something is due.
//   ./embed
#include <chrono>
#include <iostream>
#include <poll.h>
#include <weft/weft.hpp>
using namespace std::chrono_literals;

weft::task<> walk(const char* name, std::chrono::milliseconds step) {
    for (int metre = 1; metre <= 3; ++metre) {
        co_await weft::sleep_for(step);
        std::cout << "  " << name << " is " << metre << " m along\n";
    }
}

/// How long poll(2) may wait: until the next frame, or until a timer of weft's is due.
int milliseconds_to_wait(const weft::event_loop& loop, weft::time_point next_frame) {
    auto until = next_frame;
    if (auto deadline = loop.next_deadline(); deadline && *deadline < until) until = *deadline;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(until - loop.now());
    return wait > 0ms ? static_cast<int>(wait.count()) : 0;
}

int main() {
    weft::event_loop loop;
    auto fox = loop.spawn(walk("the fox", 70ms));
    auto snail = loop.spawn(walk("the snail", 160ms));

    auto next_frame = loop.now();
    for (int frame = 0; !fox.done() || !snail.done();) {
        loop.poll(); // what is ready runs; never waits

        if (loop.now() >= next_frame) {
            std::cout << "frame " << frame++ << '\n';
            next_frame += 50ms;
        }
        // The program's own descriptors would stand beside it. A loop on a poll_reactor has none,
        // -1: there, look every few milliseconds.
        pollfd weft_descriptor{loop.native_handle(), POLLIN, 0};
        ::poll(&weft_descriptor, 1, milliseconds_to_wait(loop, next_frame));
    }
}
