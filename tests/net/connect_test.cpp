// SPDX-License-Identifier: MIT
#include <weft/net/connect.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include <weft/compose/with_timeout.hpp>
#include <weft/loop/loop_clock.hpp>
#include <weft/loop/unique_fd.hpp>
#include <weft/net/socket.hpp>
#include <weft/net/unix_listener.hpp>
#include <weft/time/sleep.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/names.hpp"
#include "support/run.hpp"
#include "support/sockets.hpp"
#include "support/stepping_loop.hpp"

using namespace std::chrono_literals;
using weft::connect;
using weft::endpoint;
using weft::task;
using weft::tcp_listener;
using weft::this_loop;

namespace {

/// A network without a network: each address answers as the test says, or never does.
class fake_network : public fake_names {
public:
    static constexpr int never = -1;

    /// 0 or an errno; addresses that are not here never answer.
    std::map<endpoint, int> answers;
    /// "address@milliseconds", when its attempt began.
    std::vector<std::string> tried;

    fake_network() { addresses = {v6a, v6b, v4a, v4b}; }

    /// From now on `address` answers, also who waits already.
    void answer(const endpoint& address, int error) {
        answers[address] = error;
        std::array<char, 4096> data;
        for (const auto& each : sockets_)
            if (each.second.to == address)
                while (::recv(each.second.peer.get(), data.data(), data.size(), 0) > 0) {}
    }

    int socket(int, int, int) noexcept override {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
            return -errno;
        const std::array<char, 4096> data{};
        while (::send(ends[0], data.data(), data.size(), 0) > 0) {} // not writable: not connected
        sockets_[ends[0]].peer = weft::unique_fd(ends[1]);
        return ends[0];
    }
    int close(int fd) noexcept override {
        sockets_.erase(fd);
        return system_calls::close(fd);
    }
    int setsockopt(int, int, int, const void*, socklen_t) noexcept override { return 0; }
    int connect(int fd, const sockaddr* address, socklen_t size) noexcept override {
        const endpoint to(address, size);
        if (auto& known = sockets_[fd].to; known != to) {
            known = to;
            const auto now = weft::loop_clock::now().time_since_epoch();
            const auto after = std::chrono::duration_cast<std::chrono::milliseconds>(now - begin_);
            tried.push_back(to.address() + '@' + std::to_string(after.count()));
        }
        const auto found = answers.find(to);
        const int answer = found == answers.end() ? never : found->second;
        return answer == never ? -EINPROGRESS : -answer;
    }
    std::size_t open_sockets() const { return sockets_.size(); }
    void begin() { begin_ = weft::loop_clock::now().time_since_epoch(); }

    const endpoint v6a{"[2001:db8::a]:80"}, v6b{"[2001:db8::b]:80"};
    const endpoint v4a{"192.0.2.1:80"}, v4b{"192.0.2.2:80"};

private:
    struct attempt {
        weft::unique_fd peer;
        endpoint to;
    };
    std::map<int, attempt> sockets_;
    weft::duration begin_{};
};

/// Runs `main` on that network, in simulated time.
template <class F> void run_with(fake_network& network, F main) {
    run([&]() -> task<> {
        this_loop().system().set_calls(network);
        network.begin();
        co_await main();
    });
    CHECK(network.open_sockets() == 0);
}

std::vector<std::string> list(std::initializer_list<std::string> all) { return all; }

} // namespace

TEMPLATE_TEST_CASE("connect reaches who listens", "[net][connect]", SYSTEM_REACTORS) {
    run_on<TestType>([]() -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        const auto at = listener.local_endpoint();

        auto direct = co_await connect(at);
        CHECK(direct.remote_endpoint() == at);
        auto by_figures = co_await connect("127.0.0.1", at.port());
        CHECK(by_figures.remote_endpoint() == at);
        auto by_name = co_await connect("localhost", at.port());
        CHECK(by_name.remote_endpoint() == at);
        std::error_code code = weft::errc::busy;
        auto with_code = co_await connect(at, code);
        CHECK(with_code.is_open());
        CHECK_FALSE(code);
        code = weft::errc::busy;
        auto named_with_code = co_await connect("localhost", at.port(), code);
        CHECK(named_with_code.is_open());
        CHECK_FALSE(code);
    });
}

TEMPLATE_TEST_CASE("who does not listen is an error that names the address", "[net][connect]",
                   SYSTEM_REACTORS) {
    run_on<TestType>([]() -> task<> {
        // Bound, so that it is nobody else's meanwhile.
        const weft::unique_socket bound(this_loop(), AF_INET, SOCK_STREAM);
        const auto any = endpoint::loopback(0);
        REQUIRE(bound.calls().bind(bound.fd(), any.data(), any.size()) == 0);
        const auto at = bound.local_endpoint();
        const auto port = std::to_string(at.port());

        const auto direct = co_await error_of(connect(at));
        CHECK(direct == "connecting to " + at.to_string() + ": Connection refused");
        const auto figures = co_await error_of(connect("127.0.0.1", at.port()));
        CHECK(figures == "connecting to " + at.to_string() + ": Connection refused");
        const auto name = co_await error_of(connect("localhost", at.port()));
        CHECK_THAT(name, Catch::Matchers::StartsWith("connecting to localhost:" + port + " at ") &&
                             Catch::Matchers::EndsWith(": Connection refused"));
        std::error_code code;
        const auto none = co_await connect("localhost", at.port(), code);
        CHECK(code == std::errc::connection_refused);
        CHECK_FALSE(none.is_open());
        code.clear();
        co_await connect(at, code);
        CHECK(code == std::errc::connection_refused);
    });
}

TEST_CASE("an address of another family is an error", "[net][connect]") {
    run_on([]() -> task<> {
        const auto local = co_await error_of(connect(endpoint("unix:/tmp/x")));
        CHECK_THAT(local, Catch::Matchers::StartsWith("connecting to unix:/tmp/x: "));
        const auto nowhere = co_await error_of(connect(endpoint()));
        CHECK_THAT(nowhere, Catch::Matchers::StartsWith("connecting to nowhere: "));
    });
}

TEST_CASE("a system without a socket left is an error that names the address", "[net][connect]") {
    failing_calls calls;
    calls.on_socket = {EMFILE};
    const auto main = []() -> task<> {
        const auto what = co_await error_of(connect(endpoint::loopback(1)));
        CHECK(what == "connecting to 127.0.0.1:1: Too many open files");
    };
    run_on(main, &calls);
}

TEST_CASE("an interrupted connect goes on", "[net][connect]") {
    failing_calls calls;
    calls.on_connect = {EINTR};
    const auto main = []() -> task<> {
        tcp_listener listener(endpoint::loopback(0));
        auto stream = co_await connect(listener.local_endpoint());
        CHECK(stream.is_open());
    };
    run_on(main, &calls);
}

TEST_CASE("an unknown host is an error that names it", "[net][connect]") {
    fake_network network;
    network.failure = EAI_NONAME;
    run_with(network, []() -> task<> {
        const auto what = co_await error_of(connect("nosuch.invalid", 80));
        CHECK_THAT(what, Catch::Matchers::ContainsSubstring("nosuch.invalid:80"));
        std::error_code code;
        co_await connect("nosuch.invalid", 80, code);
        CHECK(&code.category() == &weft::resolve_category());
    });
}

TEST_CASE("the families take turns, 250 ms apart", "[net][connect]") {
    fake_network network;
    run_with(network, [&]() -> task<> {
        const auto stream = co_await weft::try_for(10s, connect("example.com", 80));
        CHECK_FALSE(stream);
    });
    CHECK(network.tried == list({"2001:db8::a@0", "192.0.2.1@250", "2001:db8::b@500",
                                 "192.0.2.2@750"}));
}

TEST_CASE("addresses of one family keep their order", "[net][connect]") {
    fake_network network;
    network.addresses = {network.v4b, network.v6a, network.v6b, endpoint("[2001:db8::c]:80")};
    run_with(network, [&]() -> task<> {
        co_await weft::try_for(10s, connect("example.com", 80));
    });
    CHECK(network.tried == list({"192.0.2.2@0", "2001:db8::a@250", "2001:db8::b@500",
                                 "2001:db8::c@750"}));
}

TEST_CASE("an attempt that fails lets the next one begin at once", "[net][connect]") {
    fake_network network;
    network.answers = {{network.v6a, ENETUNREACH}, {network.v4a, ECONNREFUSED}, {network.v6b, 0}};
    run_with(network, [&]() -> task<> {
        auto stream = co_await connect("example.com", 80);
        CHECK(stream.remote_endpoint() == network.v6b);
    });
    CHECK(network.tried == list({"2001:db8::a@0", "192.0.2.1@0", "2001:db8::b@0"}));
}

TEST_CASE("the first that answers wins, and the others are given up", "[net][connect]") {
    fake_network network;
    SECTION("the second one") {
        network.answers = {{network.v4a, 0}};
        run_with(network, [&]() -> task<> {
            auto stream = co_await connect("example.com", 80);
            CHECK(stream.remote_endpoint() == network.v4a);
            CHECK(network.open_sockets() == 1);
        });
        CHECK(network.tried == list({"2001:db8::a@0", "192.0.2.1@250"}));
    }
    SECTION("the first one, which was slow") {
        run_with(network, [&]() -> task<> {
            auto wakes = this_loop().spawn([&]() -> task<> {
                co_await weft::sleep_for(300ms);
                network.answer(network.v6a, 0);
            });
            auto stream = co_await connect("example.com", 80);
            CHECK(stream.remote_endpoint() == network.v6a);
            CHECK(network.open_sockets() == 1);
            co_await wakes.wait();
        });
        CHECK(network.tried == list({"2001:db8::a@0", "192.0.2.1@250"}));
    }
    SECTION("two in one turn: one is given up") {
        run_with(network, [&]() -> task<> {
            auto wakes = this_loop().spawn([&]() -> task<> {
                co_await weft::sleep_for(300ms);
                network.answer(network.v4a, 0);
                network.answer(network.v6a, 0);
            });
            auto stream = co_await connect("example.com", 80);
            CHECK(stream.is_open());
            CHECK(network.open_sockets() == 1);
            co_await wakes.wait();
        });
    }
}

TEST_CASE("a slow failure lets the last one decide", "[net][connect]") {
    fake_network network;
    network.addresses = {network.v6a, network.v4a};
    run_with(network, [&]() -> task<> {
        auto wakes = this_loop().spawn([&]() -> task<> {
            co_await weft::sleep_for(1s);
            network.answer(network.v6a, ETIMEDOUT);
            co_await weft::sleep_for(1s);
            network.answer(network.v4a, 0);
        });
        auto stream = co_await connect("example.com", 80);
        CHECK(stream.remote_endpoint() == network.v4a);
        co_await wakes.wait();
    });
}

TEST_CASE("of several errors the most telling one is thrown", "[net][connect]") {
    fake_network network;
    network.addresses = {network.v6a, network.v4a, network.v4b};
    network.answers = {{network.v6a, ENETUNREACH}, {network.v4a, ECONNREFUSED},
                       {network.v4b, ETIMEDOUT}};
    const auto expected = "connecting to example.com:80 at 192.0.2.1:80: Connection refused";

    SECTION("whichever comes first") { std::swap(network.addresses[0], network.addresses[1]); }
    SECTION("whichever comes last") { std::swap(network.addresses[1], network.addresses[2]); }
    run_with(network, [&]() -> task<> {
        const auto what = co_await error_of(connect("example.com", 80));
        CHECK(what == expected);
    });
    CHECK(network.tried.size() == 3);
}

TEST_CASE("connecting ends at every point, in every way", "[net][connect]") {
    const nothing_left_open check;
    sweep_on_system([]() -> task<> {
        static fake_network network;
        network.tried.clear();
        network.answers = {{network.v4a, ECONNREFUSED}};
        this_loop().system().set_calls(network);
        auto wakes = this_loop().spawn([]() -> task<> {
            co_await weft::sleep_for(600ms);
            network.answer(network.v6b, 0);
        });
        auto stream = co_await connect("example.com", 80);
        co_await wakes.wait();
    });
}

TEST_CASE("connect_unix says what is wrong with the path", "[net][connect]") {
    run_on([]() -> task<> {
        const auto missing = co_await error_of(weft::connect_unix("/nonexistent/socket"));
        CHECK(missing ==
              "connecting to unix:/nonexistent/socket: No such file or directory");
        const auto name = "@weft-nobody-" + std::to_string(::getpid());
        const auto nobody = co_await error_of(weft::connect_unix(name));
        CHECK(nobody == "connecting to unix:" + name + ": Connection refused");
        const auto empty = co_await error_of(weft::connect_unix(""));
        CHECK(empty == "not a unix path: \"\": Invalid argument");

        std::error_code code;
        co_await weft::connect_unix("/nonexistent/socket", code);
        CHECK(code == std::errc::no_such_file_or_directory);
        co_await weft::connect_unix(std::string(200, 'x'), code);
        CHECK(code == std::errc::filename_too_long);
        co_await weft::connect_unix("", code);
        CHECK(code == std::errc::invalid_argument);
        weft::unix_listener listener(name);
        auto stream = co_await weft::connect_unix(name, code);
        CHECK_FALSE(code);
        CHECK(stream.is_open());
    });
}

TEST_CASE("a full queue of a unix listener is an error, not a wait for ever", "[net][connect]") {
    run_on([]() -> task<> {
        const auto name = "@weft-full-" + std::to_string(::getpid());
        weft::unix_listener listener(name, 0);
        std::vector<weft::unix_stream> all;
        std::error_code code;
        while (!code) all.push_back(co_await weft::connect_unix(name, code));
        CHECK(code == std::errc::resource_unavailable_try_again);
        CHECK(all.size() > 1);
    });
}
