// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <type_traits>
#include <utility>
#include <variant>

#include <weft/core/branch.hpp>
#include <weft/core/error.hpp>
#include <weft/core/outcome.hpp>
#include <weft/core/raise.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft {

/// Passes one value, or one error, from somebody to one who waits for it.
///
///     weft::oneshot<reply> answer;
///     requests.push_back({question, &answer});
///     auto r = co_await answer.receive();
///
/// Cancel  A receiver that is cancelled is gone: `set_value` and `set_error` return false, until
///         somebody waits again. A value that is there stays for the next one.
template <class T>
class oneshot {
    struct receiving;
    using value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

public:
    oneshot() = default;
    oneshot(oneshot&&) = delete;

    /// Returns false, without effect, if there is a value or an error already, or the receiver is
    /// gone. `oneshot<void>` takes nothing.
    bool set_value(value result)
        requires(!std::is_void_v<T>)
    {
        return set([&] { result_.set_value(std::forward<value>(result)); });
    }
    bool set_value() noexcept
        requires std::is_void_v<T>
    {
        return set([&] { result_.set_value(); });
    }
    bool set_error(std::exception_ptr error) noexcept {
        return set([&] { result_.set_error(std::move(error)); });
    }

    /// Waits for the value and returns it; rethrows an error as it is.
    /// Errors  Throws `error` (errc::busy) if somebody waits already; `closed_error` if the value
    ///         has been received.
    auto receive() noexcept { return wait_queue::wait<receiving>(this); }

private:
    template <class Set>
    bool set(Set set_result) {
        if (!result_.is_pending() || gone_) return false;
        set_result();
        if (!receiver_.empty()) {
            promised_ = true;
            receiver_.serve_one();
        }
        return true;
    }

    outcome<T> result_;
    bool promised_ = false; // to a receiver that has not resumed yet
    bool taken_ = false;
    bool gone_ = false;
    wait_queue receiver_; // one at most
};

// Implementation ------------------------------------------------------------

template <class T>
struct oneshot<T>::receiving {
    explicit receiving(oneshot* from) noexcept : source(from) {}

    wait_queue& queue() noexcept { return source->receiver_; }
    bool begin() noexcept {
        busy = source->promised_ || !source->receiver_.empty();
        closed = source->taken_;
        if (busy || closed) return true;
        return source->promised_ = !source->result_.is_pending();
    }
    void waits(branch&) noexcept { source->gone_ = false; }
    T result() {
        if (busy) raise<error>(errc::busy, "oneshot.receive");
        if (closed) raise<closed_error>("oneshot.receive: the value was received already");
        source->promised_ = false;
        source->taken_ = true;
        return source->result_.take();
    }
    void give_back() noexcept {
        if (!busy && !closed) source->promised_ = false;
    }
    void left() noexcept { source->gone_ = true; }
    static constexpr const char* name = "oneshot.receive";

    oneshot* source;
    bool busy = false;
    bool closed = false;
};

} // namespace weft
