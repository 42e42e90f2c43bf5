// SPDX-License-Identifier: MIT
//
// What a test must leave as it was: the descriptors of the process, and its children.
#pragma once

#include <cerrno>
#include <cstddef>
#include <set>
#include <string>

#include <dirent.h>
#include <sys/wait.h>

#include "support/catch.hpp"

/// The numbers of the descriptors that are open.
inline std::set<std::string> open_descriptors() {
    std::set<std::string> result;
    ::DIR* const folder = ::opendir("/proc/self/fd");
    REQUIRE(folder);
    const auto own = std::to_string(::dirfd(folder));
    while (const auto* entry = ::readdir(folder)) result.insert(entry->d_name);
    ::closedir(folder);
    result.erase(own);
    return result;
}

/// Checks, when it goes, that no descriptor was opened or closed since it came, and that there is
/// no child, not even a dead one.
class nothing_left_open {
public:
    nothing_left_open() = default;
    nothing_left_open(const nothing_left_open&) = delete;
    ~nothing_left_open() {
        CHECK(open_descriptors() == before_);
        CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
        CHECK(errno == ECHILD);
    }

private:
    std::set<std::string> before_ = open_descriptors();
};
