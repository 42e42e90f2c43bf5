// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include <weft/core/error.hpp>

namespace weft {

/// Tells work on another thread that nobody wants its result any more.
///
///     weft::task<> index(std::vector<page> pages) {
///         auto work = [](weft::cancel_token token, std::vector<page> pages) {
///             for (auto& each : pages) {
///                 token.throw_if_cancelled();
///                 add(each);
///             }
///         };
///         co_await weft::to_thread(work, std::move(pages));
///     }
///
/// Copyable. One that is made without a `cancel_source` is never cancelled.
/// Threads  Any.
class cancel_token {
public:
    cancel_token() noexcept = default;

    bool cancel_requested() const noexcept {
        return requested_ && requested_->load(std::memory_order_acquire);
    }

    /// Errors  Throws `cancelled_error` if a cancel was requested. Let it pass: whoever waits for
    ///         the work then ends there, as if it had been withdrawn.
    void throw_if_cancelled() const {
        if (cancel_requested()) raise_cancelled();
    }

private:
    friend class cancel_source;
    explicit cancel_token(std::shared_ptr<const std::atomic<bool>> requested) noexcept
        : requested_(std::move(requested)) {}

    std::shared_ptr<const std::atomic<bool>> requested_;
};

/// The other end of `cancel_token`s.
class cancel_source {
public:
    cancel_source() : requested_(std::make_shared<std::atomic<bool>>(false)) {}

    cancel_token token() const noexcept { return cancel_token(requested_); }
    void request_cancel() noexcept { requested_->store(true, std::memory_order_release); }

private:
    std::shared_ptr<std::atomic<bool>> requested_;
};

} // namespace weft
