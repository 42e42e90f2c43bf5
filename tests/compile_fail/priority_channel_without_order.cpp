// expect: a priority_channel<T> needs `operator<` of T
#include <weft/sync/priority_channel.hpp>

struct job {};

int main() {
    weft::priority_channel<job> jobs(1);
}
