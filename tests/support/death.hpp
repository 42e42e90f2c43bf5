// SPDX-License-Identifier: MIT
//
// What a broken rule does: it ends the program, in a child process, and says one line before.
#pragma once

#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"

/// Calls `f()` in a child process. Returns what that printed to standard error if it ended by
/// `std::terminate` or `std::abort`, else "survived".
template <class F> std::string last_words(F f) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const auto child = ::fork();
    if (child == 0) {
        ::dup2(ends[1], 2);
        ::close(ends[0]);
        ::close(ends[1]);
        // Not the test runner's handlers, which would report a failed test.
        for (const int signal : {SIGABRT, SIGSEGV}) std::signal(signal, SIG_DFL);
        std::set_terminate([] { std::abort(); });
        f();
        std::_Exit(0);
    }
    ::close(ends[1]);
    std::string text;
    char part[256];
    for (ssize_t size; (size = ::read(ends[0], part, sizeof part)) > 0;)
        text.append(part, static_cast<std::size_t>(size));
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? text : "survived";
}
