// SPDX-License-Identifier: MIT
//
// What a child of fork does with what it has got a copy of.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"

/// Calls `in_child()` in a child process. Returns what that returned; if a signal has ended the
/// child before, that signal's number, negative.
template <class F>
int exit_code_of(F in_child) {
    const auto child = ::fork();
    // What it throws must not lead the child into the tests that follow.
    if (child == 0) [&]() noexcept { ::_exit(in_child()); }();
    REQUIRE(child > 0);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
