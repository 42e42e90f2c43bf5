// SPDX-License-Identifier: MIT
#include <weft/core/operation_base.hpp>

#include <string>
#include <type_traits>

#include "support/catch.hpp"

// How branches use operations: operation_test.cpp and branch_test.cpp.

TEST_CASE("an operation has a name, and waits for no branches, unless it says so",
          "[core][operation_base]") {
    struct nameless final : weft::waiting_operation {
        bool withdraw() noexcept override { return true; }
        const weft::branch* whose() const { return waiter(); }
    } operation;

    CHECK(std::string(operation.describe()) == "operation");
    CHECK(operation.children() == nullptr);
    CHECK(operation.whose() == nullptr);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<nameless>);
}
