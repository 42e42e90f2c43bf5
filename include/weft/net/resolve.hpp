// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <netdb.h>
#include <sys/socket.h>

#include <weft/compose/when_all_settled.hpp>
#include <weft/core/raise.hpp>
#include <weft/coro/task.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/system_calls.hpp>
#include <weft/net/endpoint.hpp>
#include <weft/net/socket.hpp>
#include <weft/threads/to_thread.hpp>

namespace weft {

/// What getaddrinfo(3) says when it finds nothing: EAI_NONAME, EAI_AGAIN and so on.
const std::error_category& resolve_category() noexcept;

/// Looks up the addresses of `host`, in the order in which they should be tried. `service` is a
/// port in figures or a name like "http".
///
/// Addresses in figures are not looked up: no thread is involved, and it is complete at once.
/// Errors  Throws `std::system_error` that names host and service, of `resolve_category` or of the
///         system, which may be unable to start a thread. With `code` it is stored there, and there
///         are no addresses.
/// Cancel  A look-up that has begun goes on in its thread, and nobody waits for it.
template <class = if_used>
task<std::vector<endpoint>> resolve(std::string host, std::string service);
template <class = if_used>
task<std::vector<endpoint>> resolve(std::string host, std::string service, std::error_code& code);

// Implementation ------------------------------------------------------------

namespace detail {

struct looked_up {
    std::vector<endpoint> addresses;
    std::error_code error;
};

/// Asks the system, on whatever thread this is.
template <class = if_used>
looked_up look_up(system_calls* calls, std::string host, std::string service, int flags) {
    looked_up result;
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM; // else each address comes once for every type
    hints.ai_flags = flags;
    addrinfo* found = nullptr;
    const int failed = calls->getaddrinfo(host.c_str(), service.c_str(), &hints, &found);
    if (failed == EAI_SYSTEM)
        result.error = std::error_code(errno, std::system_category());
    else if (failed != 0)
        result.error = std::error_code(failed, resolve_category());
    if (failed != 0) return result;

    auto& all = result.addresses;
    guarded(
        [&] {
            for (const auto* each = found; each; each = each->ai_next)
                if (const endpoint address(each->ai_addr, each->ai_addrlen);
                    std::find(all.begin(), all.end(), address) == all.end())
                    all.push_back(address);
        },
        [&](const std::exception_ptr&) {
            result.error = std::make_error_code(std::errc::not_enough_memory);
        });
    calls->freeaddrinfo(found);
    if (all.empty() && !result.error)
        result.error = std::error_code(EAI_NONAME, resolve_category());
    return result;
}

} // namespace detail

inline const std::error_category& resolve_category() noexcept {
    static const struct final : std::error_category {
        const char* name() const noexcept override { return "resolve"; }
        std::string message(int code) const override { return ::gai_strerror(code); }
        std::error_condition default_error_condition(int code) const noexcept override {
            if (code == EAI_AGAIN) return std::errc::resource_unavailable_try_again;
            if (code == EAI_MEMORY) return std::errc::not_enough_memory;
            return {code, *this};
        }
    } category;
    return category;
}

template <class Used>
task<std::vector<endpoint>> resolve(std::string host, std::string service, std::error_code& code) {
    code.clear();
    const bool in_figures = endpoint::parse(host, 0).has_value();
    const auto port = detail::to_number<std::uint16_t>(service);
    if (in_figures && port) co_return {endpoint(host, *port)};
    if (host.empty() || (host + service).find('\0') != host.npos) {
        code = std::error_code(EAI_NONAME, resolve_category());
        co_return {};
    }

    auto* const calls = &this_loop().system().calls();
    detail::looked_up result;
    if (in_figures || !calls->look_up_blocks()) {
        const int flags = in_figures ? AI_NUMERICHOST : 0;
        result = detail::look_up<Used>(calls, std::move(host), std::move(service), flags);
    } else {
        auto elsewhere = to_thread_abandon(detail::look_up<Used>, calls, std::move(host),
                                           std::move(service), 0);
        auto settled = co_await when_all_settled(std::move(elsewhere));
        auto& found = std::get<0>(settled);
        if (found)
            result = found.take();
        else
            result.error = code_of(found.error()); // no thread can be started, for instance
    }
    code = result.error;
    co_return std::move(result.addresses);
}

template <class>
task<std::vector<endpoint>> resolve(std::string host, std::string service) {
    std::error_code error;
    auto result = co_await resolve(host, service, error);
    if (error) raise<std::system_error>(error, "resolving " + host + ':' + service);
    co_return result;
}

} // namespace weft
