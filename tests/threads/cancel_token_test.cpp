// SPDX-License-Identifier: MIT
#include <weft/threads/cancel_token.hpp>

#include <optional>
#include <thread>

#include <weft/core/error.hpp>

#include "support/catch.hpp"

using weft::cancel_source;
using weft::cancel_token;

TEST_CASE("a token of nobody is never cancelled", "[threads][cancel_token]") {
    const cancel_token token;
    CHECK_FALSE(token.cancel_requested());
    CHECK_NOTHROW(token.throw_if_cancelled());
}

TEST_CASE("a cancel reaches all copies of a token, on all threads", "[threads][cancel_token]") {
    cancel_source source;
    const auto token = source.token();
    CHECK_FALSE(token.cancel_requested());
    std::thread other([copy = token] {
        while (!copy.cancel_requested()) std::this_thread::yield();
    });

    source.request_cancel();
    other.join();
    CHECK(token.cancel_requested());
    CHECK_THROWS_AS(token.throw_if_cancelled(), weft::cancelled_error);
}

TEST_CASE("a token outlives its source", "[threads][cancel_token]") {
    std::optional<cancel_source> source(std::in_place);
    const auto token = source->token();
    source->request_cancel();
    source.reset();
    CHECK(token.cancel_requested());
}
