// expect: must use plain pointers
#include <cstddef>

#include <weft/coro/generator.hpp>

template <class T>
struct fancy_pointer {
    T* to;
};

template <class T>
struct fancy_allocator {
    using value_type = T;
    using pointer = fancy_pointer<T>;
    pointer allocate(std::size_t);
    void deallocate(pointer, std::size_t);
};

weft::generator<int, void, fancy_allocator<char>> count() { co_yield 1; }

int main() {
    for (int each : count()) return each;
}
