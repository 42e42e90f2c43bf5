// Generators are views: they compute each element when somebody asks for it.
//   ./fibonacci
#include <cstdint>
#include <iostream>
#include <ranges>
#include <string_view>
#include <utility>
#include <weft/coro/generator.hpp>

// Endless: it is the reader who stops.
weft::generator<std::uint64_t> fibonacci() {
    std::uint64_t a = 0, b = 1;
    for (;;) {
        co_yield a;
        a = std::exchange(b, a + b);
    }
}

// A generator may yield all elements of another one, here of itself: the steps that carry a tower
// of Hanoi from one peg to another.
struct step {
    int disc;
    char from, to;
};
weft::generator<const step&> hanoi(int discs, char from, char to, char spare) {
    if (discs == 0) co_return;
    co_yield weft::elements_of(hanoi(discs - 1, from, spare, to));
    co_yield step{discs, from, to};
    co_yield weft::elements_of(hanoi(discs - 1, spare, to, from));
}

void print(std::string_view title, auto&& numbers) {
    std::cout << title;
    for (auto number : numbers) std::cout << ' ' << number;
    std::cout << '\n';
}

int main() {
    namespace views = std::views;
    auto even = [](std::uint64_t n) { return n % 2 == 0; };
    auto below_million = [](std::uint64_t n) { return n < 1'000'000; };
    auto square = [](std::uint64_t n) { return n * n; };

    print("The first ten:", fibonacci() | views::take(10));
    print("Even ones below a million:",
          fibonacci() | views::take_while(below_million) | views::filter(even));
    print("Squares of the next five:",
          fibonacci() | views::drop(10) | views::take(5) | views::transform(square));

    std::cout << "Three discs from A to C:";
    for (auto [disc, from, to] : hanoi(3, 'A', 'C', 'B'))
        std::cout << "  " << disc << ':' << from << "->" << to;
    std::cout << '\n';
}
