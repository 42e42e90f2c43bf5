// SPDX-License-Identifier: MIT
#include <weft/compose/completer.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "support/catch.hpp"
#include "support/run.hpp"

namespace {

/// Somebody who waits, and a completer to tell him.
template <class T>
class waiting final : public weft::completion_waiter<T> {
public:
    weft::completer<T> begin() {
        state_ = new weft::completion_state<T>(*this, loop_);
        return weft::completer<T>(state_);
    }
    ~waiting() { stop(); }
    /// Returns whether it had still waited.
    bool stop() { return state_ && std::exchange(state_, nullptr)->detach(); }

    int calls = 0;
    weft::outcome<T> result;

private:
    void completed(weft::outcome<T>&& given) noexcept override {
        ++calls;
        weft::guarded([&] { result = std::move(given); },
                      [&](std::exception_ptr error) { result.set_error(std::move(error)); });
    }

    no_frame_leaks check_;
    test_loop loop_;
    weft::completion_state<T>* state_ = nullptr;
};

} // namespace

TEST_CASE("a completer completes once, whichever copy is used", "[compose][completer]") {
    waiting<int> waiter;
    const auto done = waiter.begin();
    const auto copy = done;

    CHECK(copy.set_value(7));
    CHECK(waiter.calls == 1);
    CHECK_FALSE(done.set_value(8));
    CHECK_FALSE(copy.set_error(std::make_error_code(std::errc::io_error)));
    CHECK(waiter.calls == 1);
    CHECK(waiter.result.take() == 7);
}

TEST_CASE("a completer delivers values of every kind", "[compose][completer]") {
    waiting<void> nothing;
    CHECK(nothing.begin().set_value());
    CHECK(nothing.result.has_value());

    waiting<int&> reference;
    int target = 0;
    CHECK(reference.begin().set_value(target));
    CHECK(&reference.result.take() == &target);

    waiting<std::unique_ptr<int>> owned;
    CHECK(owned.begin().set_value(std::make_unique<int>(4)));
    CHECK(*owned.result.take() == 4);
}

TEST_CASE("a completer delivers errors", "[compose][completer]") {
    waiting<int> code;
    CHECK(code.begin().set_error(std::make_error_code(std::errc::io_error)));
    REQUIRE(code.result.error_as<std::system_error>());
    CHECK(code.result.error_as<std::system_error>()->code() == std::errc::io_error);

    waiting<int> exception;
    CHECK(exception.begin().set_exception(std::make_exception_ptr(std::runtime_error("x"))));
    CHECK_THROWS_WITH(exception.result.take(), "x");
}

TEST_CASE("a value that throws when it is moved is an error, or the callback's",
          "[compose][completer]") {
    struct fragile {
        explicit fragile(int moves) : left(moves) {}
        fragile(fragile&& other) : left(other.left - 1) {
            if (left == 0) throw std::runtime_error("moved too often");
        }
        int left;
    };
    for (int moves = 1; moves != 8; ++moves) {
        waiting<fragile> waiter;
        {
            const auto done = waiter.begin();
            bool accepted = false;
            try {
                accepted = done.set_value(fragile(moves));
            } catch (const std::runtime_error&) { // and it may be tried again
            }
            CHECK(waiter.calls == (accepted ? 1 : 0));
        }
        CHECK(waiter.calls == 1);
        CHECK((waiter.result.has_value() || waiter.result.error()));
    }
}

TEST_CASE("the waiter hears when the last completer goes without a word",
          "[compose][completer]") {
    waiting<int> waiter;
    std::optional first(waiter.begin());
    std::optional second(*first);
    *first = *second; // its own
    first.reset();
    CHECK(waiter.calls == 0);

    second.reset();
    CHECK(waiter.calls == 1);
    REQUIRE(waiter.result.error_as<weft::error>());
    CHECK(waiter.result.error_as<weft::error>()->code() == weft::errc::closed);
}

TEST_CASE("a completer is told that nobody waits any more", "[compose][completer]") {
    waiting<int> waiter;
    const auto done = waiter.begin();

    CHECK(waiter.stop());
    CHECK_FALSE(done.set_value(7));
    CHECK(waiter.calls == 0);
}

TEST_CASE("a completer that was moved from does nothing", "[compose][completer]") {
    waiting<int> waiter;
    auto done = waiter.begin();
    const auto other = std::move(done);

    CHECK_FALSE(done.set_value(1));
    CHECK(waiter.calls == 0);
    CHECK(other.set_value(2));
}

TEST_CASE("a completer travels as a pointer", "[compose][completer]") {
    waiting<std::string> waiter;
    void* const pointer = waiter.begin().release();
    CHECK(waiter.calls == 0);
    {
        const auto done = weft::completer<std::string>::from(pointer);
        CHECK(done.set_value("text"));
    }

    CHECK(waiter.result.take() == "text");
}
