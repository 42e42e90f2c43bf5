// SPDX-License-Identifier: MIT
#include <weft/net/async_stream.hpp>

#include <cstddef>
#include <system_error>

#include <weft/coro/task.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/duplex.hpp>
#include <weft/net/tcp_stream.hpp>
#include <weft/net/unix_stream.hpp>

#include "support/catch.hpp"

using weft::const_buffer;
using weft::mutable_buffer;
using weft::task;

namespace {

struct least {
    task<std::size_t> read_some(mutable_buffer);
    task<int> write_some(const_buffer);
    task<> shutdown_write();
};
struct reads_nothing_known {
    task<> read_some(mutable_buffer);
    task<std::size_t> write_some(const_buffer);
    task<> shutdown_write();
};
struct blocks {
    std::size_t read_some(mutable_buffer);
    std::size_t write_some(const_buffer);
    void shutdown_write();
};
struct never_ends {
    task<std::size_t> read_some(mutable_buffer);
    task<std::size_t> write_some(const_buffer);
};

} // namespace

TEST_CASE("what is an async_stream, what reports, and what gathers", "[net][async_stream]") {
    STATIC_REQUIRE(weft::async_stream<least>);
    STATIC_REQUIRE_FALSE(weft::reporting_stream<least>);
    STATIC_REQUIRE_FALSE(weft::gathering_stream<least>);
    STATIC_REQUIRE_FALSE(weft::async_stream<reads_nothing_known>);
    STATIC_REQUIRE_FALSE(weft::async_stream<blocks>);
    STATIC_REQUIRE_FALSE(weft::async_stream<never_ends>);
    STATIC_REQUIRE_FALSE(weft::async_stream<int>);
}

TEMPLATE_TEST_CASE("weft's own streams are all of it", "[net][async_stream]", weft::duplex,
                   weft::tcp_stream, weft::unix_stream) {
    STATIC_REQUIRE(weft::async_stream<TestType>);
    STATIC_REQUIRE(weft::reporting_stream<TestType>);
    STATIC_REQUIRE(weft::gathering_stream<TestType>);
}
