// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <weft/compose/when_all_settled.hpp>
#include <weft/core/raise.hpp>
#include <weft/coro/task.hpp>
#include <weft/net/async_stream.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/tls_context.hpp>
#include <weft/net/tls_engine.hpp>
#include <weft/sync/mutex.hpp>

// Needs OpenSSL 3: link `weft::tls`. Not part of weft.hpp.
namespace weft {

/// A stream that encrypts what another stream carries.
///
///     auto context = weft::tls_context::client();
///     auto plain = co_await weft::connect("example.org", 443);
///     auto secure = co_await weft::tls_connect(std::move(plain), context, "example.org");
///
/// One branch may read while others write.
///
/// Errors    `std::system_error` of `tls_category` that names the peer: the handshake failed, a
///           certificate did not verify or is for another name, the peer sent an alert, or its
///           stream ended without its saying so (it may have been cut by somebody else). What the
///           stream below throws. ENOTCONN before the handshake. The forms with an
///           `std::error_code&` store the code there, or clear it.
/// Cancel    A read loses nothing. A write that is cancelled may have written a part; what has been
///           encrypted is sent with the next write.
/// Lifetime  Nobody uses it when it is destroyed; `close` ends those who wait. Either says no
///           good-bye to the peer, for whom the stream is cut off then: `shutdown_write` does.
template <async_stream S>
class tls_stream {
public:
    /// The client's end, if `context` is a client's: `host` is the name or address that the
    /// server's certificate must be for. Else a server's end, without a `host`.
    explicit tls_stream(S below, const tls_context& context, std::string host = {})
        : state_(std::make_unique<state>(std::move(below), context, std::move(host))) {}

    /// Agrees with the peer on keys, and checks certificates: before anything else.
    /// Cancel  It can be called again, and goes on.
    task<> handshake() { return handshake(nullptr); }
    task<> handshake(std::error_code& error)
        requires reporting_stream<S>
    {
        return handshake(&error);
    }

    /// Returns how many bytes were read; 0 when the peer has ended its stream.
    task<std::size_t> read_some(mutable_buffer to) { return read_some(to, nullptr); }
    task<std::size_t> read_some(mutable_buffer to, std::error_code& error)
        requires reporting_stream<S>
    {
        return read_some(to, &error);
    }
    /// Returns how many bytes were written, at most 16 KiB.
    task<std::size_t> write_some(const_buffer from) { return write_some(from, nullptr); }
    task<std::size_t> write_some(const_buffer from, std::error_code& error)
        requires reporting_stream<S>
    {
        return write_some(from, &error);
    }
    /// Says to the peer that no more will be written. Reading goes on.
    task<> shutdown_write() { return shutdown_write(nullptr); }
    task<> shutdown_write(std::error_code& error)
        requires reporting_stream<S>
    {
        return shutdown_write(&error);
    }

    void close() noexcept
        requires requires(S& below) { below.close(); }
    {
        state_->below.close();
    }
    void abort() noexcept
        requires requires(S& below) { below.abort(); }
    {
        state_->below.abort();
    }

    /// The stream that carries it.
    S& below() const noexcept { return state_->below; }
    tls_engine& engine() const noexcept { return state_->engine; }

private:
    static constexpr std::size_t record_size = 16384 + 512; // the longest, and what is around it

    struct state {
        state(S&& carrier, const tls_context& context, std::string host)
            : below(std::move(carrier)), engine(context, std::move(host)) {}

        S below;
        tls_engine engine;
        mutex sending; // by who empties `engine` and `out`
        std::array<std::byte, record_size> in;
        std::array<std::byte, record_size> out;
        const_buffer unsent; // the part of `out` that the stream below has not taken
    };

    // Everywhere: a null `error` is for who wants it thrown.
    task<> handshake(std::error_code* error);
    task<std::size_t> read_some(mutable_buffer to, std::error_code* error);
    task<std::size_t> write_some(const_buffer from, std::error_code* error);
    task<> shutdown_write(std::error_code* error);

    /// Clears `error`. Returns whether the handshake is over; else that is the error.
    bool begin(std::error_code* error) const;
    static task<> send(state& self, std::error_code* error);
    static task<> receive(state& self, std::error_code* error);

    std::unique_ptr<state> state_;
};

/// Begins TLS as a client of `host` on a stream that is connected to it. Returns when the handshake
/// is over.
template <async_stream S>
task<tls_stream<S>> tls_connect(S below, const tls_context& context, std::string host) {
    tls_stream<S> secure(std::move(below), context, std::move(host));
    co_await secure.handshake();
    co_return secure;
}

/// Begins TLS as a server. Returns when the handshake is over: give it a time limit.
template <async_stream S>
task<tls_stream<S>> tls_accept(S below, const tls_context& context) {
    tls_stream<S> secure(std::move(below), context);
    co_await secure.handshake();
    co_return secure;
}

// Implementation ------------------------------------------------------------

template <async_stream S>
bool tls_stream<S>::begin(std::error_code* error) const {
    if (error) error->clear();
    if (state_->engine.is_up()) return true;
    const auto code = std::make_error_code(std::errc::not_connected);
    if (!error) raise<std::system_error>(code, "TLS: before the handshake");
    *error = code;
    return false;
}

template <async_stream S>
task<> tls_stream<S>::handshake(std::error_code* error) {
    auto& self = *state_;
    const lock_guard turn = co_await self.sending.lock();
    if (error) error->clear();
    for (;;) {
        const std::optional<std::error_code> ended = self.engine.handshake();
        if (ended && *ended) {
            // The peer is told, if it listens; what counts is why.
            std::error_code lost;
            co_await when_all_settled(send(self, error ? &lost : nullptr));
            if (!error) self.engine.raise_handshake_error(*ended);
            *error = *ended;
            co_return;
        }
        co_await send(self, error);
        if (ended || detail::has_failed(error)) co_return;
        co_await receive(self, error);
        if (detail::has_failed(error)) co_return;
    }
}

template <async_stream S>
task<std::size_t> tls_stream<S>::read_some(mutable_buffer to, std::error_code* error) {
    auto& self = *state_;
    if (!begin(error) || to.empty()) co_return 0;
    for (;;) {
        if (const std::optional<std::size_t> size = self.engine.read(to, error)) co_return *size;
        // An answer to what the peer asked for, such as new keys. Whoever writes now sends it, too.
        if (self.engine.has_output()) {
            if (std::optional<lock_guard> turn = self.sending.try_lock())
                co_await send(self, error);
        }
        if (!detail::has_failed(error)) co_await receive(self, error);
        if (detail::has_failed(error)) co_return 0;
    }
}

template <async_stream S>
task<std::size_t> tls_stream<S>::write_some(const_buffer from, std::error_code* error) {
    auto& self = *state_;
    if (!begin(error)) co_return 0;
    const lock_guard turn = co_await self.sending.lock();
    co_await send(self, error); // what was left by one that was cancelled
    if (detail::has_failed(error)) co_return 0;
    const std::size_t size = self.engine.write(from, error);
    if (detail::has_failed(error)) co_return 0;
    co_await send(self, error);
    co_return detail::has_failed(error) ? 0 : size;
}

template <async_stream S>
task<> tls_stream<S>::shutdown_write(std::error_code* error) {
    auto& self = *state_;
    if (!begin(error)) co_return;
    const lock_guard turn = co_await self.sending.lock();
    self.engine.finish(error);
    if (!detail::has_failed(error)) co_await send(self, error);
    if (!detail::has_failed(error)) co_await detail::shutdown_write(self.below, error);
}

/// Sends everything that is encrypted. Precondition: the caller holds `sending`; no error yet.
template <async_stream S>
task<> tls_stream<S>::send(state& self, std::error_code* error) {
    while (!detail::has_failed(error)) {
        if (self.unsent.empty())
            self.unsent = const_buffer(self.out).first(self.engine.take_output(self.out));
        if (self.unsent.empty()) co_return;
        const std::size_t size = co_await detail::write_some(self.below, self.unsent, error);
        self.unsent = self.unsent.subspan(size);
    }
}

/// Feeds the engine what arrives next. Precondition: no error yet.
template <async_stream S>
task<> tls_stream<S>::receive(state& self, std::error_code* error) {
    const mutable_buffer in(self.in);
    const std::size_t size = co_await detail::read_some(self.below, in, error);
    if (detail::has_failed(error)) co_return;
    if (size == 0)
        self.engine.cut_off(error);
    else
        self.engine.feed(in.first(size), error);
}

} // namespace weft
