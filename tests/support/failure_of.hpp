// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <weft/testing/leak_check.hpp>

/// What `f()`, a sweep or its like, says that it has found.
std::string failure_of(auto f) {
    try {
        f();
    } catch (const weft::testing::failure& found) {
        return found.what();
    }
    return "no failure";
}
