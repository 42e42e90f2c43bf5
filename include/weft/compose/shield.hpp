// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>
#include <utility>

#include <weft/core/fork.hpp>
#include <weft/core/prepared.hpp>

namespace weft {

template <forkable A>
class shield_operation final : public fork_operation<shield_operation<A>> {
public:
    explicit shield_operation(A body) : child_(*this, std::move(body)) {}
    ~shield_operation() { child_.report_lost_error(); }

    std::coroutine_handle<> start(branch& parent) noexcept {
        return this->start_only(parent, child_);
    }
    bool withdraw() noexcept override { return false; } // when the body has ended
    void on_child(branch&, ending) noexcept {}
    bool has_result() const noexcept { return true; }
    const char* describe() const noexcept override { return "shield"; }

    fork_result_t<A> await_resume() { return child_.outcome().take(); }

private:
    child<A> child_;
};

/// Runs `body` to its end, whatever happens to the caller, and returns its result.
///
/// Cancel  Waits for the end of `body` and delivers its result; then the caller stops at its next
///         operation. Only a drop of the caller destroys `body` too.
template <forkable A>
auto shield(A body) {
    return prepared<shield_operation<A>, A>(std::move(body));
}

} // namespace weft
