// A C library that reports through callbacks, awaited: from_callback starts the request and gives
// it a completer; on_cancel withdraws the request when nobody waits any more.
//   ./callback_bridge
#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <weft/weft.hpp>
using namespace std::chrono_literals;

// ---- The library: a thermometer, as C would have it. Its dispatch function is called by the
// program. ----
using reading_callback = void (*)(double celsius, void* user);
struct thermometer {
    std::map<int, std::pair<reading_callback, void*>> requests;
    int next_request = 0;
};

int thermometer_request(thermometer* device, reading_callback done, void* user) {
    device->requests[++device->next_request] = {done, user};
    return device->next_request;
}
void thermometer_withdraw(thermometer* device, int request) { device->requests.erase(request); }
void thermometer_dispatch(thermometer* device) {
    for (auto& [request, waiting] : std::exchange(device->requests, {}))
        waiting.first(21.5, waiting.second);
}

// ---- The bridge: this is all that is needed. ----
weft::task<double> read_temperature(thermometer& device) {
    int request = 0;
    void* user = nullptr;
    auto start = [&](weft::completer<double> done) {
        auto on_reading = [](double celsius, void* waiting) {
            weft::completer<double>::from(waiting).set_value(celsius);
        };
        user = std::move(done).release(); // a completer as the one void* that C callbacks take
        request = thermometer_request(&device, on_reading, user);
    };
    auto withdraw = [&] {
        thermometer_withdraw(&device, request);
        weft::completer<double>::from(user); // taken back: no callback will
        std::cout << "request " << request << " withdrawn\n";
    };
    const double celsius = co_await weft::from_callback<double>(start, withdraw);
    co_return celsius;
}

weft::task<> measure() {
    thermometer device;
    auto dispatch = [&]() -> weft::task<> {
        co_await weft::sleep_for(100ms);
        thermometer_dispatch(&device);
    };
    auto both = co_await weft::when_all(read_temperature(device), dispatch());
    std::cout << "it is " << std::get<0>(both) << " degrees\n";

    auto late = co_await weft::try_for(100ms, read_temperature(device)); // nobody dispatches now
    std::cout << (late ? "?" : "no answer within 100 ms") << '\n';
}

int main() { weft::run(measure()); }
