// Timers and cancelling: a countdown that Enter aborts. Aborting destroys the task where it waits,
// and its destructors run; nothing is thrown and no flag is checked.
//   ./countdown        counts from 5       ./countdown 3        from 3
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <unistd.h>
#include <weft/weft.hpp>
using namespace std::chrono_literals;

struct engines {
    engines() { std::cout << "engines on\n"; }
    ~engines() { std::cout << "engines off\n"; } // also when the countdown is cancelled
};

weft::task<> count_down(int from) {
    engines running;
    weft::ticker second(1s); // does not drift, as a loop of sleep_for(1s) would
    for (int left = from; left > 0; --left) {
        std::cout << left << "..." << std::endl;
        co_await second.next();
    }
    std::cout << "lift-off\n";
}

weft::task<> launch(int from) {
    // The first to complete decides; the other is cancelled, and has ended when when_any returns.
    auto ended = co_await weft::when_any(count_down(from), weft::wait_readable(STDIN_FILENO));
    auto& [counted, key] = ended;
    if (key && !counted) std::cout << "aborted\n";
}

int main(int argc, char** argv) {
    std::cout << "Enter aborts\n";
    weft::run(launch(argc > 1 ? std::atoi(argv[1]) : 5));
}
