// SPDX-License-Identifier: MIT
#include <weft/core/exception_group.hpp>

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using weft::exception_group;

namespace {

template <class E> std::exception_ptr pointer_to(E error) {
    return std::make_exception_ptr(std::move(error));
}

} // namespace

TEST_CASE("a group of errors prints all of them, in order", "[core][exception_group]") {
    const exception_group several({pointer_to(std::runtime_error("disk full")), pointer_to(7),
                                   pointer_to(std::logic_error("no such user"))});
    const exception_group one({pointer_to(std::runtime_error("disk full"))});

    CHECK(std::string(several.what()) == "3 errors: disk full; unknown exception; no such user");
    CHECK(std::string(one.what()) == "1 error: disk full");
    CHECK(several.errors().size() == 3);
}

TEST_CASE("a group of errors finds the first of a kind, at any depth", "[core][exception_group]") {
    const exception_group inner({pointer_to(std::out_of_range("deep")), pointer_to(7)});
    const exception_group outer({pointer_to(std::runtime_error("first")), pointer_to(inner),
                                 pointer_to(std::runtime_error("second"))});

    REQUIRE(outer.find<std::runtime_error>() != nullptr);
    CHECK(std::string(outer.find<std::runtime_error>()->what()) == "first");
    REQUIRE(outer.find<std::out_of_range>() != nullptr);
    CHECK(std::string(outer.find<std::out_of_range>()->what()) == "deep");
    REQUIRE(outer.find<int>() != nullptr);
    CHECK(*outer.find<int>() == 7);
    CHECK(outer.find<std::bad_alloc>() == nullptr);
}
