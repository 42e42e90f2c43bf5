// SPDX-License-Identifier: MIT
#include <weft/compose/from_callback_threadsafe.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <weft/compose/when_all.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/run.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/sweep.hpp"

using namespace std::chrono_literals;
using weft::from_callback_threadsafe;
using weft::task;
using weft::threadsafe_completer;

namespace {

/// Threads that are joined in the end.
class threads {
public:
    ~threads() {
        for (auto& each : all_) each.join();
    }
    template <class F>
    void start(F f) {
        all_.emplace_back(std::move(f));
    }

private:
    std::vector<std::thread> all_;
};

} // namespace

TEST_CASE("another thread completes", "[compose][from_callback_threadsafe]") {
    const no_frame_leaks check;
    std::atomic<int> accepted = 0; // a CHECK belongs to one thread
    {
        threads others;
        weft::run([&]() -> task<> {
            const auto here = std::this_thread::get_id();
            for (int i = 0; i != 100; ++i) {
                auto begin = [&](auto done) {
                    others.start([&, done, i] { accepted += done.set_value(std::to_string(i)); });
                };
                const std::string text = co_await from_callback_threadsafe<std::string>(begin);
                CHECK(text == std::to_string(i));
                CHECK(std::this_thread::get_id() == here);
            }
        });
    }
    CHECK(accepted == 100);
}

TEST_CASE("it may complete at once, from the loop's own thread",
          "[compose][from_callback_threadsafe]") {
    run([]() -> task<> {
        int target = 0;
        co_await from_callback_threadsafe<void>([](auto done) { done.set_value(); });
        int& same =
            co_await from_callback_threadsafe<int&>([&](auto done) { done.set_value(target); });
        auto own = co_await from_callback_threadsafe<std::unique_ptr<int>>(
            [](auto done) { done.set_value(std::make_unique<int>(4)); });
        CHECK(&same == &target);
        CHECK(*own == 4);
    });
}

TEST_CASE("errors travel between threads, and the first word counts",
          "[compose][from_callback_threadsafe]") {
    const no_frame_leaks check;
    bool first = false, second = true; // a CHECK belongs to one thread
    std::optional<threads> others(std::in_place);
    weft::run([&]() -> task<> {
        std::error_code code;
        std::string caught;
        try {
            auto begin = [&](auto done) {
                others->start([&, done] {
                    first = done.set_error(std::make_error_code(std::errc::io_error));
                    second = done.set_value(7);
                });
            };
            co_await from_callback_threadsafe<int>(begin);
        } catch (const std::system_error& error) {
            code = error.code();
        }
        try {
            auto begin = [](const auto&) { throw std::runtime_error("initiator"); };
            co_await from_callback_threadsafe<int>(begin);
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(code == std::errc::io_error);
        CHECK(caught == "initiator");
    });
    others.reset();
    CHECK(first);
    CHECK_FALSE(second);
}

TEST_CASE("a value that throws when it is moved is an error of somebody's",
          "[compose][from_callback_threadsafe]") {
    struct fragile {
        explicit fragile(int moves) : left(moves) {}
        fragile(fragile&& other) : left(other.left - 1) {
            if (left == 0) throw std::runtime_error("moved too often");
        }
        int left;
    };
    for (int moves = 1; moves != 10; ++moves)
        run([moves]() -> task<> {
            std::string caught;
            auto begin = [&](const auto& done) { done.set_value(fragile(moves)); };
            try {
                const fragile got = co_await from_callback_threadsafe<fragile>(begin);
                CHECK(got.left > 0);
            } catch (const std::runtime_error& error) {
                caught = error.what();
                CHECK(caught == "moved too often");
            }
        });
}

TEST_CASE("a completer that another thread destroys without a word ends the wait",
          "[compose][from_callback_threadsafe]") {
    const no_frame_leaks check;
    threads others;
    weft::run([&]() -> task<> {
        for (int i = 0; i != 20; ++i) {
            std::error_code code;
            try {
                auto begin = [&](threadsafe_completer<int> done) {
                    for (int copies = 0; copies != 3; ++copies)
                        others.start([kept = done]() mutable { const auto dies = std::move(kept); });
                };
                co_await from_callback_threadsafe<int>(begin);
            } catch (const weft::error& error) {
                code = error.code();
            }
            CHECK(code == weft::errc::closed);
        }
    });
}

TEST_CASE("a cancelled waiter is not told, and the other thread is",
          "[compose][from_callback_threadsafe]") {
    run([]() -> task<> {
        std::optional<threadsafe_completer<int>> kept;
        auto begin = [&](auto done) { kept = done; };
        auto none = co_await weft::try_for(1ms, from_callback_threadsafe<int>(begin));
        CHECK_FALSE(none);
        CHECK_FALSE(kept->set_value(7));
    });
}

TEST_CASE("what was accepted dies with a waiter that is dropped before its loop has looked",
          "[compose][from_callback_threadsafe]") {
    branches b;
    std::vector<threadsafe_completer<std::shared_ptr<int>>> kept;
    const auto value = std::make_shared<int>(7);
    int got = 0;
    const auto wait = [&]() -> task<> {
        auto begin = [&](auto done) { kept.push_back(done); };
        auto result = co_await from_callback_threadsafe<std::shared_ptr<int>>(begin);
        got += *result;
    };
    const auto cancelled = b.spawn(wait);
    const auto dropped = b.spawn(wait);
    const auto told = b.spawn(wait);
    b.run();

    for (const auto& each : kept) CHECK(each.set_value(value));
    b.cancel(cancelled);
    b.drop(dropped);
    b.run();
    CHECK(b.has_ended(cancelled)); // completed beats cancelled
    CHECK(b.has_ended(told));
    CHECK(got == 14);

    kept.clear();
    CHECK(value.use_count() == 1);
}

TEST_CASE("a threadsafe completer outlives the loop", "[compose][from_callback_threadsafe]") {
    std::optional<threadsafe_completer<int>> kept;
    {
        test_loop loop;
        loop.spawn([&]() -> task<> {
            auto begin = [&](auto done) { kept = done; };
            co_await from_callback_threadsafe<int>(begin);
        });
        loop.poll();
        REQUIRE(kept);
    }
    bool accepted = true;
    std::thread([&] { accepted = kept->set_value(7); }).join();

    CHECK_FALSE(accepted);
}

TEST_CASE("a threadsafe completer travels as a pointer", "[compose][from_callback_threadsafe]") {
    const no_frame_leaks check;
    threads others;
    const int value = weft::run([&]() -> task<int> {
        auto begin = [&](threadsafe_completer<int> done) {
            void* const pointer = std::move(done).release();
            others.start([pointer] { threadsafe_completer<int>::from(pointer).set_value(7); });
        };
        const int result = co_await from_callback_threadsafe<int>(begin);
        co_return result;
    });

    CHECK(value == 7);
}

TEST_CASE("time-outs race with other threads", "[compose][from_callback_threadsafe]") {
    const no_frame_leaks check;
    threads others;
    int accepted = 0;
    int received = 0;
    weft::run([&]() -> task<> {
        for (int i = 0; i != 200; ++i) {
            std::thread other;
            auto wait = [&]() -> task<int> {
                auto begin_there = [&](auto done) {
                    other = std::thread([done, &accepted] { accepted += done.set_value(1); });
                };
                const int one = co_await from_callback_threadsafe<int>(begin_there);
                co_return one;
            };
            auto one = co_await weft::try_for(i * 500ns, wait());
            if (other.joinable()) other.join();
            if (one) ++received;
        }
    });

    CHECK(received <= accepted);
}

TEST_CASE("from_callback_threadsafe ends well wherever it is ended",
          "[compose][from_callback_threadsafe]") {
    sweep([]() -> task<> {
        std::optional<threadsafe_completer<weft::testing::tracked>> kept;
        weft::task_group group;
        group.spawn([&]() -> task<> {
            co_await weft::yield();
            kept->set_value({});
            kept.reset();
            co_await weft::yield();
        });
        auto begin = [&](auto done) { kept = done; };
        auto got = co_await from_callback_threadsafe<weft::testing::tracked>(begin);
        co_await group.join();
        static_cast<void>(got);
    });
}

TEST_CASE("a wait for another thread that ends early withdraws what was begun",
          "[compose][from_callback_threadsafe]") {
    branches b;
    std::vector<threadsafe_completer<int>> kept;
    int withdrawn = 0, got = 0;
    const auto wait = [&]() -> task<> {
        auto begin = [&](auto done) { kept.push_back(done); };
        auto withdraw = [&] { ++withdrawn; };
        got += co_await from_callback_threadsafe<int>(begin, withdraw);
    };
    const auto cancelled = b.spawn(wait);
    const auto dropped = b.spawn(wait);
    const auto accepted = b.spawn(wait);
    const auto told = b.spawn(wait);
    b.run();

    b.cancel(cancelled);
    b.drop(dropped);
    b.run();
    CHECK(withdrawn == 2);
    CHECK_FALSE(kept[0].set_value(1));
    CHECK_FALSE(kept[1].set_value(1));

    CHECK(kept[2].set_value(1)); // the loop has not looked
    b.cancel(accepted);
    CHECK(kept[3].set_value(7));
    b.run();

    CHECK(withdrawn == 2);
    CHECK(b.has_ended(accepted));
    CHECK(b.has_ended(told));
    CHECK(got == 8);
}

TEST_CASE("what was accepted on another thread is received, also by who is cancelled meanwhile",
          "[compose][from_callback_threadsafe]") {
    branches b;
    std::optional<threadsafe_completer<int>> completer;
    int received = 0, called = 0;
    bool accepted = false;
    auto begin = [&](auto done) { completer = done; };
    auto on_cancel = [&] { ++called; };
    const auto waiter = b.spawn([&]() -> task<> {
        received = co_await from_callback_threadsafe<int>(begin, on_cancel);
        co_await weft::yield();
        received = -1; // it was cancelled
    });
    b.run();

    std::thread([&] { accepted = completer->set_value(7); }).join();
    b.cancel(waiter); // before the loop has looked
    b.run();

    CHECK(accepted);
    CHECK(received == 7);
    CHECK(called == 0);
    CHECK(b.was_destroyed(waiter));
}
