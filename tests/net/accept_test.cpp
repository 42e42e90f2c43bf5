// SPDX-License-Identifier: MIT
#include <weft/net/accept.hpp>

#include <cerrno>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>

#include <weft/coro/task_group.hpp>
#include <weft/net/tcp_listener.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/sockets.hpp"
#include "support/stepping_loop.hpp"

using weft::endpoint;
using weft::task;
using weft::tcp_listener;
using weft::this_loop;

namespace {

task<> accepts(tcp_listener& listener) {
    const auto stream = co_await listener.accept();
    CHECK(stream.is_open());
}

} // namespace

TEST_CASE("a connection that failed before it was accepted is passed over", "[net][accept]") {
    failing_calls calls;
    const auto error =
        GENERATE(ECONNABORTED, EINTR, EPROTO, ENETDOWN, ENETUNREACH, EHOSTDOWN, EHOSTUNREACH);
    const auto main = [&]() -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        auto client = co_await weft::connect(listener.local_endpoint());
        calls.on_accept = {error, error, error};

        auto stream = co_await listener.accept();

        CHECK(calls.on_accept.empty());
        CHECK(stream.remote_endpoint() == client.local_endpoint());
    };
    run_on(main, &calls);
}

TEST_CASE("a system without room is an error that names the address, and the connection waits",
          "[net][accept]") {
    failing_calls calls;
    const auto error = GENERATE(EMFILE, ENFILE, ENOBUFS, ENOMEM);
    const auto main = [&]() -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        auto client = co_await weft::connect(listener.local_endpoint());
        calls.on_accept = {error, error};

        const auto what = co_await error_of(accepts(listener));
        CHECK(what == "accepting a connection on " + listener.local_endpoint().to_string() + ": " +
                          std::system_category().message(error));
        std::error_code code;
        const auto none = co_await listener.accept(code);
        CHECK(code.value() == error);
        CHECK_FALSE(none.is_open());

        const auto stream = co_await listener.accept(code);
        CHECK_FALSE(code);
        CHECK(stream.is_open());
    };
    run_on(main, &calls);
}

TEST_CASE("a connection that was accepted for somebody who is gone is closed", "[net][accept]") {
    const no_frame_leaks frames;
    const nothing_left_open check;
    weft::event_loop loop;
    std::optional<tcp_listener> listener;
    std::optional<weft::task_group> owner(std::in_place, loop);
    std::optional<weft::tcp_stream> client;
    loop.spawn([&]() -> task<> {
        listener.emplace(endpoint::loopback(0));
        owner->spawn(accepts, std::ref(*listener));
        co_await settle();
        this_loop().post([&] { owner.reset(); }); // its turn is before that of who accepts
        client = co_await weft::connect(listener->local_endpoint());
    });
    for (int turn = 0; turn < 20 && (owner || !client); ++turn) loop.run_one();
    CHECK_FALSE(owner);
    CHECK(client);
}

TEST_CASE("accepting ends at every point, in every way", "[net][accept]") {
    const nothing_left_open check;
    sweep_on_system([]() -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        const auto connects = [&]() -> task<> {
            auto first = co_await weft::connect(listener.local_endpoint());
            auto second = co_await weft::connect(listener.local_endpoint());
        };
        auto client = this_loop().spawn(connects);
        auto first = co_await listener.accept();
        auto second = co_await listener.accept();
        co_await client.wait();
    });
}
