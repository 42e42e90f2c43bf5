// SPDX-License-Identifier: MIT
//
// The same scenario on simulated hosts and on the system: what it writes down must be the same.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <sys/socket.h>

#include <weft/coro/task.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/readiness.hpp>
#include <weft/loop/system_calls.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/endpoint.hpp>
#include <weft/testing/simulation.hpp>

#include "support/catch.hpp"
#include "support/sockets.hpp"

using transcript = std::vector<std::string>;

inline void say(transcript& log, std::string_view what, std::error_code code) {
    log.push_back(std::string(what) + ": " + (code ? code.message() : "well"));
}

template <class Stream>
weft::task<> read(transcript& log, Stream& from) {
    std::array<std::byte, 64> buffer;
    std::error_code code;
    const auto size = co_await from.read_some(buffer, code);
    if (code)
        say(log, "read", code);
    else
        log.push_back("read: " + std::string(weft::text(std::span(buffer).first(size))));
}

transcript run_simulated(auto scenario) {
    transcript log;
    weft::testing::simulation sim;
    sim.run([&] { return scenario(log); });
    CHECK(sim.system_of_hosts().open_descriptors() == 0);
    return log;
}
transcript run_really(auto scenario) {
    transcript log;
    run_on([&] { return scenario(log); });
    return log;
}
void check_parity(auto scenario) {
    const auto simulated = run_simulated(scenario);
    const auto real = run_really(scenario);
    CHECK(simulated == real);
    CHECK_FALSE(real.empty());
}

/// What single system calls answer, written down.
class call_log {
public:
    explicit call_log(transcript& log) noexcept : log_(log) {}
    ~call_log() {
        for (const int fd : open_) calls.close(fd);
    }

    weft::system_calls& calls = weft::this_loop().system().calls();

    /// Errors by name: their numbers are what is compared.
    ssize_t operator()(std::string_view what, ssize_t result) {
        log_.push_back(std::string(what) + ": " +
                       (result < 0 ? std::system_category().message(static_cast<int>(-result))
                                   : std::to_string(result)));
        return result;
    }
    /// Readiness, without what only a hint says.
    void ready(std::string_view what, int fd) {
        constexpr auto both = weft::readiness::readable | weft::readiness::writable;
        log_.push_back(std::string(what) + " is ready: " +
                       std::to_string(static_cast<int>(calls.ready_now(fd, both) & both)));
    }
    int keep(int fd) {
        REQUIRE(fd >= 0);
        return open_.emplace_back(fd);
    }
    int socket(int family, int type = SOCK_STREAM) { return keep(calls.socket(family, type, 0)); }
    void close(int fd) {
        std::erase(open_, fd);
        (*this)("close", calls.close(fd));
    }
    std::array<int, 2> pipe() {
        int ends[2];
        REQUIRE(calls.pipe(ends) == 0);
        return {keep(ends[0]), keep(ends[1])};
    }

    void write(int fd, std::size_t size) {
        const std::vector<std::byte> data(size);
        (*this)("write " + std::to_string(size), calls.write(fd, data.data(), size));
    }
    void read(int fd, std::size_t size) {
        std::vector<std::byte> data(size);
        (*this)("read " + std::to_string(size), calls.read(fd, data.data(), size));
    }
    void send(int fd, std::string_view text) {
        (*this)("send", calls.send(fd, text.data(), text.size(), 0));
    }
    void recv(int fd, int flags = 0) {
        char text[64];
        const auto size = (*this)("recv", calls.recv(fd, text, sizeof text, flags));
        if (size > 0) log_.emplace_back(text, static_cast<std::size_t>(size));
    }
    void bind(int fd, const weft::endpoint& at) {
        (*this)("bind", calls.bind(fd, at.data(), at.size()));
    }
    void connect(int fd, const weft::endpoint& to) {
        (*this)("connect", calls.connect(fd, to.data(), to.size()));
    }
    int accept(int fd) {
        const int accepted = calls.accept(fd, nullptr, nullptr);
        (*this)("accept", std::min(accepted, 0));
        return accepted < 0 ? accepted : keep(accepted);
    }
    void name(std::string_view what, int fd, bool of_peer = false) {
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        const auto generic = reinterpret_cast<sockaddr*>(&address);
        const auto result = (*this)(what, of_peer ? calls.getpeername(fd, generic, &size)
                                                  : calls.getsockname(fd, generic, &size));
        if (result < 0) return;
        (*this)("size", static_cast<ssize_t>(size));
        log_.push_back(weft::endpoint(generic, size).to_string());
    }
    void option(int fd, int level, int which) {
        int value = -1;
        socklen_t size = sizeof value;
        if ((*this)("option", calls.getsockopt(fd, level, which, &value, &size)) == 0)
            (*this)("is", value);
    }

private:
    transcript& log_;
    std::vector<int> open_;
};
