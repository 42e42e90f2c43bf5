// SPDX-License-Identifier: MIT
//
// The echo server of echo_floor.cpp with Asio, on an io_context that is told it has one thread and
// needs no locks.
//
//     echo_asio callbacks|awaitable
#define ASIO_HAS_CO_AWAIT // Asio 1.22 does not believe that clang has coroutines with libstdc++
#define ASIO_HAS_STD_COROUTINE

#include <asio.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>

namespace {

using asio::ip::tcp;

struct session : std::enable_shared_from_this<session> {
    tcp::socket client;
    std::array<std::byte, 4096> buffer{};

    explicit session(tcp::socket accepted) : client(std::move(accepted)) {}

    void read() {
        client.async_read_some(
            asio::buffer(buffer),
            [self = shared_from_this()](asio::error_code code, std::size_t size) {
                if (!code) self->write(size);
            });
    }
    void write(std::size_t size) {
        asio::async_write(client, asio::buffer(buffer, size),
                          [self = shared_from_this()](asio::error_code code, std::size_t) {
                              if (!code) self->read();
                          });
    }
};

void accept(tcp::acceptor& acceptor) {
    acceptor.async_accept([&](asio::error_code code, tcp::socket client) {
        if (!code) {
            client.set_option(tcp::no_delay(true));
            std::make_shared<session>(std::move(client))->read();
        }
        accept(acceptor);
    });
}

asio::awaitable<void> echo(tcp::socket client) {
    try {
        std::array<std::byte, 4096> buffer{};
        for (;;) {
            const auto size =
                co_await client.async_read_some(asio::buffer(buffer), asio::use_awaitable);
            co_await asio::async_write(client, asio::buffer(buffer, size), asio::use_awaitable);
        }
    } catch (const asio::system_error&) { // the end of the stream is one
    }
}

asio::awaitable<void> accept_all(tcp::acceptor& acceptor) {
    for (;;) {
        auto client = co_await acceptor.async_accept(asio::use_awaitable);
        client.set_option(tcp::no_delay(true));
        asio::co_spawn(acceptor.get_executor(), echo(std::move(client)), asio::detached);
    }
}

} // namespace

int main(int argc, char** argv) {
    asio::io_context context{ASIO_CONCURRENCY_HINT_UNSAFE};
    tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), 0}};
    std::printf("%d\n", acceptor.local_endpoint().port());
    std::fflush(stdout);
    if (argc > 1 && std::string_view(argv[1]) == "awaitable")
        asio::co_spawn(context, accept_all(acceptor), asio::detached);
    else
        accept(acceptor);
    context.run();
}
