// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

#include <weft/core/error.hpp>
#include <weft/core/fork.hpp>
#include <weft/core/prepared.hpp>
#include <weft/core/scheduler.hpp>

namespace weft {

template <forkable Body, forkable Cleanup>
class finally_operation final : public fork_operation<finally_operation<Body, Cleanup>> {
    using base = fork_operation<finally_operation>;

public:
    explicit finally_operation(Body body, Cleanup cleanup)
        : body_(*this, std::move(body)), cleanup_(*this, std::move(cleanup)) {}
    ~finally_operation() {
        this->drop_children();
        // Replaced by an error of the clean-up, or dropped before they were delivered.
        if (auto lost = body_.error()) report_unhandled(std::move(lost), "finally");
        if (auto lost = cleanup_.error()) report_unhandled(std::move(lost), "finally");
        if (owes_cleanup_)
            report_unhandled(make_error(errc::cancelled,
                                        "finally: a clean-up was skipped or cut off, because its "
                                        "owner was dropped"),
                             "finally");
    }

    std::coroutine_handle<> start(branch& parent) noexcept {
        owes_cleanup_ = true;
        return this->start_only(parent, body_);
    }
    bool withdraw() noexcept override {
        if (!body_.is_done()) base::withdraw();
        return false; // a clean-up that has begun is not disturbed
    }
    void on_child(branch& child, ending) noexcept {
        if (&child == &body_)
            this->start_next(cleanup_); // the frame of the body is gone
        else
            owes_cleanup_ = false;
    }
    bool has_result() const noexcept {
        return !body_.outcome().was_cancelled() || cleanup_.error();
    }
    const char* describe() const noexcept override { return "finally"; }

    fork_result_t<Body> await_resume() {
        if (cleanup_.error()) cleanup_.outcome().take();
        return body_.outcome().take();
    }

private:
    child<Body> body_;
    child<Cleanup> cleanup_;
    bool owes_cleanup_ = false;
};

/// Runs `body`, then `cleanup`, whichever way `body` ended: with a value, an error, or by a cancel.
/// Returns the result of `body`.
///
/// Both are awaitables, or callables without parameters that return one. The frame of `body` has
/// been destroyed when `cleanup` starts. `cleanup` may await; a cancel does not disturb it.
/// Errors  What `body` throws is rethrown. What `cleanup` throws replaces it, also in a cancelled
///         caller; the error that it replaces is unhandled.
/// Cancel  Cancels `body`, then runs `cleanup`; the caller ends when that has ended. Nothing runs
///         if the caller was cancelled before `finally` began. A *drop* cannot wait: it skips
///         `cleanup`, and that is reported as unhandled.
template <forkable Body, forkable Cleanup>
auto finally(Body body, Cleanup cleanup) {
    return prepared<finally_operation<Body, Cleanup>, Body, Cleanup>(std::move(body),
                                                                     std::move(cleanup));
}
void finally(...) = delete; // (body, cleanup): a task each, or a callable that returns one

} // namespace weft
