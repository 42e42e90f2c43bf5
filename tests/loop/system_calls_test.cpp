// SPDX-License-Identifier: MIT
#include <weft/loop/system_calls.hpp>

#include <cerrno>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/pipe.hpp"

TEST_CASE("a call returns what the system's does, or the error", "[loop][system_calls]") {
    auto& calls = weft::system_calls::of_this_system();
    int ends[2];
    REQUIRE(calls.pipe(ends) == 0);
    char byte = 'x';

    CHECK(calls.read(ends[0], &byte, 1) == -EAGAIN); // none blocks
    CHECK(calls.write(ends[1], &byte, 1) == 1);
    CHECK(calls.read(ends[0], &byte, 1) == 1);
    CHECK((::fcntl(ends[0], F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(calls.close(ends[0]) == 0);
    CHECK(calls.close(ends[0]) == -EBADF);
    CHECK(calls.close(ends[1]) == 0);
}

TEST_CASE("writing to nobody is an error and no signal", "[loop][system_calls]") {
    auto& calls = weft::system_calls::of_this_system();
    int ends[2];
    REQUIRE(calls.pipe(ends) == 0);
    calls.close(ends[0]);

    CHECK(calls.write(ends[1], "x", 1) == -EPIPE); // the default action would end this process

    ::sigset_t now;
    REQUIRE(::sigpending(&now) == 0);
    CHECK(::sigismember(&now, SIGPIPE) == 0);
    REQUIRE(::pthread_sigmask(SIG_BLOCK, nullptr, &now) == 0);
    CHECK(::sigismember(&now, SIGPIPE) == 0);
    calls.close(ends[1]);

    socket_pair pair;
    pair.theirs = {};
    CHECK(calls.send(pair.ours.get(), "x", 1, 0) == -EPIPE);
}
