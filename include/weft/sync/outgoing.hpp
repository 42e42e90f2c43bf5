// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <system_error>
#include <utility>

#include <weft/core/error.hpp>
#include <weft/core/raise.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft {

/// An item that somebody sends, and what has become of it: what `channel` and `broadcast` have in
/// common.
template <class Item>
struct outgoing {
    /// `answer` receives whether it was refused; null: that is thrown.
    template <class T>
    explicit outgoing(T&& sent, std::error_code* answer)
        : refusal(answer), item(std::forward<T>(sent)) {}

    /// Moves the item to where `move(item)` moves it; what that throws is the sender's.
    template <class Move>
    void attempt(Move move) noexcept {
        guarded([&] { move(item); },
                [this](std::exception_ptr thrown) { error = std::move(thrown); });
    }

    /// Tells the sender. `text` is what a `closed_error` says.
    void finish(const char* text) {
        if (refusal)
            *refusal = refused ? make_error_code(errc::closed) : std::error_code();
        else if (refused)
            raise<closed_error>(text);
        if (error) std::rethrow_exception(error);
    }

    std::error_code* refusal;
    std::exception_ptr error; // the item could not be moved
    bool refused = false;
    Item item;
};

/// Refuses all who wait in `senders`; each of them is a `Sending`, which is an `outgoing`.
template <class Sending>
void refuse_all(wait_queue& senders) noexcept {
    while (!senders.empty()) {
        request_of<Sending>(senders.front()).refused = true;
        senders.wake_one();
    }
}

} // namespace weft
