// SPDX-License-Identifier: MIT
#include "pages.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include <weft/compose/when_any.hpp>
#include <weft/core/frame_pool.hpp>
#include <weft/threads/run_on.hpp>
#include <weft/threads/to_thread.hpp>
#include <weft/time/ticker.hpp>

#include "target.hpp"

namespace httpd {

namespace {

// /work: something that takes long, and would hold up everybody else.

std::uint64_t count_primes(const weft::cancel_token& cancel, std::uint64_t below) {
    std::uint64_t count = below > 2 ? 1 : 0;
    for (std::uint64_t candidate = 3; candidate < below; candidate += 2) {
        if (candidate % 1024 == 1) cancel.throw_if_cancelled();
        bool is_prime = true;
        for (std::uint64_t divisor = 3; is_prime && divisor * divisor <= candidate; divisor += 2)
            is_prime = candidate % divisor != 0;
        count += is_prime;
    }
    return count;
}

weft::task<reply> work(const target& wanted) {
    const auto below = wanted.number("n", 100'000, 0, 10'000'000);
    if (!below) co_return error_reply(400, "n is not a number up to 10000000");
    const std::uint64_t primes = co_await weft::to_thread(count_primes, *below);
    co_return page("application/json",
                   fmt::format("{{\"below\": {}, \"primes\": {}}}\n", *below, primes));
}

// /stream: server-sent events, until the client goes or the server ends.

stream_of_pieces events(std::chrono::milliseconds period, std::uint64_t count,
                        weft::event& stopping) {
    weft::ticker ticks(period);
    for (std::uint64_t id = 1; id <= count; ++id) {
        if (id != 1) {
            auto woken = co_await weft::when_any(ticks.next(), stopping.wait());
            if (std::get<1>(woken)) break;
        }
        std::string next = fmt::format("id: {0}\ndata: {{\"event\": {0}}}\n\n", id);
        co_yield std::move(next);
    }
    std::string end = "event: end\ndata: {}\n\n";
    co_yield std::move(end);
}

reply stream(const target& wanted, service& on) {
    const auto every = wanted.number("every", 1000, 1, 3'600'000);
    const auto count = wanted.number("count", UINT64_MAX, 1, UINT64_MAX);
    if (!every || !count) return error_reply(400, "every (milliseconds) or count is no number");
    return reply(200, events(std::chrono::milliseconds(*every), *count, on.stopping))
        .with("Content-Type", "text/event-stream")
        .with("Cache-Control", "no-store");
}

// /echo: the body of the answer is that of the request, while it comes.

stream_of_pieces pieces_of(body_reader& body) {
    for (;;) {
        std::string piece = co_await body.read_body();
        if (piece.empty()) co_return;
        co_yield std::move(piece);
    }
}

reply echo(const request& asked, body_reader& body) {
    return reply(200, pieces_of(body))
        .with("Content-Type",
              asked.content_type.empty() ? "application/octet-stream" : asked.content_type);
}

// /stats: what is alive, on all loops.

weft::task<std::size_t> live_frames() { co_return weft::frame_pool::now().live; }

weft::task<reply> stats(common& shared) {
    // Before the frames: those of a connection that ends meanwhile must not be among them.
    const auto open = shared.open_connections.load();
    std::size_t frames = 0;
    for (const weft::loop_handle& loop : shared.loops) {
        try {
            frames += co_await weft::run_on(loop, live_frames);
        } catch (const std::system_error&) {} // that loop has ended
    }
    co_return page("application/json",
                   fmt::format("{{\"open_connections\": {}, \"connections\": {}, \"requests\": {}, "
                               "\"frames\": {}}}\n",
                               open, shared.connections.load(), shared.requests.load(), frames))
        .with("Cache-Control", "no-store");
}

/// The methods that a path has.
std::string_view methods_of(std::string_view path) {
    return path == "/echo" ? "POST, PUT, OPTIONS" : "GET, HEAD, OPTIONS";
}

bool has_method(std::string_view methods, std::string_view method) {
    for (auto rest = methods; !rest.empty();) {
        const auto each = rest.substr(0, rest.find(", "));
        if (each == method) return true;
        rest.remove_prefix(std::min(each.size() + 2, rest.size()));
    }
    return false;
}

reply wrong_method(std::string_view method, std::string_view allowed) {
    constexpr std::array known{"GET",   "HEAD",  "POST",    "PUT",    "DELETE",
                               "PATCH", "TRACE", "OPTIONS", "CONNECT"};
    if (std::ranges::find(known, method) == known.end()) return error_reply(501, "unknown method");
    return error_reply(405, "not with this method").with("Allow", allowed);
}

} // namespace

weft::task<reply> answer(const request& asked, body_reader& body, service& on) {
    const auto wanted = target::parse(asked.target);
    if (!wanted) co_return error_reply(400, "the target of the request is malformed");
    const auto methods = methods_of(wanted->path);
    if (!has_method(methods, asked.method)) co_return wrong_method(asked.method, methods);
    if (asked.method == "OPTIONS") co_return reply(204).with("Allow", methods);

    if (wanted->path == "/work") {
        auto result = co_await work(*wanted);
        co_return result;
    }
    if (wanted->path == "/stats") {
        auto result = co_await stats(on.shared);
        co_return result;
    }
    if (wanted->path == "/stream") co_return stream(*wanted, on);
    if (wanted->path == "/echo") co_return echo(asked, body);
    co_return on.shared.files.get(asked, *wanted);
}

} // namespace httpd
