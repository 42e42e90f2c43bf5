// SPDX-License-Identifier: MIT
#include <weft/net/end_of_stream_error.hpp>

#include <string>

#include <weft/net/buffer.hpp>

#include "support/catch.hpp"

TEST_CASE("the error of a stream that ends too soon keeps what had arrived",
          "[net][end_of_stream_error]") {
    std::string arrived = "half a rec";
    const weft::end_of_stream_error error(weft::bytes(arrived));
    const auto copy = error;
    arrived = "overwritten";

    CHECK(copy.partial() == "half a rec");
    CHECK(copy.code() == weft::errc::closed);
    CHECK_THAT(copy.what(), Catch::Matchers::ContainsSubstring("after 10 bytes"));
}
