// SPDX-License-Identifier: MIT
// A Redis server that may go and come back: commands wait for it, and are sent again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <weft/weft.hpp>

#include "redis.hpp"

namespace redis {

/// A server, whether there is a connection to it or not.
///
/// When the connection is lost, commands without a reply are sent again by the next one: **each is
/// done at least once**, and may be done twice. Commands for which that matters are written so
/// that the second time has no effect (queue.cpp).
class client {
public:
    client(std::string host, std::uint16_t port) : host_(std::move(host)), port_(port) {}
    client(client&&) = delete;

    /// Sends a command, its words texts or numbers, and waits for the reply, for as long as the
    /// server is gone.
    /// Errors: server_error; connection_error as long as there has never been a connection.
    template <class... Words>
    weft::task<reply> command(const Words&... command) {
        return send({to_word(command)...});
    }
    weft::task<reply> send(words command);

    /// How many commands were sent a second time.
    std::size_t sent_again() const noexcept { return sent_again_; }
    /// "redis HOST:PORT"
    std::string name() const;

private:
    static std::string to_word(const std::string& text) { return text; }
    static std::string to_word(const char* text) { return text; }
    template <class Number>
    static std::string to_word(const Number& number) {
        return std::to_string(number);
    }

    weft::task<> connect();
    weft::task<> connect_once();

    std::string host_;
    std::uint16_t port_;
    // Shared with the commands on their way: they outlive it when it is lost.
    std::shared_ptr<connection> connection_;
    weft::mutex connecting_;
    bool was_connected_ = false;
    std::size_t sent_again_ = 0;
};

} // namespace redis
