// Two look-ups that wait at the same time, on one thread: 300 ms, not 600.
//   ./hello
#include <iostream>
#include <weft/weft.hpp>
using namespace std::chrono_literals;
weft::task<std::string> look_up(std::string word) {
    co_await weft::sleep_for(300ms); // meanwhile, others run
    co_return word;
}
weft::task<> hello() {
    auto words = co_await weft::when_all(look_up("Hello"), look_up("world"));
    std::cout << std::get<0>(words) << ", " << std::get<1>(words) << "!\n";
}
int main() { weft::run(hello()); }
