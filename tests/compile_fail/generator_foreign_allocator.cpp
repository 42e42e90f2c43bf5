// expect: must convert to the coroutine's allocator
#include <memory_resource>

#include <weft/coro/generator.hpp>

weft::pmr::generator<int> count(std::allocator_arg_t, std::pmr::memory_resource&) { co_yield 1; }

int main() {
    for (int each : count(std::allocator_arg, *std::pmr::new_delete_resource())) return each;
}
