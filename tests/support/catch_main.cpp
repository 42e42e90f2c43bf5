// SPDX-License-Identifier: MIT
//
// The main function of every test program, for Catch2 v2 (v3 brings its own). Compiled here because a
// distribution's copy is built with one standard library and fits no other.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
