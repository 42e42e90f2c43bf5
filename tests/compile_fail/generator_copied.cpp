// expect: (deleted|implicitly-deleted|no matching|could not convert)
#include <weft/coro/generator.hpp>

weft::generator<int> numbers();

int main() {
    auto some = numbers();
    auto same = some;
}
