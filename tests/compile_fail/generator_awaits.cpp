// expect: deleted.*await_transform|await_transform.*deleted
#include <weft/coro/generator.hpp>

weft::generator<int> waits() {
    co_await std::suspend_never{};
    co_yield 1;
}

int main() {
    for (int each : waits()) return each;
}
