// SPDX-License-Identifier: MIT
#include <weft/net/unix_listener.hpp>

#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include <weft/net/connect.hpp>

#include "support/catch.hpp"
#include "support/fork.hpp"
#include "support/sockets.hpp"
#include "support/temporary.hpp"

using weft::task;
using weft::this_loop;
using weft::unix_listener;

namespace {

bool exists(const std::string& path) {
    struct ::stat found;
    return ::lstat(path.c_str(), &found) == 0;
}
std::string error_of_listening(const std::string& path) {
    try {
        const unix_listener listener(path);
        return "no error";
    } catch (const std::system_error& error) {
        return error.what();
    }
}
/// What a process leaves that dies.
void leave_socket(const std::string& path) {
    const auto at = weft::endpoint::unix_path(path);
    const weft::unique_fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(socket.get(), at.data(), at.size()) == 0);
}

task<> accepts(unix_listener& listener) { co_await listener.accept(); }

} // namespace

TEMPLATE_TEST_CASE("a listener at a path accepts connections and removes the path",
                   "[net][unix_listener]", SYSTEM_REACTORS) {
    const temporary_folder folder;
    run_on<TestType>([&]() -> task<> {
        {
            unix_listener listener(folder.path());
            CHECK(exists(folder.path()));
            CHECK(listener.local_endpoint().to_string() == "unix:" + folder.path());
            auto waiting = this_loop().spawn(accepts, std::ref(listener));
            co_await settle();
            CHECK_FALSE(waiting.done());
            auto client = co_await weft::connect_unix(folder.path());
            co_await waiting;
        }
        CHECK_FALSE(exists(folder.path()));
    });
}

TEST_CASE("an abstract name leaves no file", "[net][unix_listener]") {
    run_on([]() -> task<> {
        const auto name = "@weft-listener-" + std::to_string(::getpid());
        unix_listener listener(name);
        CHECK_FALSE(exists(name));
        CHECK(error_of_listening(name) ==
              "listening on unix:" + name + ": Address already in use");
        auto client = co_await weft::connect_unix(name);
        auto stream = co_await listener.accept();
        CHECK(stream.is_open());
        CHECK_FALSE(listener.try_accept());
        client = co_await weft::connect_unix(name);
        std::error_code code;
        CHECK(listener.try_accept(code));
        CHECK_FALSE(code);

        listener.close();
        CHECK(error_of_listening(name) == "no error");
    });
}

TEST_CASE("a socket that a dead process left is replaced", "[net][unix_listener]") {
    const temporary_folder folder;
    run_on([&]() -> task<> {
        leave_socket(folder.path());
        REQUIRE(exists(folder.path()));

        unix_listener listener(folder.path());
        auto client = co_await weft::connect_unix(folder.path());
        auto stream = co_await listener.accept();
        CHECK(stream.is_open());
    });
}

TEST_CASE("a path at which somebody listens is not taken away", "[net][unix_listener]") {
    const temporary_folder folder;
    run_on([&]() -> task<> {
        unix_listener listener(folder.path());

        CHECK(error_of_listening(folder.path()) ==
              "listening on unix:" + folder.path() + ": Address already in use");
        CHECK(exists(folder.path()));
        auto probe = co_await listener.accept(); // the question whether somebody is there
        auto client = co_await weft::connect_unix(folder.path());
        auto stream = co_await listener.accept();
        CHECK(stream.is_open());
    });
}

TEST_CASE("a file that is no socket is not taken away", "[net][unix_listener]") {
    const temporary_folder folder;
    run_on([&]() -> task<> {
        std::ofstream(folder.path()) << "precious";

        CHECK(error_of_listening(folder.path()) ==
              "listening on unix:" + folder.path() + ": Address already in use");
        std::string text;
        std::ifstream(folder.path()) >> text;
        CHECK(text == "precious");
        co_return;
    });
}

TEST_CASE("a path that is no longer its own is left alone", "[net][unix_listener]") {
    const temporary_folder folder;
    run_on([&]() -> task<> {
        unix_listener first(folder.path());
        ::unlink(folder.path().c_str());
        unix_listener second(folder.path());

        first.close();
        CHECK(exists(folder.path()));
        auto client = co_await weft::connect_unix(folder.path());
        auto stream = co_await second.accept();
        CHECK(stream.is_open());
    });
}

TEST_CASE("a moved listener removes the path once", "[net][unix_listener]") {
    const temporary_folder folder;
    run_on([&]() -> task<> {
        std::optional<unix_listener> first(folder.path());
        unix_listener second(std::move(*first));
        first.reset();
        CHECK(exists(folder.path()));

        unix_listener third("@weft-moved-" + std::to_string(::getpid()));
        third = std::move(second);
        CHECK(exists(folder.path()));
        auto client = co_await weft::connect_unix(folder.path());
        auto stream = co_await third.accept();
        third.close();
        third.close();
        CHECK_FALSE(exists(folder.path()));
    });
}

TEST_CASE("a path that cannot be listened on is an error that names it", "[net][unix_listener]") {
    run_on([]() -> task<> {
        CHECK(error_of_listening("/nonexistent/folder/socket") ==
              "listening on unix:/nonexistent/folder/socket: No such file or directory");
        const std::string long_one(200, 'x');
        CHECK_THAT(error_of_listening(long_one), Catch::Matchers::ContainsSubstring(long_one));
        CHECK(error_of_listening("") == "not a unix path: \"\": Invalid argument");
        co_return;
    });
}

TEST_CASE("a listener at a path that is closed fails who waits", "[net][unix_listener]") {
    const temporary_folder folder;
    run_on([&]() -> task<> {
        unix_listener listener(folder.path());
        auto waiting = this_loop().spawn(error_of(accepts(listener)));
        co_await settle();

        listener.close();

        const auto what = co_await waiting;
        CHECK(what == "accepting a connection on unix:" + folder.path() + ": Bad file descriptor");
    });
}

TEST_CASE("a child of fork does not remove its parent's path", "[net][unix_listener]") {
    const temporary_folder folder;
    auto loop = std::make_unique<weft::event_loop>();
    std::optional<unix_listener> listener(std::in_place, *loop, folder.path());

    const int exit_code = exit_code_of([&] {
        listener.reset();
        loop.reset();
        return 0;
    });
    CHECK(exit_code == 0);
    CHECK(exists(folder.path()));
    listener.reset();
    CHECK_FALSE(exists(folder.path()));
}
