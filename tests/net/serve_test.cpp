// SPDX-License-Identifier: MIT
#include <weft/net/serve.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>

#include <weft/compose/finally.hpp>
#include <weft/compose/when_all.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/poll_reactor.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/connect.hpp>
#include <weft/net/duplex.hpp>
#include <weft/net/endpoint.hpp>
#include <weft/net/tcp_listener.hpp>
#include <weft/net/tcp_stream.hpp>
#include <weft/net/write_all.hpp>
#include <weft/sync/channel.hpp>
#include <weft/sync/event.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/sockets.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using weft::duplex;
using weft::serve;
using weft::task;

namespace {

/// Listens in memory. `shortage` is what `accept` fails with, as long as it is set.
class memory_listener {
public:
    std::error_code shortage;
    int asked = 0;

    /// Connects: the client's end.
    duplex connect() {
        auto [ours, theirs] = weft::make_duplex();
        REQUIRE(queue_.try_send(std::move(theirs)));
        return std::move(ours);
    }
    std::size_t waiting() const { return queue_.size(); }

    task<duplex> accept() {
        std::error_code code;
        auto client = co_await accept(code);
        if (code) throw std::system_error(code, "accepting in memory");
        co_return client;
    }
    task<duplex> accept(std::error_code& code) {
        ++asked;
        code = shortage;
        if (code) co_return duplex();
        auto client = co_await queue_.receive();
        co_return std::move(*client);
    }

private:
    weft::channel<duplex> queue_{100};
};

task<> echo(duplex client) {
    const weft::testing::tracked local;
    std::array<std::byte, 16> buffer;
    while (const std::size_t size = co_await client.read_some(buffer))
        co_await weft::write_all(client, weft::const_buffer(buffer).first(size));
}

/// Sends `word`, and returns what comes back.
task<std::string> ask(duplex& server, std::string word) {
    co_await weft::write_all(server, word);
    std::string answer(word.size(), '?');
    co_await weft::read_exactly(server, std::as_writable_bytes(std::span(answer)));
    co_return answer;
}

// Users' functions of the same name are not taken over.
struct handler_of_mine {};
[[maybe_unused]] int serve(memory_listener&, handler_of_mine) { return 1; }
static_assert(!weft::handles<handler_of_mine, memory_listener>);
static_assert(!weft::handles<void (*)(duplex), memory_listener>);
static_assert(weft::handles<task<> (*)(duplex), memory_listener>);

} // namespace

TEST_CASE("serve runs the handler for each client, at the same time", "[net][serve]") {
    run([]() -> task<> {
        memory_listener listener;
        weft::event stop;
        const auto clients = [&]() -> task<> {
            duplex first = listener.connect(), second = listener.connect();
            std::string answer = co_await ask(second, "two");
            CHECK(answer == "two");
            answer = co_await ask(first, "one");
            CHECK(answer == "one");
            stop.set();
        };
        co_await weft::when_all(weft::serve(listener, echo, {.drain = 1s, .stop = &stop}),
                                clients());
        CHECK(weft::testing::tracked::alive == 0);
    });
}

TEST_CASE("the handler may have captures, and its arguments end with it", "[net][serve]") {
    run([]() -> task<> {
        memory_listener listener;
        weft::event stop;
        int served = 0;
        const auto counts = std::make_shared<int>(0);
        const auto handler = [counts, &served](duplex client) -> task<> {
            ++*counts;
            co_await client.shutdown_write();
            served = *counts;
        };
        const auto clients = [&]() -> task<> {
            duplex first = listener.connect(), second = listener.connect();
            std::array<std::byte, 1> end{};
            const std::size_t none = co_await second.read_some(end);
            CHECK(none == 0);
            stop.set();
        };
        co_await weft::when_all(serve(listener, handler, {.stop = &stop}), clients());
        CHECK(served == 2);
        CHECK(counts.use_count() == 2); // here, and in `handler`
    });
}

TEST_CASE("one client's error is its own", "[net][serve]") {
    test_loop loop;
    memory_listener listener;
    weft::event stop;
    const auto handler = [](duplex client) -> task<> {
        std::array<std::byte, 3> word{};
        co_await weft::read_exactly(client, word);
        if (weft::text(word) == "bad") throw std::runtime_error("a bad word");
        co_await weft::write_all(client, word);
    };
    loop.run([&]() -> task<> {
        const auto clients = [&]() -> task<> {
            duplex bad = listener.connect(), good = listener.connect();
            co_await weft::write_all(bad, "bad");
            std::array<std::byte, 1> end{};
            const std::size_t none = co_await bad.read_some(end);
            CHECK(none == 0);
            const std::string answer = co_await ask(good, "yes");
            CHECK(answer == "yes");
            stop.set();
        };
        co_await weft::when_all(serve(listener, handler, {.stop = &stop}), clients());
    });
    CHECK(loop.reported == std::vector<std::string>{"a bad word"});
}

TEST_CASE("no more clients than allowed are accepted", "[net][serve]") {
    run([]() -> task<> {
        memory_listener listener;
        weft::event stop;
        const auto clients = [&]() -> task<> {
            std::vector<duplex> all;
            for (int i = 0; i < 5; ++i) all.push_back(listener.connect());
            co_await weft::sleep_for(1s);
            CHECK(listener.waiting() == 3);
            CHECK(listener.asked == 2);
            all[0].close();
            co_await weft::sleep_for(1s);
            CHECK(listener.waiting() == 2);
            const std::string answer = co_await ask(all[2], "in now");
            CHECK(answer == "in now");
            all.clear();
            stop.set();
        };
        co_await weft::when_all(serve(listener, echo, {.max_connections = 2, .stop = &stop}),
                                clients());
    });
}

TEST_CASE("no connection at all is refused", "[net][serve]") {
    memory_listener listener;
    CHECK_THROWS_AS(run(weft::serve(listener, echo, {.max_connections = 0})),
                    std::invalid_argument);
}

TEST_CASE("when the system has run out of something, serve waits and recovers within a second",
          "[net][serve]") {
    const int error = GENERATE(EMFILE, ENFILE, ENOMEM, ENOBUFS);
    run([error]() -> task<> {
        memory_listener listener;
        listener.shortage = std::error_code(error, std::system_category());
        weft::event stop;
        const auto clients = [&]() -> task<> {
            duplex client = listener.connect();
            co_await weft::sleep_for(10s);
            CHECK(listener.asked >= 10);
            CHECK(listener.asked <= 200); // no busy loop
            listener.shortage.clear();
            const auto before = weft::loop_clock::now();
            const std::string answer = co_await ask(client, "finally");
            CHECK(answer == "finally");
            CHECK(weft::loop_clock::now() - before < 1s);
            client.close();
            stop.set();
        };
        co_await weft::when_all(serve(listener, echo, {.stop = &stop}), clients());
    });
}

TEST_CASE("another failure of the listener ends serve, after the handlers", "[net][serve]") {
    run([]() -> task<> {
        memory_listener listener;
        std::string answer, what;
        duplex client = listener.connect();
        const auto clients = [&]() -> task<> {
            co_await weft::sleep_for(1s);
            listener.shortage = std::error_code(EBADF, std::system_category());
            listener.connect().close(); // after this one
            co_await weft::sleep_for(1s);
            answer = co_await ask(client, "still here");
            client.close();
        };
        const auto serving = [&]() -> task<> {
            try {
                co_await serve(listener, echo);
            } catch (const std::system_error& error) {
                what = error.what();
            }
            CHECK(answer == "still here");
        };
        co_await weft::when_all(serving(), clients());
        CHECK_THAT(what, Catch::Matchers::ContainsSubstring("accepting in memory"));
    });
}

TEST_CASE("at the end handlers may finish, until the deadline", "[net][serve]") {
    const bool cancelled = GENERATE(false, true);
    run([cancelled]() -> task<> {
        memory_listener listener;
        weft::event stop;
        std::vector<std::string> log;
        const auto handler = [&](duplex client) -> task<> {
            std::array<std::byte, 1> seconds{};
            co_await weft::read_exactly(client, seconds);
            const auto time = std::to_integer<int>(seconds[0]) - '0';
            const auto body = [&]() -> task<> {
                co_await weft::sleep_for(std::chrono::seconds(time));
                log.push_back(std::to_string(time) + " finished");
            };
            const auto cleanup = [&]() -> task<> {
                co_await weft::sleep_for(100ms);
                log.push_back(std::to_string(time) + " left");
            };
            co_await weft::finally(body, cleanup);
        };
        duplex quick = listener.connect(), slow = listener.connect();
        co_await weft::write_all(quick, "2");
        co_await weft::write_all(slow, "8");
        const auto start = weft::loop_clock::now();
        const auto serving = [&]() -> task<> {
            co_await serve(listener, handler, {.drain = 4s, .stop = &stop});
        };

        if (cancelled) {
            auto ended = co_await weft::try_for(1s, serving());
            CHECK_FALSE(ended);
        } else {
            const auto stopping = [&]() -> task<> {
                co_await weft::sleep_for(1s);
                stop.set();
                co_await weft::sleep_for(1ms);
                duplex late = listener.connect();
                co_await weft::sleep_for(1ms);
                CHECK(listener.waiting() == 1); // nobody accepts it
            };
            co_await weft::when_all(serving(), stopping());
        }

        CHECK(log == std::vector<std::string>{"2 finished", "2 left", "8 left"});
        CHECK(weft::loop_clock::now() - start == 5100ms);
    });
}

TEST_CASE("who drains for no time, or has no clients, ends at once",
          "[net][serve]") {
    run([]() -> task<> {
        memory_listener listener;
        weft::event stop;
        stop.set();
        const auto start = weft::loop_clock::now();
        co_await serve(listener, echo, {.stop = &stop});

        stop.clear();
        duplex client = listener.connect();
        const auto stopping = [&]() -> task<> {
            co_await weft::sleep_for(1s);
            stop.set();
        };
        co_await weft::when_all(serve(listener, echo, {.drain = 0s, .stop = &stop}), stopping());
        CHECK(weft::loop_clock::now() - start == 1s);
    });
}

TEST_CASE("a client that is accepted in the turn of the end is served", "[net][serve]") {
    branches b;
    memory_listener listener;
    weft::event stop;
    int served = 0;
    const auto handler = [&](duplex) -> task<> {
        ++served;
        co_return;
    };
    b.spawn([&]() -> task<> { co_await serve(listener, handler, {.stop = &stop}); });
    b.run();

    duplex client;
    SECTION("before") {
        client = listener.connect();
        stop.set();
    }
    SECTION("after") {
        stop.set();
        client = listener.connect();
    }
    b.run();

    CHECK(served + static_cast<int>(listener.waiting()) == 1);
}

TEMPLATE_TEST_CASE("serve on real sockets survives a full descriptor table", "[net][serve]",
                   SYSTEM_REACTORS) {
    failing_calls calls;
    calls.on_accept = {EMFILE, ECONNABORTED, ENFILE};
    run_on<TestType>(
        [&]() -> task<> {
            weft::tcp_listener listener(weft::endpoint::loopback(0));
            weft::event stop;
            const auto echo_tcp = [](weft::tcp_stream client) -> task<> {
                std::array<std::byte, 16> buffer;
                while (const std::size_t size = co_await client.read_some(buffer))
                    co_await weft::write_all(client, weft::const_buffer(buffer).first(size));
            };
            const auto clients = [&]() -> task<> {
                for (int i = 0; i < 3; ++i) {
                    auto client = co_await weft::connect(listener.local_endpoint());
                    co_await weft::write_all(client, "hello");
                    std::array<std::byte, 5> answer{};
                    co_await weft::read_exactly(client, answer);
                    CHECK(weft::text(answer) == "hello");
                }
                stop.set();
            };
            co_await weft::when_all(
                serve(listener, echo_tcp, {.max_connections = 2, .stop = &stop}), clients());
        },
        &calls);
    CHECK(calls.on_accept.empty());
}

TEMPLATE_TEST_CASE("a listener that is closed ends serve with an error that names the address",
                   "[net][serve]", SYSTEM_REACTORS) {
    run_on<TestType>([]() -> task<> {
        weft::tcp_listener listener(weft::endpoint::loopback(0));
        const auto handler = [](weft::tcp_stream) -> task<> { co_return; };
        const auto close = [&]() -> task<> {
            co_await settle();
            listener.close();
        };
        std::string what;
        const auto serving = [&]() -> task<> {
            what = co_await error_of(serve(listener, handler));
        };
        co_await weft::when_all(serving(), close());
        CHECK_THAT(what, Catch::Matchers::ContainsSubstring("Bad file descriptor"));
    });
}

TEST_CASE("serving can end at any point", "[net][serve]") {
    sweep([]() -> task<> {
        const weft::testing::tracked local;
        memory_listener listener;
        weft::event stop;
        const auto clients = [&]() -> task<> {
            duplex first = listener.connect(), second = listener.connect();
            const std::string answer = co_await ask(second, "two");
            CHECK(answer == "two");
            second.close();
            stop.set();
        };
        co_await weft::when_all(
            serve(listener, echo, {.max_connections = 2, .drain = 1ms, .stop = &stop}), clients());
    });
}

namespace {

/// A reactor that has no room for the first connection that is accepted.
class full_reactor final : public weft::poll_reactor, private weft::system_calls {
public:
    full_reactor() { set_calls(*this); }

private:
    int accept(int fd, sockaddr* address, socklen_t* size) noexcept override {
        const int result = system_calls::accept(fd, address, size);
        if (refused_ < 0) refused_ = result;
        return result;
    }
    int arm(const descriptor& which, bool) noexcept override {
        if (which.fd == refused_) return refused_ = INT_MAX, ENOSPC;
        return ::fcntl(which.fd, F_GETFD) < 0 ? errno : 0;
    }

    int refused_ = -1;
};

} // namespace

TEST_CASE("a client that cannot be registered is closed, and serve goes on", "[net][serve]") {
    weft::event_loop loop(std::make_unique<full_reactor>());
    int served = 0;
    loop.run([&]() -> task<> {
        weft::tcp_listener listener(weft::endpoint::loopback(0));
        weft::event stop;
        const auto count = [&](weft::tcp_stream) -> task<> {
            ++served;
            co_return;
        };
        const auto clients = [&]() -> task<> {
            for (int i = 0; i < 2; ++i) {
                auto client = co_await weft::connect(listener.local_endpoint());
                std::array<std::byte, 1> end{};
                const std::size_t size = co_await client.read_some(end);
                CHECK(size == 0);
            }
            stop.set();
        };
        co_await weft::when_all(serve(listener, count, {.stop = &stop}), clients());
    });
    CHECK(served == 1);
}
