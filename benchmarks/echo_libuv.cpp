// SPDX-License-Identifier: MIT
//
// The echo server of echo_floor.cpp with libuv.
//
//     echo_libuv write|try_write
#include <uv.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string_view>

#include <netinet/in.h>

namespace {

bool try_write = false;

struct session {
    uv_tcp_t client;
    uv_write_t request;
    std::array<char, 4096> buffer;
};

void end(uv_handle_t* client) {
    uv_close(client, [](uv_handle_t* closed) { delete static_cast<session*>(closed->data); });
}

void echo(uv_stream_t* client, ssize_t size, const uv_buf_t* read) {
    if (size == 0) return; // nothing is there
    if (size < 0) return end(reinterpret_cast<uv_handle_t*>(client));
    auto answer = uv_buf_init(read->base, static_cast<unsigned>(size));
    if (try_write) {
        if (uv_try_write(client, &answer, 1) != size)
            end(reinterpret_cast<uv_handle_t*>(client));
    } else {
        auto* const self = static_cast<session*>(client->data);
        uv_write(&self->request, client, &answer, 1, [](uv_write_t*, int) {});
    }
}

void accept(uv_stream_t* listener, int status) {
    if (status != 0) return;
    auto* const accepted = new session;
    uv_tcp_init(listener->loop, &accepted->client);
    accepted->client.data = accepted;
    auto* const client = reinterpret_cast<uv_stream_t*>(&accepted->client);
    if (uv_accept(listener, client) != 0) return end(reinterpret_cast<uv_handle_t*>(client));
    uv_tcp_nodelay(&accepted->client, 1);
    uv_read_start(
        client,
        [](uv_handle_t* handle, std::size_t, uv_buf_t* into) {
            auto& buffer = static_cast<session*>(handle->data)->buffer;
            *into = uv_buf_init(buffer.data(), static_cast<unsigned>(buffer.size()));
        },
        echo);
}

} // namespace

int main(int argc, char** argv) {
    try_write = argc > 1 && std::string_view(argv[1]) == "try_write";
    uv_loop_t* const loop = uv_default_loop();
    uv_tcp_t listener;
    uv_tcp_init(loop, &listener);
    sockaddr_in address;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_bind(&listener, reinterpret_cast<sockaddr*>(&address), 0);
    if (uv_listen(reinterpret_cast<uv_stream_t*>(&listener), 4096, accept) != 0) return 1;
    int size = sizeof address;
    uv_tcp_getsockname(&listener, reinterpret_cast<sockaddr*>(&address), &size);
    std::printf("%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}
