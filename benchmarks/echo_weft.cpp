// SPDX-License-Identifier: MIT
//
// The echo server of echo_floor.cpp, as one writes it with weft.
//
//     echo_weft [spin]      `spin`: polls for a while before it blocks
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string_view>

#include <weft/coro/task.hpp>
#include <weft/loop/run.hpp>
#include <weft/net/serve.hpp>
#include <weft/net/tcp_listener.hpp>
#include <weft/net/tcp_stream.hpp>
#include <weft/net/write_all.hpp>

namespace {

weft::task<> echo(weft::tcp_stream client) {
    std::array<std::byte, 4096> buffer;
    for (;;) {
        const std::size_t size = co_await client.read_some(buffer);
        if (size == 0) co_return;
        co_await weft::write_all(client, std::span(buffer).first(size));
    }
}

weft::task<> serve_all(bool spin) {
    if (spin) weft::this_loop().set_spin(std::chrono::milliseconds(1));
    weft::tcp_listener listener(weft::endpoint::loopback(0));
    std::printf("%d\n", listener.local_endpoint().port());
    std::fflush(stdout);
    co_await weft::serve(listener, echo);
}

} // namespace

int main(int argc, char** argv) {
    weft::run(serve_all(argc > 1 && std::string_view(argv[1]) == "spin"));
}
