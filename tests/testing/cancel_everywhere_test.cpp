// SPDX-License-Identifier: MIT
#include <weft/testing/cancel_everywhere.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include <weft/compose/finally.hpp>
#include <weft/compose/when_all.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/core/operation.hpp>
#include <weft/core/prepared.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/net/connect.hpp>
#include <weft/net/tcp_listener.hpp>
#include <weft/sync/channel.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/semaphore.hpp>
#include <weft/testing/explore.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/death.hpp"

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using weft::task;
using weft::testing::cancel_everywhere;
using weft::testing::destroy_everywhere;
using weft::testing::simulation;
using weft::testing::tracked;

namespace {

// Several things at once, with clean-ups.
task<> program() {
    weft::channel<tracked> items(1);
    weft::task_group group;
    group.spawn([&]() -> task<> {
        for (int i = 0; i < 3; ++i) co_await items.send(tracked());
        items.close();
    });
    const auto body = [&]() -> task<> {
        tracked local;
        while (auto item = co_await items.receive()) co_await weft::sleep_for(1s);
    };
    const auto clean_up = []() -> task<> {
        tracked local;
        co_await weft::sleep_for(1s);
    };
    co_await weft::with_timeout(5s, weft::when_all(weft::finally(body, clean_up), weft::yield()));
    co_await group.join();
}

std::string failure_of(auto sweep) {
    try {
        sweep();
    } catch (const weft::testing::failure& found) {
        return found.what();
    }
    return "no failure";
}

// A semaphore of one permit whose waiters forget, when they are cancelled, what they were handed.
class forgetful_semaphore {
public:
    task<> acquire() {
        while (taken_) co_await weft::sleep_for(1ms);
        taken_ = true;
        co_await weft::sleep_for(1ms); // the bug: cancelled here, the permit is lost
    }
    void release() { taken_ = false; }

private:
    bool taken_ = false;
};

// An operation that resumes its waiter twice.
class twice final : public weft::operation<twice> {
public:
    explicit twice(twice** place) noexcept : place_(place) {}
    bool start(weft::branch&) noexcept {
        *place_ = this;
        return false;
    }
    bool withdraw() noexcept override {
        *place_ = nullptr;
        return true;
    }
    void await_resume() const noexcept {}
    void come() noexcept { this->complete(); }

private:
    twice** place_;
};

} // namespace

TEST_CASE("a sweep passes what ends cleanly wherever it is ended", "[testing][cancel_everywhere]") {
    int runs = 0;
    cancel_everywhere([&] {
        ++runs;
        return program();
    });
    CHECK(runs > 10);
    const int cancelled = runs;
    destroy_everywhere([&] {
        ++runs;
        return program();
    });
    CHECK(runs > 5 * cancelled);
}

TEST_CASE("a sweep passes sockets of simulated hosts", "[testing][cancel_everywhere]") {
    const auto echo = [](simulation& sim) -> task<> {
        auto& server = sim.add_host("server");
        sim.set_default_link({.latency = 10ms});
        server.spawn([]() -> task<> {
            weft::tcp_listener listener(weft::endpoint::any(7));
            for (;;) {
                auto stream = co_await listener.accept();
                std::array<std::byte, 16> buffer;
                while (auto size = co_await stream.read_some(buffer))
                    co_await stream.write_some(std::span(buffer).first(size));
            }
        });
        auto stream = co_await weft::connect("server", 7);
        co_await stream.write_some(weft::bytes("hello"));
        std::array<std::byte, 16> buffer;
        co_await stream.read_some(buffer);
    };
    cancel_everywhere(echo);
    destroy_everywhere(echo);
}

TEST_CASE("a mutant: a permit that is lost on cancel is found", "[testing][cancel_everywhere]") {
    std::unique_ptr<forgetful_semaphore> semaphore;
    const auto text = failure_of([&] {
        cancel_everywhere(
            [&]() -> task<> {
                semaphore = std::make_unique<forgetful_semaphore>();
                co_await semaphore->acquire();
                semaphore->release();
            },
            [&]() -> task<> {
                co_await weft::with_timeout(1s, semaphore->acquire());
                semaphore->release();
            });
    });
    CHECK_THAT(text, ContainsSubstring("cancel_everywhere, cancelled after step 1 of 2: "));
    CHECK_THAT(text, ContainsSubstring("at cancel_everywhere_test.cpp:"));
}

TEST_CASE("a real semaphore gives its permits back", "[testing][cancel_everywhere]") {
    std::unique_ptr<weft::semaphore> semaphore;
    const auto use = [&]() -> task<> {
        semaphore = std::make_unique<weft::semaphore>(1);
        weft::task_group group;
        for (int i = 0; i < 3; ++i)
            group.spawn([&]() -> task<> {
                auto permit = co_await semaphore->acquire();
                co_await weft::yield();
            });
        co_await group.join();
    };
    cancel_everywhere(use, [&] { return semaphore->acquire(); });
    destroy_everywhere(use, [&] { return semaphore->acquire(); });
}

TEST_CASE("a mutant: a descriptor that a cancel leaks is found", "[testing][cancel_everywhere]") {
    const auto text = failure_of([&] {
        cancel_everywhere([](simulation& sim) -> task<> {
            const int fd = sim.system().calls().socket(AF_INET, SOCK_STREAM, 0);
            co_await weft::sleep_for(1s);
            sim.system().calls().close(fd); // the bug: only if nothing comes between
        });
    });
    CHECK_THAT(text, ContainsSubstring("left over: 1 descriptors"));
    CHECK_THAT(text, ContainsSubstring("waits in sleep at cancel_everywhere_test.cpp:"));
}

TEST_CASE("a mutant: a clean-up that a drop leaks is found", "[testing][cancel_everywhere]") {
    std::unique_ptr<tracked> kept;
    const auto text = failure_of([&] {
        destroy_everywhere([&]() -> task<> {
            kept = std::make_unique<tracked>();
            co_await weft::yield();
            kept.reset(); // the bug: no destructor does it
        });
    });
    CHECK_THAT(text, ContainsSubstring("destroy_everywhere, destroyed after step 1 of"));
    CHECK_THAT(text, ContainsSubstring("left over: 1 tracked objects"));
}

TEST_CASE("a mutant: a clean-up that waits for ever is found", "[testing][cancel_everywhere]") {
    const auto text = failure_of([&] {
        cancel_everywhere([]() -> task<> {
            weft::event never;
            const auto body = []() -> task<> { co_await weft::sleep_for(1s); };
            bool ended = false;
            const auto watched = [&]() -> task<> {
                co_await body();
                ended = true;
            };
            const auto clean_up = [&]() -> task<> {
                if (!ended) co_await never.wait();
            };
            co_await weft::finally(watched, clean_up);
        });
    });
    CHECK_THAT(text, ContainsSubstring("nothing can ever become ready"));
    CHECK_THAT(text, ContainsSubstring("waits in event.wait at cancel_everywhere_test.cpp:"));
}

#ifndef NDEBUG
TEST_CASE("a mutant: a double resumption is found", "[testing][cancel_everywhere]") {
    const auto words = last_words([] {
        weft::testing::explore(100, []() -> task<> {
            twice* waiting = nullptr;
            weft::task_group group;
            const auto complete = [&]() -> task<> {
                co_await weft::yield();
                if (waiting) waiting->come(); // the bug: the second one finds it as well
            };
            group.spawn([&]() -> task<> {
                co_await weft::prepared<twice, twice**>(&waiting);
                waiting = nullptr;
            });
            group.spawn(complete);
            group.spawn(complete);
            co_await group.join();
        });
    });
    CHECK_THAT(words, ContainsSubstring("complete once"));
}
#endif
