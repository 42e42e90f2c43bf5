// SPDX-License-Identifier: MIT
#include <weft/net/resolve.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <vector>

#include <weft/compose/when_any.hpp>
#include <weft/core/error.hpp>
#include <weft/net/connect.hpp>
#include <weft/threads/thread_pool.hpp>
#include <weft/time/sleep.hpp>

#include "support/catch.hpp"
#include "support/fork.hpp"
#include "support/names.hpp"
#include "support/sockets.hpp"

using namespace std::chrono_literals;
using weft::endpoint;
using weft::resolve;
using weft::task;

using addresses = std::vector<endpoint>;

TEST_CASE("addresses in figures are not looked up", "[net][resolve]") {
    fake_names names;
    names.blocks = true;
    const auto main = []() -> task<> {
        const auto four = co_await resolve("127.0.0.1", "80");
        CHECK(four == addresses{endpoint("127.0.0.1:80")});
        const auto six = co_await resolve("::1", "443");
        CHECK(six == addresses{endpoint("[::1]:443")});
        const auto scoped = co_await resolve("fe80::1%1", "0");
        CHECK(scoped == addresses{endpoint("[fe80::1%1]:0")});
    };
    run_on(main, &names);
    CHECK(names.asked.empty());
}

TEST_CASE("a service may have a name", "[net][resolve]") {
    run_on([]() -> task<> {
        std::error_code code;
        const auto found = co_await resolve("127.0.0.1", "http", code);
        if (code)
            WARN("no services are known here");
        else
            CHECK(found == addresses{endpoint("127.0.0.1:80")});
        co_await resolve("127.0.0.1", "no-such-service", code);
        CHECK(&code.category() == &weft::resolve_category());
    });
}

TEST_CASE("a host is looked up on another thread, and its addresses keep their order",
          "[net][resolve]") {
    fake_names names;
    names.blocks = true;
    names.addresses = {endpoint("[2001:db8::1]:80"), endpoint("192.0.2.1:80"),
                       endpoint("[2001:db8::1]:80"), endpoint("192.0.2.2:80")};
    const auto main = [&]() -> task<> {
        const auto found = co_await resolve("example.com", "80");
        CHECK(found == addresses{endpoint("[2001:db8::1]:80"), endpoint("192.0.2.1:80"),
                                 endpoint("192.0.2.2:80")});
    };
    run_on(main, &names);
    CHECK(names.asked == std::vector<std::string>{"example.com:80"});
    CHECK_FALSE(names.on_this_thread);
}

TEST_CASE("a system whose look-ups do not block is asked at once", "[net][resolve]") {
    fake_names names;
    names.addresses = {endpoint("192.0.2.1:80")};
    const auto main = [&]() -> task<> {
        const auto found = co_await resolve("example.com", "80");
        CHECK(found.size() == 1);
    };
    run_on(main, &names);
    CHECK(names.on_this_thread);
}

TEST_CASE("a failed look-up is an error that names host and service", "[net][resolve]") {
    fake_names names;
    const auto main = [&]() -> task<> {
        names.failure = EAI_NONAME;
        const auto unknown = co_await error_of(resolve("nosuch.invalid", "http"));
        CHECK(unknown == std::string("resolving nosuch.invalid:http: ") +
                             ::gai_strerror(EAI_NONAME));

        std::error_code code;
        names.failure = EAI_AGAIN;
        const auto none = co_await resolve("example.com", "80", code);
        CHECK(none.empty());
        CHECK(code == std::errc::resource_unavailable_try_again);
        CHECK(code == std::error_code(EAI_AGAIN, weft::resolve_category()));

        names.failure = EAI_SYSTEM;
        errno = EMFILE;
        co_await resolve("example.com", "80", code);
        CHECK(code == std::errc::too_many_files_open);

        names.failure = EAI_MEMORY;
        co_await resolve("example.com", "80", code);
        CHECK(code == std::errc::not_enough_memory);

        names.failure = 0; // and no addresses
        co_await resolve("example.com", "80", code);
        CHECK(code == std::error_code(EAI_NONAME, weft::resolve_category()));
        names.addresses = {endpoint("192.0.2.1:80")};
        co_await resolve("example.com", "80", code);
        CHECK_FALSE(code);
    };
    run_on(main, &names);
}

TEST_CASE("what can be no name of a host is not looked up", "[net][resolve]") {
    fake_names names;
    names.addresses = {endpoint("192.0.2.1:80")};
    const auto main = [&]() -> task<> {
        std::error_code code;
        co_await resolve("", "80", code);
        CHECK(code == std::error_code(EAI_NONAME, weft::resolve_category()));
        code.clear();
        const std::string evil("good.example\0.evil", 18);
        co_await resolve(evil, "80", code);
        CHECK(code == std::error_code(EAI_NONAME, weft::resolve_category()));
    };
    run_on(main, &names);
    CHECK(names.asked.empty());
}

// The child of a fork has the pool, and none of its threads.
TEST_CASE("that no thread can do it is an error like any other", "[net][resolve]") {
    weft::default_thread_pool();
    const int exit_code = exit_code_of([] {
        std::error_code resolving, connecting;
        std::string what;
        fake_names names;
        names.blocks = true;
        weft::event_loop loop;
        loop.system().set_calls(names);
        const auto main = [&]() -> task<> {
            co_await resolve("example.com", "80", resolving);
            auto none = co_await weft::connect("example.com", 80, connecting);
            what = co_await error_of(resolve("example.com", "80"));
        };
        try {
            loop.run(main);
        } catch (const std::exception&) {}
        const bool all = resolving == weft::errc::closed && connecting == weft::errc::closed &&
                         what == "resolving example.com:80: closed";
        return all ? 0 : 1;
    });
    CHECK(exit_code == 0);
}

TEST_CASE("this machine knows itself", "[net][resolve]") {
    run_on([]() -> task<> {
        const auto found = co_await resolve("localhost", "80");
        const bool loopback = std::any_of(found.begin(), found.end(), [](const endpoint& each) {
            return each == endpoint::loopback(80) || each == endpoint::loopback_v6(80);
        });
        CHECK(loopback);
    });
}

namespace {

/// Looks up nothing until it is told.
class slow_names : public weft::system_calls {
public:
    int getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**) noexcept override {
        std::unique_lock lock(mutex_);
        step_ = step::asked;
        changed_.wait(lock, [&] { return step_ == step::told; });
        step_ = step::answered;
        changed_.notify_all();
        return EAI_NONAME;
    }
    bool is_asked() {
        const std::lock_guard lock(mutex_);
        return step_ == step::asked;
    }
    void tell() {
        std::unique_lock lock(mutex_);
        step_ = step::told;
        changed_.notify_all();
        changed_.wait(lock, [&] { return step_ == step::answered; });
    }

private:
    enum class step { idle, asked, told, answered };
    std::mutex mutex_;
    std::condition_variable changed_;
    step step_ = step::idle;
};

} // namespace

TEST_CASE("a pending look-up can be cancelled", "[net][resolve]") {
    static slow_names names; // the thread is in it after all this
    {
        weft::event_loop loop;
        loop.system().set_calls(names);
        loop.run([]() -> task<> {
            // A cancel before the thread has begun would find nothing to abandon.
            const auto is_asked = []() -> task<> {
                while (!names.is_asked()) co_await weft::sleep_for(1ms);
            };
            co_await weft::when_any(resolve("slow.example", "80"), is_asked());
            CHECK(names.is_asked());
        });
    }
    names.tell();
}
