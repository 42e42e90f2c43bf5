// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <utility>

namespace weft::detail {

class yield_nested;

/// A generator's place in a stack of generators, each suspended in `co_yield elements_of(next)`.
///
/// Only the outermost one, the *root*, is read from. It knows the innermost one, which is resumed
/// directly; every other one knows the root, where it leaves its items. So an element costs the
/// same at any depth. Nested generators pass control to each other, 64 times at most: then, and
/// whenever the root is to run, they suspend to the loop in `resume_nested`. So the stack does not
/// grow, whatever the compiler makes of tail calls.
class generator_frame {
public:
    generator_frame() noexcept {} // not `= default`, with which item_ would be written for nothing

    std::suspend_always initial_suspend() const noexcept { return {}; }
    auto final_suspend() const noexcept { return leave{}; }
    void return_void() const noexcept {}
    void unhandled_exception();

    /// Of the innermost: hands an item to the root's reader.
    void set_item(const volatile void* item) noexcept { partner_->item_ = const_cast<void*>(item); }

    /// Of the root: what was yielded last. Whoever asks knows the type.
    void* item() const noexcept { return item_; }

    /// Of the root: runs until an item is yielded or the root has ended.
    void resume_innermost() {
        if (partner_ == this) [[likely]] {
            handle().resume();
            if (partner_ == this) [[likely]]
                return;
        }
        resume_nested();
    }

    /// Destroys what this generator yields from, innermost first, in a loop. Destroying its own
    /// frame would do the same, by recursion.
    void destroy_nested() noexcept {
        if (partner_ != this) destroy_stack();
    }

private:
    friend class yield_nested;

    static constexpr std::uintptr_t most_transfers = 64;

    struct leave : std::suspend_always {
        template <std::derived_from<generator_frame> Promise>
        std::coroutine_handle<>
        await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
            return ended.promise().return_to_outer();
        }
    };

    std::coroutine_handle<> handle() noexcept {
        return std::coroutine_handle<generator_frame>::from_promise(*this);
    }

    // Of a root: which generator is the innermost. The lowest bit says that it is another one.
    bool waits() const noexcept { return (address(partner_) & 1) != 0; }
    void wait_for(generator_frame& nested) noexcept {
        partner_ = reinterpret_cast<generator_frame*>(address(&nested) | 1);
    }
    generator_frame* innermost() const noexcept {
        return reinterpret_cast<generator_frame*>(address(partner_) & ~std::uintptr_t{1});
    }
    void set_innermost(generator_frame& frame) noexcept {
        if (&frame == this)
            partner_ = this;
        else
            wait_for(frame);
    }
    static std::uintptr_t address(generator_frame* frame) noexcept {
        return reinterpret_cast<std::uintptr_t>(frame);
    }

    // Of a root: whom to resume when a nested generator suspends in favour of another.
    std::coroutine_handle<> pass_to(generator_frame& nested) noexcept {
        const auto left = reinterpret_cast<std::uintptr_t>(item_) - 1;
        item_ = reinterpret_cast<void*>(left);
        return left != 0 ? nested.handle() : back_to_loop();
    }
    // A call, lest the compiler choose between two addresses before every jump.
    [[gnu::noinline]] static std::coroutine_handle<> back_to_loop() noexcept {
        return std::noop_coroutine();
    }

    std::coroutine_handle<> return_to_outer() noexcept;
    void resume_nested();
    void destroy_stack() noexcept;

    // Two words, in every frame. A root's item_ counts, while nested generators run, how often
    // they may still pass control; null sends them back to the loop.
    // A generator that runs has the root for its partner, also if it is the root: set_item need
    // not ask. The partner of a root that waits is the innermost; the bit set then tells the root
    // from a nested generator, which may be destroyed by an owner of its own.
    union {
        void* item_;               // of a root
        yield_nested* entered_by_; // of any other
    };
    generator_frame* partner_ = this;
};

/// Awaited by `co_yield elements_of(generator)`: enters it, and goes on when it has ended.
class yield_nested {
public:
    yield_nested(generator_frame& nested, bool owned) noexcept
        : other_(&nested), owned_(owned ? &nested : nullptr) {}
    yield_nested(yield_nested&&) = delete;
    ~yield_nested() {
        if (owned_) owned_->handle().destroy();
    }

    bool await_ready() const noexcept { return false; }
    template <std::derived_from<generator_frame> Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
        return enter(self.promise());
    }
    void await_resume() const {
        if (!other_) [[unlikely]]
            rethrow();
    }

private:
    friend class generator_frame;

    std::coroutine_handle<> enter(generator_frame& outer) noexcept {
        auto& nested = *std::exchange(other_, &outer);
        auto& root = *outer.partner_;
        nested.entered_by_ = this;
        root.wait_for(nested); // between two stores that g++ would merge into one, slow to reload
        nested.partner_ = &root;
        return &outer == &root ? generator_frame::back_to_loop() : root.pass_to(nested);
    }

    // The exception of a nested generator, until the outer one, which is resumed next, rethrows it.
    static std::exception_ptr& in_flight() noexcept {
        static thread_local std::exception_ptr error;
        return error;
    }
    [[noreturn, gnu::noinline]] static void rethrow() {
        std::rethrow_exception(std::exchange(in_flight(), {}));
    }

    generator_frame* other_; // first the nested one, then the outer one; null after an exception
    generator_frame* owned_; // the nested one, unless somebody else owns it or it is destroyed
};

// Implementation ------------------------------------------------------------

inline std::coroutine_handle<> generator_frame::return_to_outer() noexcept {
    if (partner_ == this) return std::noop_coroutine();
    auto& root = *partner_;
    auto& outer = *entered_by_->other_;
    if (&outer == &root) [[unlikely]] {
        root.partner_ = &root;
        root.item_ = nullptr;
        return back_to_loop();
    }
    root.wait_for(outer);
    return root.pass_to(outer);
}

[[gnu::noinline]] inline void generator_frame::unhandled_exception() {
    if (partner_ == this)
        std::rethrow_exception(std::current_exception()); // `throw;` needs -fexceptions
    yield_nested::in_flight() = std::current_exception();
    auto& root = *std::exchange(partner_, this);
    root.set_innermost(*std::exchange(entered_by_->other_, nullptr));
    root.item_ = nullptr;
}

[[gnu::noinline]] inline void generator_frame::resume_nested() {
    do {
        while (partner_ != this) {
            item_ = reinterpret_cast<void*>(most_transfers);
            innermost()->handle().resume();
            if (item_) return;
        }
        handle().resume();
    } while (partner_ != this);
}

[[gnu::noinline]] inline void generator_frame::destroy_stack() noexcept {
    if (handle().done()) return; // was nested, and somebody else owns it
    auto& root = waits() ? *this : *partner_;
    auto* inner = root.innermost();

    // Nested generators that somebody else owns stay, as roots of what they yield from.
    for (auto* frame = inner; frame != this;) {
        auto* const outer = frame->entered_by_->other_;
        if (!frame->entered_by_->owned_) {
            frame->set_innermost(*inner);
            inner = outer;
        }
        frame = outer;
    }

    while (inner != this) {
        auto& entry = *inner->entered_by_;
        inner->partner_ = inner; // no outer one takes what a destructor throws: that terminates
        inner->handle().destroy();
        entry.owned_ = nullptr;
        inner = entry.other_;
    }

    if (&root != this) root.set_innermost(*entered_by_->other_);
    partner_ = this;
}

} // namespace weft::detail
