// A test of a time-out, in a hundred different orders. Ten seconds pass in no time.
//   ./first_test
#include <stdexcept>
#include <weft/testing/explore.hpp>
#include <weft/weft.hpp>
using namespace std::chrono_literals;
weft::task<> nobody_answers() {
    weft::channel<int> answers(1);
    auto answer = co_await weft::try_for(10s, answers.receive());
    if (answer) throw std::logic_error("an answer from nobody");
}
int main() { weft::testing::explore(100, nobody_answers); }
