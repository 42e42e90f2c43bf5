// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>
#include <cstddef>
#include <source_location>
#include <string_view>
#include <utility>

#include <weft/compose/results.hpp>
#include <weft/core/fork.hpp>
#include <weft/core/intrusive_list.hpp>
#include <weft/core/prepared.hpp>

namespace weft {

/// Something that can be cancelled from outside, by whoever has the scope.
///
///     weft::cancel_scope search;
///     g.spawn([&]() -> weft::task<> { co_await user_presses_stop(); search.cancel("stop"); });
///     auto found = co_await search.run(look_everywhere());      // nothing if it was cancelled
///
/// Lifetime  Outlives what runs in it. What ends by a cancel of the scope ends only itself: the
///           caller of `run` goes on.
class cancel_scope {
    struct running;
    class scoped : public list_hook<running> {
    public:
        virtual void cancel(std::source_location at) noexcept = 0;

    protected:
        ~scoped() = default;
    };
    template <class A>
    class operation;

public:
    cancel_scope() noexcept = default;
    cancel_scope(cancel_scope&&) = delete;

    /// Cancels what runs in the scope, newest first; what would be run later never starts.
    /// `reason` is not copied: a literal, or a text that outlives the scope. The first one counts.
    void cancel(std::string_view reason = {},
                std::source_location at = std::source_location::current()) noexcept {
        if (std::exchange(requested_, true)) return;
        reason_ = reason;
        // What is cancelled may call somebody who destroys others.
        intrusive_list<scoped, running> asked;
        while (!running_.empty()) {
            auto& newest = running_.back();
            newest.unlink();
            asked.push_front(newest);
            newest.cancel(at);
        }
        running_.append(asked);
    }
    template <class Text, class... At>
        requires requires { typename Text::allocator_type; }
    void cancel(Text&& reason, At...) = delete; // a temporary string: the reason is not copied
    bool cancel_requested() const noexcept { return requested_; }

    /// Runs `body` in the scope. Returns its result, or nothing if the scope was cancelled before
    /// it was complete.
    /// Errors  Rethrows what `body` throws, also when it ends by the cancel.
    /// Cancel  Cancels `body` and waits for its end.
    template <forkable A>
    auto run(A body) {
        return prepared<operation<A>, cancel_scope*, A>(this, std::move(body));
    }

private:
    intrusive_list<scoped, running> running_;
    std::string_view reason_;
    bool requested_ = false;
};

// Implementation ------------------------------------------------------------

template <class A>
class cancel_scope::operation final : public fork_operation<operation<A>>, public scoped {
public:
    explicit operation(cancel_scope* scope, A body)
        : scope_(scope), child_(*this, std::move(body)) {}
    ~operation() { child_.report_lost_error(); }

    std::coroutine_handle<> start(branch& parent) noexcept {
        if (scope_->requested_) return nullptr; // never started, and destroyed like that
        scope_->running_.push_back(*this);
        return this->start_only(parent, child_);
    }
    void on_child(branch&, ending) noexcept { this->unlink(); }
    bool has_result() const noexcept { return !child_.outcome().was_cancelled(); }
    const char* describe() const noexcept override { return "cancel_scope.run"; }
    const char* reason(std::size_t& size) const noexcept override {
        size = scope_->reason_.size();
        return scope_->reason_.data();
    }
    void cancel(std::source_location at) noexcept override { this->cancel_children(at); }

    optional_result_t<A> await_resume() {
        auto& outcome = child_.outcome();
        if (outcome.is_pending()) return {};
        return take_optional(outcome);
    }

private:
    cancel_scope* scope_;
    child<A> child_;
};

} // namespace weft
