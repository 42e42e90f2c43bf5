// SPDX-License-Identifier: MIT
#include <weft/loop/unique_fd.hpp>

#include <type_traits>
#include <utility>

#include <fcntl.h>

#include "support/catch.hpp"

using weft::unique_fd;

namespace {

int open_something() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

} // namespace

TEST_CASE("a unique_fd closes what it owns", "[loop][unique_fd]") {
    const int number = open_something();
    {
        unique_fd owner(number);
        CHECK(owner);
        CHECK(owner.get() == number);
    }

    CHECK_FALSE(is_open(number));
    CHECK_FALSE(unique_fd());
}

TEST_CASE("a unique_fd hands on what it owns", "[loop][unique_fd]") {
    static_assert(!std::is_copy_constructible_v<unique_fd>);
    static_assert(std::is_nothrow_move_constructible_v<unique_fd>);
    const int one = open_something(), two = open_something();
    unique_fd first(one), second(two);

    first = std::move(second);
    CHECK(first.get() == two);
    CHECK_FALSE(second); // NOLINT
    CHECK_FALSE(is_open(one));
    CHECK(is_open(two));

    unique_fd third(std::move(first));
    CHECK(third.release() == two);
    CHECK_FALSE(third);
    CHECK(is_open(two));
    ::close(two);
}
