// SPDX-License-Identifier: MIT
#include <weft/net/socket_operation.hpp>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <weft/core/awaitable.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/epoll_reactor.hpp>
#include <weft/loop/poll_reactor.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/tcp_stream.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/pipe.hpp"
#include "support/run.hpp"
#include "support/sockets.hpp"

using weft::readiness;
using weft::task;
using weft::unique_socket;

namespace {

int calls_made = 0;

/// Receives one byte; how it would do that in general is in net/stream_operations.hpp.
struct receive_one : weft::socket_call {
    char* to;

    static constexpr auto direction = readiness::readable;
    static constexpr const char* name = "receive_one";
    std::size_t result(std::size_t size) const noexcept { return size; }
    std::string what(const unique_socket&) const { return "receiving one"; }
    ssize_t operator()(unique_socket& on) const noexcept {
        ++calls_made;
        return on.calls().recv(on.fd(), to, 1, 0);
    }
};
auto receive(unique_socket& from, char& to, std::error_code* code = nullptr) {
    return weft::operate<receive_one>(from, code, &to);
}

/// A loop, and a socket on it whose other end is the test's.
template <class Reactor> struct scene : weft::event_loop {
    scene() : event_loop(std::make_unique<Reactor>()) {
        socket = unique_socket(system().calls(), pair.ours.release());
        socket.attach(*this);
        calls_made = 0;
    }
    ~scene() { socket.close(); }

    /// As many turns as anything here could need; none of them waits.
    void settle() {
        for (int turn = 0; turn < 4; ++turn) poll();
    }
    task<> receives(std::string& log, int times = 1) {
        for (int i = 0; i < times; ++i) {
            char byte;
            std::error_code code;
            const auto size = co_await receive(socket, byte, &code);
            log += code ? code == weft::errc::busy ? "busy " : code.message() + ' '
                        : std::to_string(size) + ' ';
        }
    }

    const no_frame_leaks check;
    socket_pair pair;
    unique_socket socket;
};

const std::string closed = "Bad file descriptor ";

} // namespace

TEMPLATE_TEST_CASE("what is there is received at once, by one call", "[net][socket_operation]",
                   SYSTEM_REACTORS) {
    scene<TestType> loop;
    std::string log;
    loop.pair.arrives(2);

    loop.spawn(loop.receives(log, 2));
    loop.poll();

    CHECK(log == "1 1 ");
    CHECK(calls_made == 2);
}

TEMPLATE_TEST_CASE("what is not there is waited for", "[net][socket_operation]", SYSTEM_REACTORS) {
    scene<TestType> loop;
    std::string log;

    loop.spawn(loop.receives(log, 2));
    loop.settle();
    CHECK(log.empty());
    CHECK(calls_made == 1);
    loop.pair.arrives();
    loop.settle();
    CHECK(log == "1 ");
    loop.pair.arrives();
    loop.settle();

    CHECK(log == "1 1 ");
}

TEMPLATE_TEST_CASE("an operation that found nothing after all goes on waiting",
                   "[net][socket_operation]", SYSTEM_REACTORS) {
    scene<TestType> loop;
    std::string log;
    char taken;
    loop.spawn(loop.receives(log));
    loop.settle();

    loop.pair.arrives();
    REQUIRE(::recv(loop.socket.fd(), &taken, 1, 0) == 1); // by somebody else
    loop.settle();
    CHECK(log.empty());
    loop.pair.arrives();
    loop.settle();

    CHECK(log == "1 ");
}

TEMPLATE_TEST_CASE("a second operation in the same direction is refused",
                   "[net][socket_operation]", SYSTEM_REACTORS) {
    scene<TestType> loop;
    std::string first, second;

    loop.spawn(loop.receives(first, 2));
    loop.settle();
    loop.spawn(loop.receives(second));
    loop.settle();
    CHECK(first.empty());
    CHECK(second == "busy ");
    loop.pair.arrives(2);
    loop.settle();

    CHECK(first == "1 1 ");
}

TEMPLATE_TEST_CASE("an operation under which the socket is closed fails, once",
                   "[net][socket_operation]", SYSTEM_REACTORS) {
    scene<TestType> loop;
    std::string log;
    loop.spawn(loop.receives(log, 2)); // the second finds it closed
    loop.settle();

    loop.socket.close();
    CHECK(log.empty()); // nobody is resumed by the call
    loop.settle();

    CHECK(log == closed + closed);
    CHECK(loop.system().idle());
}

TEMPLATE_TEST_CASE("an operation under which the socket is destroyed fails",
                   "[net][socket_operation]", SYSTEM_REACTORS) {
    scene<TestType> loop;
    std::string log;
    auto socket = std::make_unique<unique_socket>(std::move(loop.socket));
    loop.spawn([&]() -> task<> {
        char byte;
        std::error_code code;
        co_await receive(*socket, byte, &code);
        log = code.message() + ' ';
    });
    loop.settle();

    SECTION("while it waits") {
        socket.reset();
        loop.settle();
        CHECK(log == closed);
    }
    SECTION("when it is complete but has not resumed: that is delivered") {
        loop.post([&] { socket.reset(); });
        loop.pair.arrives();
        loop.poll();
        loop.settle();
        CHECK(log == "Success ");
    }
}

TEMPLATE_TEST_CASE("a socket may be moved while an operation waits", "[net][socket_operation]",
                   SYSTEM_REACTORS) {
    scene<TestType> loop;
    std::string log, refused;
    loop.spawn(loop.receives(log));
    loop.settle();

    unique_socket elsewhere(std::move(loop.socket));
    loop.spawn(loop.receives(refused));
    loop.settle();
    CHECK(refused == closed); // it is empty now
    loop.pair.arrives();
    loop.settle();
    CHECK(log == "1 ");

    loop.socket = std::move(elsewhere);
    loop.pair.arrives();
    loop.spawn(loop.receives(log));
    loop.settle();
    CHECK(log == "1 1 ");
}

TEMPLATE_TEST_CASE("a cancelled operation takes nothing, and the next one may begin",
                   "[net][socket_operation]", SYSTEM_REACTORS) {
    scene<TestType> loop;
    std::string first, second;
    auto waiter = loop.spawn(loop.receives(first));
    loop.settle();

    waiter.cancel();
    loop.settle();
    CHECK(waiter.done());
    loop.pair.arrives();
    loop.spawn(loop.receives(second));
    loop.settle();

    CHECK(first.empty());
    CHECK(second == "1 ");
}

TEMPLATE_TEST_CASE("data come and the operation is cancelled, in one turn",
                   "[net][socket_operation]", SYSTEM_REACTORS) {
    scene<TestType> loop;
    std::string log;
    auto waiter = loop.spawn(loop.receives(log, 2));
    loop.settle();

    SECTION("received first: that is delivered, and the next operation does not begin") {
        loop.post([&] { waiter.cancel(); }); // runs when the event has been collected
        loop.pair.arrives(2);
        loop.poll();
        CHECK(log == "1 ");
    }
    SECTION("cancelled first: nothing is received") {
        loop.pair.arrives();
        waiter.cancel();
        loop.poll();
        CHECK(log.empty());
    }

    loop.settle();
    CHECK(waiter.done());
    std::string rest;
    loop.spawn(loop.receives(rest));
    loop.settle();
    CHECK(rest == "1 ");
}

TEMPLATE_TEST_CASE("an operation is destroyed where it waits", "[net][socket_operation]",
                   SYSTEM_REACTORS) {
    scene<TestType> loop;
    std::string log;
    std::optional<weft::task_group> owner(std::in_place, loop);
    owner->spawn(loop.receives(log));
    loop.settle();

    SECTION("while it waits") { owner.reset(); }
    SECTION("when it is complete") {
        loop.post([&] { owner.reset(); });
        loop.pair.arrives();
        loop.poll();
        CHECK_FALSE(owner);
    }
    loop.settle();
    CHECK(log.empty());
    loop.pair.arrives();
    loop.spawn(loop.receives(log));
    loop.settle();

    CHECK(log == "1 ");
}

TEST_CASE("an error is thrown with what failed, or stored", "[net][socket_operation]") {
    failing_calls calls;
    const auto main = [&]() -> task<> {
        socket_pair pair;
        unique_socket socket(calls, pair.ours.release());
        socket.attach(weft::this_loop());
        char byte;
        const auto throws = [&]() -> task<> { co_await receive(socket, byte); };

        calls.on_recv = {ENOMEM};
        const auto what = co_await error_of(throws());
        CHECK(what == "receiving one: Cannot allocate memory");

        calls.on_recv = {ENOMEM};
        std::error_code code;
        co_await receive(socket, byte, &code);
        CHECK(code == std::errc::not_enough_memory);
        pair.arrives();
        const auto size = co_await receive(socket, byte, &code);
        CHECK_FALSE(code);
        CHECK(size == 1);

        socket.close();
        const auto after = co_await error_of(throws());
        CHECK(after == "receiving one: Bad file descriptor");
    };
    run_on(main, &calls);
}

TEST_CASE("an interrupted call is made again", "[net][socket_operation]") {
    failing_calls calls;
    calls.on_recv = {EINTR, EINTR, EINTR};
    const auto main = [&]() -> task<> {
        socket_pair pair;
        unique_socket socket(calls, pair.ours.release());
        socket.attach(weft::this_loop());
        char byte;
        pair.arrives();

        const auto size = co_await receive(socket, byte);

        CHECK(size == 1);
        CHECK(calls.on_recv.empty());
    };
    run_on(main, &calls);
}

TEST_CASE("two operations of one expression are not in each other's way",
          "[net][socket_operation]") {
    run_on([]() -> task<> {
        socket_pair pair;
        unique_socket socket(weft::this_loop().system().calls(), pair.ours.release());
        socket.attach(weft::this_loop());
        char a, b;
        pair.arrives(2);

        const auto sum = co_await receive(socket, a) + co_await receive(socket, b);

        CHECK(sum == 2);
    });
}

// There is one of these for each connection that does nothing.
TEST_CASE("an operation that waits needs little room", "[net][socket_operation]") {
    using reading = decltype(std::declval<weft::tcp_stream&>().read_some(weft::mutable_buffer()));
    CHECK(sizeof(reading) <= 3 * sizeof(void*));
    CHECK(sizeof(weft::get_awaiter(std::declval<reading>())) <= 13 * sizeof(void*));
}
