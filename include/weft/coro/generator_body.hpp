// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include <weft/core/branch.hpp>
#include <weft/core/branch_owner.hpp>
#include <weft/core/error.hpp>
#include <weft/core/frame_pool.hpp>
#include <weft/core/operation.hpp>
#include <weft/coro/task.hpp>

namespace weft {

/// What the promise of an async_generator begins with.
template <class T>
struct generator_frame : frame {
    std::exception_ptr error;
};

template <class T>
class next_element;
template <class T>
class close_generator;

/// The branch in which an async_generator runs, and those who wait for it.
///
/// It starts with the first `next`. An element stays where it was yielded until the following
/// `next`, whoever may have been cancelled or destroyed meanwhile.
template <class T>
class generator_body final : public branch_owner, public frame_pool::allocated {
public:
    explicit generator_body(generator_frame<T>& outermost) noexcept
        : line_(*this, outermost) {}

    /// Destroys the body and this.
    void dispose() noexcept {
        if (ends_) { // and a parameter of the body was the last to hold the generator
            disposed_ = true;
            return;
        }
        if (line_.is_started() && !line_.is_done()) line_.drop();
        if (consumer_ || closer_)
            terminate_with("an async_generator was destroyed while somebody waits for it");
        line_.report_lost_error("async_generator");
        delete this;
    }

    void child_ended(branch&, ending how) noexcept override {
        element_ = nullptr;
        if (how == ending::dropped) return;
        if (line_.has_failed() && !consumer_ && !closer_) line_.remember_home(loop());
        if (consumer_ && !consumer_->served_) consumer_->ended();
        if (auto* waiting = std::exchange(closer_, nullptr)) waiting->ended();
    }

private:
    friend next_element<T>;
    friend close_generator<T>;
    template <class, class>
    friend class yield_element;

    class line final : public branch {
    public:
        line(generator_body& body, generator_frame<T>& outermost) noexcept
            : branch(body), outermost_(&outermost) {}
        ~line() {
            if (!is_done()) detail::destroy_unstarted(*outermost_); // it has never begun
        }

        using branch::resume_here;
        std::exception_ptr error() const noexcept override { return body().error_; }
        std::coroutine_handle<> start_here() noexcept { return start_now(); }
        void abandon() noexcept {
            detail::destroy_unstarted(*outermost_);
            set_done();
        }

    private:
        std::coroutine_handle<> start() noexcept override {
            outermost_->parent = nullptr;
            set_leaf(*outermost_);
            return transfer(outermost_->handle());
        }
        void end(ending how) noexcept override {
            set_done();
            auto& own = body();
            own.ends_ = true;
            if (how == ending::finished) {
                own.error_ = std::exchange(outermost_->error, nullptr);
                outermost_->handle().destroy();
            }
            if (own.error_) set_failed();
            report(how);
            own.ends_ = false;
            if (own.disposed_) own.dispose();
        }
        generator_body& body() const noexcept { return static_cast<generator_body&>(owner()); }

        generator_frame<T>* outermost_;
    };

    T* element_ = nullptr; // where the body is suspended at a `co_yield`
    bool taken_ = false;   // by a `next`
    next_element<T>* consumer_ = nullptr; // until it has resumed: one at a time
    close_generator<T>* closer_ = nullptr;
    std::exception_ptr error_;
    bool ends_ = false;     // its frame is being destroyed
    bool disposed_ = false; // meanwhile
    line line_;
};

/// Waits for an element of an async_generator.
template <class T>
class next_element final : public operation<next_element<T>> {
public:
    explicit next_element(generator_body<T>* body) noexcept : body_(body) {}
    ~next_element() { leave(); }

    std::coroutine_handle<> start(branch& waiter) noexcept {
        auto& line = body_->line_;
        busy_ = body_->consumer_ != nullptr;
        own_ = waiter.is_within(line);
        if (busy_ || own_) return nullptr;
        body_->consumer_ = this;
        const bool is_there = body_->element_ && !body_->taken_ && !line.cancel_requested();
        served_ = is_there || line.is_done();
        if (served_) return nullptr;
        if (!line.is_started()) {
            guarded([&] { line.inherit_bindings(); }, [](std::exception_ptr) {});
            body_->attach(waiter.loop(), nullptr);
            body_->adopt(line);
            return line.start_here();
        }
        // At work already, or being closed: then it ends without another element.
        if (!body_->element_ || line.cancel_requested()) return std::noop_coroutine();
        body_->element_ = nullptr;
        return line.resume_here();
    }
    bool withdraw() noexcept override {
        leave();
        return true;
    }
    const char* describe() const noexcept override { return "async_generator.next"; }
    branch* waits_for() const noexcept override { return &body_->line_; }

    T* await_resume() {
        if (own_) raise<deadlock_error>("an async_generator waits for its own next element");
        if (busy_) raise<error>(errc::busy, "async_generator: somebody waits for the next element");
        leave();
        if (auto error = std::exchange(body_->error_, nullptr)) std::rethrow_exception(error);
        body_->taken_ = true;
        return body_->element_;
    }

private:
    template <class, class>
    friend class yield_element;
    friend generator_body<T>;

    void ended() noexcept { this->waiter()->ready_next(); }
    void leave() noexcept {
        if (body_->consumer_ == this) body_->consumer_ = nullptr;
    }

    generator_body<T>* body_;
    bool busy_ = false;
    bool own_ = false;
    bool served_ = false; // it goes on when its turn comes
};

/// Where the body of an async_generator stands while its element is in use.
template <class T, class Copy>
class yield_element final : public operation<yield_element<T, Copy>> {
public:
    explicit yield_element(T* element) noexcept : element_(element) {}
    explicit yield_element(const T& element)
        requires std::same_as<T, Copy>
        : copy_(element), element_(std::addressof(copy_)) {}

    std::coroutine_handle<> start(branch& line) noexcept {
        auto& body = static_cast<generator_body<T>&>(line.owner());
        body.element_ = element_;
        body.taken_ = false;
        if (!body.consumer_) return std::noop_coroutine();
        body.consumer_->served_ = true;
        return body.consumer_->waiter()->resume_here();
    }
    bool withdraw() noexcept override { return true; }
    void await_resume() const noexcept {}
    const char* describe() const noexcept override { return "co_yield"; }

private:
    [[no_unique_address]] Copy copy_{};
    T* element_;
};

/// Cancels the body of an async_generator and waits for its end.
template <class T>
class close_generator final : public operation<close_generator<T>> {
public:
    explicit close_generator(generator_body<T>* body) noexcept : body_(body) {}
    ~close_generator() {
        if (body_->closer_ == this) body_->closer_ = nullptr;
    }

    bool start(branch& waiter) noexcept {
        auto& line = body_->line_;
        busy_ = body_->closer_ != nullptr;
        // The body ends after the groups that were made in it: their children are part of it, too.
        for (branch* each = &waiter; each && !own_; each = each->owner().parent())
            own_ = each == &line;
        if (busy_ || own_ || line.is_done()) return true;
        if (!line.is_started()) {
            line.abandon();
            return true;
        }
        body_->closer_ = this;
        line.cancel(std::source_location::current());
        return false;
    }
    bool withdraw() noexcept override { return false; } // when the body has ended
    const char* describe() const noexcept override { return "async_generator.close"; }
    branch* waits_for() const noexcept override { return &body_->line_; }

    void await_resume() {
        if (busy_) raise<error>(errc::busy, "async_generator: somebody closes it already");
        if (own_) raise<deadlock_error>("an async_generator waits for its own end");
        if (auto error = std::exchange(body_->error_, nullptr)) std::rethrow_exception(error);
    }

private:
    friend generator_body<T>;

    void ended() noexcept { this->complete(); }

    generator_body<T>* body_;
    bool busy_ = false;
    bool own_ = false;
};

} // namespace weft
