// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <new>
#include <system_error>
#include <utility>

#include <weft/core/error.hpp>
#include <weft/core/raise.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft {

/// An item that somebody sends, and what has become of it: what `channel` and `broadcast` have in
/// common.
template <class Item>
class outgoing {
public:
    /// `answer` receives whether it was refused; null: that is thrown.
    template <class T>
    explicit outgoing(T&& sent, std::error_code* answer)
        : item_(std::forward<T>(sent)), answer_(answer) {}
    outgoing(outgoing&&) = delete;
    ~outgoing() {} // see `clean_up`

    /// For who can move it at once, and then calls `succeed` and nothing else.
    Item& item() noexcept { return item_; }

    /// Before all that is below.
    void begin() noexcept { fate_ = fate::moved; }
    /// After it, if it has begun.
    void clean_up() noexcept {
        if (fate_ == fate::failed) error_.~exception_ptr();
    }

    /// Moves the item to where `move(item)` moves it; what that throws is the sender's.
    template <class Move>
    void attempt(Move move) noexcept {
        if constexpr (noexcept(move(item_)))
            move(item_);
        else
            guarded([&] { move(item_); },
                    [this](std::exception_ptr thrown) {
                        ::new (static_cast<void*>(&error_)) std::exception_ptr(std::move(thrown));
                        fate_ = fate::failed;
                    });
    }
    /// It is not sent: there is nobody to receive it.
    void refuse() noexcept { fate_ = fate::refused; }

    /// Tells the sender that it was sent.
    void succeed() noexcept {
        if (answer_) [[unlikely]]
            *answer_ = std::error_code();
    }
    /// Tells the sender what has become of it. `text` is what a `closed_error` says.
    void finish(const char* text) {
        succeed();
        if (fate_ != fate::moved) [[unlikely]]
            tell(text);
    }

private:
    enum class fate : unsigned { moved, refused, failed };

    [[gnu::noinline]] void tell(const char* text) {
        if (fate_ == fate::failed) std::rethrow_exception(error_);
        if (!answer_) raise<closed_error>(text);
        *answer_ = make_error_code(errc::closed);
    }

    Item item_;
    fate fate_; // since `begin`
    std::error_code* answer_;
    union {
        std::exception_ptr error_; // the item could not be moved
    };
};

/// Refuses all who wait in `senders`; each of them is a `Sending`, which is an `outgoing`.
template <class Sending>
void refuse_all(wait_queue& senders) noexcept {
    while (!senders.empty()) {
        request_of<Sending>(senders.front()).refuse();
        senders.wake_one();
    }
}

} // namespace weft
