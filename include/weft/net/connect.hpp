// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <weft/compose/with_task_group.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/core/raise.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/coro/this_task.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/readiness.hpp>
#include <weft/net/endpoint.hpp>
#include <weft/net/resolve.hpp>
#include <weft/net/socket.hpp>
#include <weft/net/socket_operation.hpp>
#include <weft/net/tcp_stream.hpp>
#include <weft/net/unix_stream.hpp>
#include <weft/sync/event.hpp>

namespace weft {

/// Makes a TCP connection to an address.
///
/// Errors  Throws `std::system_error` that names the address: ECONNREFUSED, ETIMEDOUT (after what
///         the system thinks long enough, a minute or two: use `with_timeout`), ENETUNREACH. With
///         `code` it is stored there, and a closed stream returned.
/// Cancel  Ends the attempt.
template <class = if_used>
task<tcp_stream> connect(endpoint to);
template <class = if_used>
task<tcp_stream> connect(endpoint to, std::error_code& code);

/// Makes a TCP connection to a host, by whichever of its addresses answers first: they are tried
/// in turn, IPv6 and IPv4 alternating, the next one as soon as one has failed or the newest has not
/// answered for 250 ms. The others are given up then.
///
/// Errors  Throws `std::system_error` that names host and port: what `resolve` says; or, when all
///         addresses fail, the most telling error (refused rather than unreachable) and its
///         address. With `code` it is stored there, and a closed stream returned.
/// Cancel  Ends all attempts, and the look-up as `resolve` does.
/// Source  RFC 8305, "happy eyeballs"
template <class = if_used>
task<tcp_stream> connect(std::string host, std::uint16_t port);
template <class = if_used>
task<tcp_stream> connect(std::string host, std::uint16_t port, std::error_code& code);

/// Connects to who listens at a unix path, or with a leading '@' at an abstract name.
/// Errors  As `connect`: ENOENT if there is none, ECONNREFUSED if nobody listens, EAGAIN if too
///         many wait to be accepted; EINVAL and ENAMETOOLONG for what is no path.
template <class = if_used>
task<unix_stream> connect_unix(std::string path);
template <class = if_used>
task<unix_stream> connect_unix(std::string path, std::error_code& code);

// Implementation ------------------------------------------------------------

namespace detail {

/// The call that begins a connection tells, when it is made again, how that goes.
struct connect_call : socket_call {
    endpoint to;

    static constexpr auto direction = readiness::writable;
    static constexpr const char* name = "connect";
    static bool must_wait(ssize_t result) noexcept {
        return result == -EINPROGRESS || result == -EALREADY;
    }
    void result(std::size_t) const noexcept {}
    std::string what(const unique_socket&) const { return "connecting to " + to.to_string(); }
    ssize_t operator()(unique_socket& on) const noexcept {
        const int result = on.calls().connect(on.fd(), to.data(), to.size());
        return result == -EISCONN ? 0 : result;
    }
};

template <class Stream>
task<Stream> connect_to(endpoint to, std::error_code& code) {
    code.clear();
    if (to.is_ip() != std::is_same_v<Stream, tcp_stream>)
        code = std::make_error_code(std::errc::address_family_not_supported);
    if (code) co_return Stream();
    unique_socket socket;
    guarded(
        [&] {
            socket = unique_socket(this_loop(), to.family(), SOCK_STREAM);
            if (to.is_ip()) socket.set_option(IPPROTO_TCP, TCP_NODELAY, 1, "setting TCP_NODELAY");
        },
        [&](const std::exception_ptr& error) { code = code_of(error); });
    if (code) co_return Stream();
    co_await operate<connect_call>(socket, &code, to);
    if (code) co_return Stream();
    socket.set_peer(to.data(), to.size());
    co_return Stream(std::move(socket));
}

/// Addresses of the two families alternate; else their order is kept.
inline std::vector<endpoint> interleaved(const std::vector<endpoint>& addresses) {
    std::vector<endpoint> result, others;
    for (const auto& each : addresses)
        (each.family() == addresses[0].family() ? result : others).push_back(each);
    for (std::size_t i = 0; i < others.size(); ++i) {
        const auto place = std::min(2 * i + 1, result.size());
        result.insert(result.begin() + static_cast<std::ptrdiff_t>(place), others[i]);
    }
    return result;
}

/// How much an error says about the host, and not about the way there.
inline int telling(std::error_code code) noexcept {
    for (const auto way : {std::errc::network_unreachable, std::errc::host_unreachable,
                           std::errc::address_family_not_supported,
                           std::errc::address_not_available, std::errc::permission_denied})
        if (code == way) return 1;
    return code ? code == std::errc::timed_out ? 2 : 3 : 0;
}

/// The attempts to connect to one host.
struct connect_race {
    static constexpr std::chrono::milliseconds head_start{250};

    explicit connect_race(std::vector<endpoint> addresses) : tries(std::move(addresses)) {}

    std::vector<endpoint> tries;
    std::size_t pending = 0;
    event changed; // one of them has ended
    tcp_stream winner;
    std::error_code error; // the most telling one, and its address
    endpoint failed;

    bool is_over() const noexcept { return winner.is_open() || (pending == 0 && tries.empty()); }
    template <class = if_used>
    task<> run(task_group& attempts);
    template <class = if_used>
    task<> attempt(endpoint to);
};

template <class>
task<> connect_race::run(task_group& attempts) {
    std::reverse(tries.begin(), tries.end());
    while (!is_over()) {
        changed.clear();
        // A group that was cancelled takes no more; then the wait below is where this stops.
        if (!tries.empty() && !this_task::cancel_requested()) {
            attempts.spawn(attempt(tries.back()));
            tries.pop_back();
            ++pending;
        }
        if (tries.empty())
            co_await changed.wait();
        else
            co_await try_for(head_start, changed.wait());
    }
    attempts.cancel();
}

template <class>
task<> connect_race::attempt(endpoint to) {
    std::error_code code;
    auto stream = co_await connect_to<tcp_stream>(to, code);
    --pending;
    if (!code && !winner.is_open()) winner = std::move(stream);
    if (telling(code) > telling(error)) {
        error = code;
        failed = to;
    }
    changed.set();
}

/// Of what was `connect`ed to `to` with `error`.
[[noreturn]] inline void raise_unconnected(const std::error_code& error, const std::string& to) {
    raise<std::system_error>(error, "connecting to " + to);
}

/// Puts into `failed` the address that `code` is about, if it is about one.
template <class = if_used>
task<tcp_stream> connect_host(std::string host, std::uint16_t port, std::error_code& code,
                              endpoint& failed) {
    auto addresses = co_await resolve(std::move(host), std::to_string(port), code);
    if (code) co_return tcp_stream();
    connect_race race(interleaved(addresses));
    auto body = [&race](task_group& attempts) { return race.run(attempts); };
    co_await with_task_group(body);
    if (!race.winner.is_open()) {
        code = race.error;
        failed = race.failed;
    }
    co_return std::move(race.winner);
}

} // namespace detail

template <class>
task<tcp_stream> connect(endpoint to, std::error_code& code) {
    return detail::connect_to<tcp_stream>(to, code);
}

template <class>
task<tcp_stream> connect(endpoint to) {
    std::error_code error;
    auto stream = co_await connect(to, error);
    if (error) detail::raise_unconnected(error, to.to_string());
    co_return stream;
}

template <class>
task<tcp_stream> connect(std::string host, std::uint16_t port, std::error_code& code) {
    endpoint failed;
    auto stream = co_await detail::connect_host(std::move(host), port, code, failed);
    co_return stream;
}

template <class>
task<tcp_stream> connect(std::string host, std::uint16_t port) {
    std::error_code error;
    endpoint failed;
    auto stream = co_await detail::connect_host(host, port, error, failed);
    if (error) {
        auto name = host + ':' + std::to_string(port);
        if (endpoint::parse(host, port))
            name = failed.to_string();
        else if (failed.is_ip())
            name += " at " + failed.to_string();
        detail::raise_unconnected(error, name);
    }
    co_return stream;
}

template <class>
task<unix_stream> connect_unix(std::string path, std::error_code& code) {
    const auto to = endpoint::unix_path(path, code);
    unix_stream stream;
    if (!code) stream = co_await detail::connect_to<unix_stream>(to, code);
    co_return stream;
}

template <class>
task<unix_stream> connect_unix(std::string path) {
    std::error_code error;
    const auto to = endpoint::unix_path(path);
    auto stream = co_await detail::connect_to<unix_stream>(to, error);
    if (error) detail::raise_unconnected(error, to.to_string());
    co_return stream;
}

} // namespace weft
