// SPDX-License-Identifier: MIT
#include <weft/core/frame.hpp>

#include <coroutine>
#include <type_traits>

#include "support/catch.hpp"

namespace {

/// A coroutine whose promise is a frame and something more.
struct coroutine {
    struct promise_type : weft::frame {
        coroutine get_return_object() noexcept {
            return {std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        std::suspend_always final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept {}

        int more = 7;
    };
    std::coroutine_handle<promise_type> handle;
};

coroutine nothing() { co_return; }

} // namespace

TEST_CASE("a frame is found from the handle of any coroutine, and its handle from it",
          "[core][frame]") {
    const auto made = nothing();
    const std::coroutine_handle<> any = made.handle;

    auto& found = weft::frame::of(any);
    CHECK(&found == &made.handle.promise());
    CHECK(found.handle() == any);

    made.handle.destroy();
}

TEST_CASE("a frame knows the one above", "[core][frame]") {
    const auto inner = nothing(), outer = nothing();
    inner.handle.promise().parent = outer.handle;
    outer.handle.promise().parent = nullptr;

    CHECK(inner.handle.promise().above() == &outer.handle.promise());
    CHECK(outer.handle.promise().above() == nullptr);

    inner.handle.destroy();
    outer.handle.destroy();
}

// Every suspended coroutine pays for it: who awaits, and where, or how it ended.
static_assert(sizeof(weft::frame) == 2 * sizeof(void*));
