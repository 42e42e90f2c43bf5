// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <source_location>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <weft/core/attachment.hpp>
#include <weft/core/branch_owner.hpp>
#include <weft/core/check_arguments.hpp>
#include <weft/core/child.hpp>
#include <weft/core/error.hpp>
#include <weft/core/exception_group.hpp>
#include <weft/core/frame_pool.hpp>
#include <weft/coro/join_handle.hpp>

namespace weft {

/// What a child's error does to the others.
enum class on_error {
    cancel,  ///< siblings are cancelled; the first error is rethrown, later ones are unhandled
    report,  ///< siblings go on; the error waits for the child's handle, or is unhandled
    collect, ///< as `cancel`, but every error is rethrown, in an `exception_group`
};

/// A callable with its arguments: what `spawn(f, args...)` keeps in the child.
template <class F, class... Args>
class bound_call {
public:
    template <class G, class... Given>
    explicit bound_call(G&& callable, Given&&... args)
        : callable_(std::forward<G>(callable)), args_(std::forward<Given>(args)...) {
        detail::check_arguments<F, Args...>();
    }

    /// Calls `f` as an lvalue with the arguments as rvalues, once.
    decltype(auto) operator()() {
        return std::apply(callable_, std::move(args_));
    }

private:
    [[no_unique_address]] F callable_;
    [[no_unique_address]] std::tuple<Args...> args_;
};

/// What every group is made of: it owns spawned children, hears how they end, and knows what an
/// error means to the others.
class group_base : public branch_owner {
public:
    on_error policy() const noexcept { return policy_; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    bool spawns() const noexcept override { return true; }

    /// Cancels the children, newest first, and refuses new ones until the group is joined.
    void cancel(std::source_location at = std::source_location::current()) noexcept {
        cancelled_ = true;
        cancel_children(at);
    }

    const char* reason(std::size_t& size) const noexcept override {
        constexpr std::string_view text = "its group was cancelled";
        size = cancelled_ ? text.size() : 0; // else one child was, by its handle
        return text.data();
    }

    /// Starts `source` as a child when its turn comes: not before the caller returns to the loop.
    /// Errors  Throws `closed_error` if the group is cancelled; `source` is destroyed unstarted.
    template <forkable A>
    spawned_branch<fork_result_t<A>>& spawn_child(A&& source);

    inline void child_ended(branch& child, ending how) noexcept override;

protected:
    explicit group_base(on_error policy) noexcept : policy_(policy) {}
    ~group_base();

    /// Counts an error, of a child or of somebody whose fate is the group's.
    void record_error(std::exception_ptr error, const char* name) noexcept;
    /// The last child has ended.
    virtual void group_emptied() noexcept {}
    /// An error has cancelled the group.
    virtual void group_failed() noexcept {}

    bool has_error() const noexcept { return first_error_ || !errors_.empty(); }
    /// The group can be used again: rethrows what went wrong until now.
    void rethrow_errors();

    void cancel_for_parent(std::source_location at) noexcept override { cancel(at); }

private:
    template <class A>
    class spawned;

    [[noreturn]] static void refuse();
    void child_failed(branch& child) noexcept;
    void last_child_ended() noexcept;
    template <class Child>
    void inherit_bindings(Child* fresh);

    std::exception_ptr first_error_;
    std::vector<std::exception_ptr> errors_; // on_error::collect only
    std::size_t size_ = 0;
    on_error policy_;
    bool cancelled_ = false;
    bool excused_ = false; // the error of the child that ends now is not the group's
};

// Implementation ------------------------------------------------------------

template <class A>
class group_base::spawned final : public child<A, spawned_branch<fork_result_t<A>>>,
                                  public frame_pool::allocated {
    using base = child<A, spawned_branch<fork_result_t<A>>>;

public:
    using base::base;

private:
    void end(ending how) noexcept override {
        if (this->uses() != 0 || !this->ends_quietly(how)) return end_and_tell(how);
        // Nobody will ever ask for the result.
        this->clear();
        this->report(how);
        if (this->is_bare())
            spawned::operator delete(this, sizeof *this); // destructors would find nothing to do
        else
            delete this;
    }
    [[gnu::noinline]] void end_and_tell(ending how) noexcept {
        this->keep(); // until everybody has been told; what dies here may have its last handle
        attachments waiting;
        waiting.take(this->attached(), weft::attachment::kind::joiner);
        this->settle(how);
        // In a group that cancels, the group gets every error, whoever else joins the child; that
        // of a child that is being started is the starter's.
        auto& owner = static_cast<group_base&>(this->owner());
        owner.excused_ = this->is_starting();
        if (owner.policy_ != on_error::report || owner.excused_) this->set_error_taken();
        auto& here = owner.loop();
        this->report(how);
        while (!waiting.empty()) {
            auto& joiner = static_cast<detail::joiner&>(waiting.front());
            joiner.detach();
            joiner.child_done();
        }
        if (this->forgo())
            dismiss();
        else if (this->has_failed() && !this->is_joined())
            this->remember_home(here);
    }
    void dismiss() noexcept override {
        if (this->has_failed() && !this->is_joined()) this->report_lost_error();
        delete this;
    }
};

[[gnu::noinline]] inline void group_base::refuse() {
    raise<closed_error>("spawn into a group that is cancelled or finished", errc::group_closed);
}

template <forkable A>
spawned_branch<fork_result_t<A>>& group_base::spawn_child(A&& source) {
    if (cancelled_) [[unlikely]]
        refuse();
    auto* fresh = new spawned<A>(*this, std::move(source));
    if (binding::alive != 0) [[unlikely]]
        inherit_bindings(fresh);
    adopt(*fresh);
    ++size_;
    enqueue(*fresh);
    return *fresh;
}

template <class Child>
[[gnu::noinline]] void group_base::inherit_bindings(Child* fresh) {
    guarded([&] { fresh->inherit_bindings(); },
            [&](std::exception_ptr error) {
                delete fresh;
                std::rethrow_exception(error);
            });
}

inline group_base::~group_base() {
    drop_children();
    if (first_error_) loop().lost(std::move(first_error_), "");
    for (auto& each : errors_) loop().lost(std::move(each), "");
}

inline void group_base::child_ended(branch& child, ending how) noexcept {
    --size_;
    if (child.has_failed()) [[unlikely]]
        child_failed(child);
    if (size_ == 0 && how != ending::dropped) last_child_ended();
}

[[gnu::noinline]] inline void group_base::child_failed(branch& child) noexcept {
    if (policy_ != on_error::report && !excused_) record_error(child.error(), child.name());
}

[[gnu::noinline]] inline void group_base::last_child_ended() noexcept {
    group_emptied();
    emptied();
}

inline void group_base::record_error(std::exception_ptr error, const char* name) noexcept {
    if (policy_ == on_error::collect) {
        guarded([&] { errors_.push_back(error); },
                [&](std::exception_ptr) { report_unhandled(error, name); });
    } else if (first_error_) {
        report_further(first_error_, std::move(error), name);
        return;
    } else {
        first_error_ = std::move(error);
    }
    if (cancelled_) return;
    cancel();
    group_failed();
}

inline void group_base::rethrow_errors() {
    cancelled_ = false;
    if (first_error_) std::rethrow_exception(std::exchange(first_error_, nullptr));
    if (!errors_.empty()) raise<exception_group>(std::exchange(errors_, {}));
}

} // namespace weft
