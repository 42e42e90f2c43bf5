// SPDX-License-Identifier: MIT
#include "redis_client.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <weft/net/endpoint.hpp>
#include <weft/net/resolve.hpp>

namespace redis {

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 10s; // for a reply; then the connection is taken for dead
constexpr std::chrono::milliseconds first_pause = 50ms, longest_pause = 2s;

/// Half of `pause` to all of it: not every client of a server that comes back comes at once.
std::chrono::milliseconds about(std::chrono::milliseconds pause) {
    static std::minstd_rand random(std::random_device{}());
    return std::chrono::milliseconds(
        std::uniform_int_distribution(pause.count() / 2, pause.count())(random));
}

} // namespace

std::string client::name() const { return fmt::format("redis {}:{}", host_, port_); }

weft::task<reply> client::send(words command) {
    for (;;) {
        if (!connection_ || !connection_->is_open()) co_await connect();
        const auto used = connection_;
        try {
            auto answer = co_await weft::try_for(patience, used->send(command));
            if (answer) co_return std::move(*answer);
            if (connection_ == used) connection_.reset(); // it has gone quiet
        } catch (const connection_error&) {
            // Nobody knows whether it was done.
        }
        ++sent_again_;
    }
}

/// One connects, all who need the connection wait for it.
weft::task<> client::connect() {
    const auto one_at_a_time = co_await connecting_.lock();
    auto pause = first_pause;
    bool was_reported = false;
    while (!connection_ || !connection_->is_open()) {
        try {
            co_await connect_once();
            if (was_reported) fmt::print(stderr, "work_queue: {}: connected again\n", name());
            was_connected_ = true;
            co_return;
        } catch (const std::exception& problem) {
            if (!was_connected_) throw; // a wrong address, most likely: waiting would not help
            if (!std::exchange(was_reported, true))
                fmt::print(stderr, "work_queue: {}; trying again\n", problem.what());
        }
        co_await weft::sleep_for(about(pause));
        pause = std::min(2 * pause, longest_pause);
    }
}

/// Tries the addresses in turn. A server that is there and not ready ("LOADING") is not there yet.
weft::task<> client::connect_once() {
    const words ping{"PING"};
    const auto addresses = co_await weft::resolve(host_, std::to_string(port_));
    std::exception_ptr problem;
    for (const auto& each : addresses) {
        try {
            const auto fresh = std::make_shared<connection>(each.address(), port_, name());
            const auto answer = co_await weft::try_for(patience, fresh->send(ping));
            if (!answer) throw connection_error(std::make_error_code(std::errc::timed_out), name());
            // A connection to a port of this machine where nobody listens may be one to itself.
            if (answer->text() != "PONG")
                throw connection_error(std::make_error_code(std::errc::protocol_error), name());
            connection_ = fresh;
            co_return;
        } catch (const std::exception&) {
            problem = std::current_exception();
        }
    }
    std::rethrow_exception(problem);
}

} // namespace redis
