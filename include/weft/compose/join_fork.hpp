// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <source_location>
#include <utility>

#include <weft/core/fork.hpp>

namespace weft {

/// A fork that starts all its children together: `when_all`, `when_any`, `when_all_settled` differ
/// in what the end of one child means to the others, and in what is made of the results.
template <class Derived, class Children>
class join_fork : public fork_operation<Derived> {
public:
    template <class... Sources>
    explicit join_fork(Sources&&... sources) : children_(*this, sources...) {}
    ~join_fork() {
        if (error_) report_unhandled(std::move(error_), ""); // dropped before it was delivered
    }

    std::coroutine_handle<> start(branch& parent) noexcept {
        if (children_.size() == 0) return nullptr;
        if (children_.size() == 1) {
            std::coroutine_handle<> next;
            children_.for_each([&](auto& only) { next = this->start_only(parent, only); });
            return next;
        }
        this->start_all(parent, [&](auto&& start) {
            children_.for_each([&](auto& each) { start(each); });
        });
        return std::noop_coroutine();
    }

protected:
    /// The first error decides; whoever gets this far later is not heard by the parent.
    void decide(std::exception_ptr error, const char* name) noexcept {
        if (error && decided_) return report_further(error_, std::move(error), name);
        if (decided_) return;
        decided_ = true;
        error_ = std::move(error);
        this->cancel_children(std::source_location::current());
    }
    bool is_decided() const noexcept { return decided_; }
    void rethrow_error() {
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    }
    Children& children_of_fork() noexcept { return children_; }

private:
    Children children_;
    std::exception_ptr error_;
    bool decided_ = false;
};

} // namespace weft
