// SPDX-License-Identifier: MIT
//
// One name for both generations of Catch2: what is written for v3 compiles with Debian 12's 2.13, too.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>

#include <string>

namespace Catch::Matchers {
/// v3's name for v2's `Contains`.
inline auto ContainsSubstring(const std::string& text,
                              CaseSensitive::Choice sensitivity = CaseSensitive::Yes) {
    return Contains(text, sensitivity);
}
} // namespace Catch::Matchers
#endif
