// SPDX-License-Identifier: MIT
#include <weft/loop/unhandled_hook.hpp>

#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

#include "support/catch.hpp"

TEST_CASE("an unhandled error reaches the callback, with the name of its task",
          "[loop][unhandled_hook]") {
    weft::unhandled_hook hook;
    std::string log;
    hook.set([&](const std::exception_ptr& error, std::string_view name) {
        weft::visit_error<std::runtime_error>(
            error, [&](const std::runtime_error& found) { log += found.what(); });
        log.append(" in ").append(name);
    });

    hook(std::make_exception_ptr(std::runtime_error("no data")), "reader");

    CHECK(log == "no data in reader");
}

TEST_CASE("a callback may replace itself, and what it throws ends nothing",
          "[loop][unhandled_hook]") {
    weft::unhandled_hook hook;
    int first = 0, second = 0;
    hook.set([&](const std::exception_ptr&, std::string_view) {
        hook.set([&](const std::exception_ptr&, std::string_view) { ++second; });
        ++first; // the captures are still there
        throw std::runtime_error("of the callback, on standard error as it should be");
    });
    const auto error = std::make_exception_ptr(std::runtime_error("the first, as well"));

    hook(error, "");
    hook(error, "");

    CHECK(first == 1);
    CHECK(second == 1);
}
