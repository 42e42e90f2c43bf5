// Producers and consumers around a bounded channel: send waits while the channel is full, so a fast
// producer cannot run away from slow consumers. Closing it ends the consumers once they have
// drained it.
//   ./producer_consumer
#include <chrono>
#include <iostream>
#include <weft/weft.hpp>
using namespace std::chrono_literals;

weft::task<> produce(weft::channel<int>& orders, int first) {
    for (int order = first; order < first + 5; ++order) {
        co_await orders.send(order);
        std::cout << "order " << order << " placed\n";
    }
}

weft::task<int> consume(weft::channel<int>& orders, int cook) {
    int cooked = 0;
    while (auto order = co_await orders.receive()) { // nothing: closed and drained
        co_await weft::sleep_for(50ms);
        std::cout << "            cook " << cook << " finished order " << *order << '\n';
        ++cooked;
    }
    co_return cooked;
}

weft::task<> serve_dinner() {
    weft::channel<int> orders(2);
    auto service = [&](weft::task_group& kitchen) -> weft::task<> {
        auto first = kitchen.spawn(consume(orders, 1));
        auto second = kitchen.spawn(consume(orders, 2));

        co_await weft::when_all(produce(orders, 100), produce(orders, 200));
        orders.close();

        const int by_first = co_await first;
        const int by_second = co_await second;
        std::cout << "the cooks made " << by_first << " and " << by_second << " dishes\n";
    };
    co_await weft::with_task_group(service); // nobody is left behind when this returns
}

int main() { weft::run(serve_dinner()); }
