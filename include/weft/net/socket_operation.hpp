// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <sys/types.h>

#include <weft/core/error.hpp>
#include <weft/core/operation.hpp>
#include <weft/core/prepared.hpp>
#include <weft/core/raise.hpp>
#include <weft/loop/readiness.hpp>
#include <weft/net/socket.hpp>

namespace weft {

/// A system call on a socket, which `socket_operation` makes. Derive from this and write
///
///     static constexpr readiness direction;          // what it waits for
///     ssize_t operator()(unique_socket&) noexcept;   // makes it; a negative errno is an error
///     R result(std::size_t n);                       // what was not negative; 0 after an error
///     static constexpr const char* name;             // for the dump: "read_some"
///     std::string what(const unique_socket&) const;  // what failed, for the error
struct socket_call {
    /// Whether it says with `result` that it would block.
    static bool must_wait(ssize_t result) noexcept {
        return result == -EAGAIN || result == -EWOULDBLOCK;
    }
    /// Whether it can block at all.
    static constexpr bool may_wait = true;
    /// How much it can do; if it does less, the socket has no more. 0: that tells nothing.
    std::size_t most() const noexcept { return 0; }
    /// There is nothing to do: it succeeds at once with 0.
    bool is_empty() const noexcept { return false; }
};

/// Makes the system call of a socket, first of all; waits when it would block; and makes it again
/// as soon as the socket is ready, still within the poll, so that what was waited for is there
/// when the branch resumes.
///
/// Errors  As `Call` says. With a `code` they are stored there instead, and success clears it.
///         EBADF: the socket is, or was meanwhile, closed; errc::busy: another operation waits
///         in this direction.
template <class Call>
class socket_operation final : public operation<socket_operation<Call>>, private socket_user {
public:
    template <class... Args>
    explicit socket_operation(unique_socket* socket, std::error_code* code, Args... args)
        : socket_user(socket), call_{{}, args...}, code_(code) {}
    template <class... Args>
    explicit socket_operation(unique_socket* socket, Args... args)
        : socket_operation(socket, static_cast<std::error_code*>(nullptr), args...) {}
    ~socket_operation() {
        if (result_ == thrown) failure_.~exception_ptr();
    }

    bool start(branch&) noexcept;
    /// In place of `start`: asks the system, and does not wait. Returns whether it is complete; it
    /// is not, too, while another operation waits in this direction, which is first.
    bool start_at_once() noexcept;
    bool withdraw() noexcept override {
        cancel();
        leave();
        return true;
    }
    decltype(auto) await_resume();
    const char* describe() const noexcept override { return Call::name; }

private:
    static constexpr auto busy = std::numeric_limits<std::int32_t>::min();
    static constexpr auto thrown = busy + 1;

    /// Returns whether it is complete.
    bool attempt() noexcept;
    void ready(readiness what) noexcept override;
    bool finish(ssize_t result) noexcept;
    std::error_code error() const noexcept;

    Call call_;
    // Of those who wait, there may be very many: they need no room for both.
    union {
        std::error_code* code_;      // null: throw
        std::exception_ptr failure_; // `result_` is `thrown`
    };
};

/// Describes the operation that makes `Call{args...}` on `socket`. `code` may be null.
template <class Call, class... Args>
auto operate(unique_socket& socket, std::error_code* code, Args... args) noexcept {
    return prepared<socket_operation<Call>, unique_socket*, std::error_code*, Args...>(
        &socket, code, args...);
}
template <class Call, class... Args>
auto operate(unique_socket& socket, std::nullptr_t, Args... args) noexcept {
    return prepared<socket_operation<Call>, unique_socket*, Args...>(&socket, args...);
}

/// Makes `Call{args...}` if that need not wait. Returns its result; nothing if it would have to
/// wait, while another operation waits in this direction, or after an error that went to `code`.
template <class Call, class... Args>
auto operate_at_once(unique_socket& socket, std::error_code* code, Args... args) {
    socket_operation<Call> now(&socket, code, args...);
    std::optional<decltype(now.await_resume())> result;
    if (code) code->clear();
    if (!now.start_at_once()) return result;
    result.emplace(now.await_resume());
    if (code && *code) result.reset();
    return result;
}

// Implementation ------------------------------------------------------------

namespace detail {

/// "reading from 127.0.0.1:80"; of a peer without an IP address, what comes before `preposition`.
inline std::string with_peer(const char* what, const char* preposition, const unique_socket& on) {
    const auto peer = on.peer();
    return peer.is_ip() ? what + (preposition + peer.to_string()) : what;
}
/// The same with the address of the socket itself.
inline std::string with_local(const char* what, const char* preposition, const unique_socket& on) {
    return on.is_open() ? what + (preposition + on.local_endpoint().to_string()) : what;
}

} // namespace detail

template <class Call>
bool socket_operation<Call>::start(branch&) noexcept {
    auto& source = socket().source();
    if (!source.registered()) return finish(-EBADF);
    if (Call::may_wait && !enter(Call::direction)) return finish(busy);
    if (call_.is_empty()) return finish(0);
    // What is known to block need not be asked.
    if ((!Call::may_wait || source.may_be(Call::direction)) && attempt()) return true;
    source.wait(Call::direction, *this);
    return false;
}

template <class Call>
bool socket_operation<Call>::start_at_once() noexcept {
    if (!socket().source().registered()) return finish(-EBADF);
    return enter(Call::direction) && attempt();
}

template <class Call>
void socket_operation<Call>::ready(readiness what) noexcept {
    if (any(what & readiness::closed)) {
        finish(-EBADF);
    } else if (!attempt()) {
        socket().source().wait(Call::direction, *this);
        return;
    }
    this->complete();
}

template <class Call>
bool socket_operation<Call>::attempt() noexcept {
    ssize_t result;
    do
        result = call_(socket());
    while (result == -EINTR);
    auto& source = socket().source();
    if (Call::may_wait && Call::must_wait(result)) {
        source.blocked(Call::direction);
        return false;
    }
    // The end of a stream is no sign that more would block.
    if (result > 0 && static_cast<std::size_t>(result) < call_.most())
        source.drained(Call::direction);
    return finish(result);
}

// From here on the socket is not needed, and may be gone by the time the branch resumes.
template <class Call>
bool socket_operation<Call>::finish(ssize_t result) noexcept {
    assert(result <= std::numeric_limits<std::int32_t>::max());
    result_ = static_cast<std::int32_t>(result);
    if (result < 0 && !code_)
        guarded([&] { raise<std::system_error>(error(), call_.what(socket())); },
                [&](std::exception_ptr failure) {
                    ::new (static_cast<void*>(&failure_)) std::exception_ptr(std::move(failure));
                    result_ = thrown;
                });
    leave();
    return true;
}

template <class Call>
std::error_code socket_operation<Call>::error() const noexcept {
    if (result_ == busy) return errc::busy;
    return {result_ < 0 ? -result_ : 0, std::system_category()};
}

template <class Call>
decltype(auto) socket_operation<Call>::await_resume() {
    if (result_ == thrown) std::rethrow_exception(failure_);
    if (code_) *code_ = error();
    return call_.result(result_ < 0 ? 0 : static_cast<std::size_t>(result_));
}

} // namespace weft
