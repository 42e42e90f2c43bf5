// SPDX-License-Identifier: MIT
#include <weft/testing/cancel_everywhere.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <set>
#include <span>
#include <stdexcept>
#include <string>

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
#include "support/failure_of.hpp"

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using weft::task;
using weft::testing::cancel_everywhere;
using weft::testing::destroy_everywhere;
using weft::testing::host_scope;
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

TEST_CASE("a clean-up is destroyed at each of its steps, though only a cancel has so many",
          "[testing][cancel_everywhere]") {
    std::set<int> destroyed_at;
    destroy_everywhere([&]() -> task<> {
        bool ended = false;
        const auto body = [&]() -> task<> {
            co_await weft::sleep_for(1s);
            ended = true;
        };
        const auto clean_up = [&]() -> task<> {
            struct notes {
                std::set<int>& all;
                int at = 0;
                ~notes() { all.insert(at); }
            } own{destroyed_at};
            for (; !ended && own.at != 10; ++own.at) co_await weft::yield();
            own.at = -1;
        };
        co_await weft::finally(body, clean_up);
    });
    CHECK(destroyed_at == std::set<int>{-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("the tasks of hosts end before the locals of a scenario that they use",
          "[testing][cancel_everywhere]") {
    int wrong = 0;
    const auto count = [&](simulation& sim) -> task<> {
        auto served = std::make_unique<int>(0);
        std::string log; // ASan finds who writes there too late
        const host_scope hosts(sim);
        sim.set_default_link({.latency = 10ms});
        sim.add_host("server").spawn([&]() -> task<> {
            struct says_goodbye {
                std::string& log;
                ~says_goodbye() { log += "the server ends"; }
            } const at_end{log};
            weft::tcp_listener listener(weft::endpoint::any(7));
            for (;;) {
                auto client = co_await listener.accept();
                ++*served;
                log += "served ";
                co_await weft::sleep_for(1ms);
                log += "and gone ";
            }
        });
        const auto clean_up = [&]() -> task<> { // the server still lives
            co_await weft::sleep_for(1s);
            if (*served > 1) ++wrong;
        };
        co_await weft::finally(
            []() -> task<> {
                auto stream = co_await weft::connect("server", 7);
                std::array<std::byte, 1> end;
                co_await stream.read_some(end);
            },
            clean_up);
        if (*served != 1) throw std::logic_error("not served");
    };
    cancel_everywhere(count);
    destroy_everywhere(count);
    weft::testing::explore(100, count);
    CHECK(wrong == 0);

    const auto fail = [](simulation& sim) -> task<> {
        std::string log; // as above
        const host_scope hosts(sim);
        sim.add_host("a").spawn([&]() -> task<> {
            for (;; log += "late ") co_await weft::sleep_for(1s);
        });
        co_await weft::sleep_for(2s);
        throw std::runtime_error("no data");
    };
    const auto found = weft::testing::find_failure(1, fail);
    REQUIRE(found);
    CHECK(weft::testing::text_of(found->error) == "no data");
}

TEST_CASE("a task that is left to the simulation may have a scope of hosts",
          "[testing][cancel_everywhere]") {
    std::string log;
    {
        simulation sim;
        sim.spawn([&]() -> task<> {
            auto text = std::make_unique<std::string>("too late");
            const host_scope hosts(sim);
            sim.add_host("a").spawn([&]() -> task<> {
                co_await weft::sleep_for(1s);
                log = *text;
            });
            co_await weft::sleep_forever();
        });
        sim.run_until_blocked();
    }
    CHECK(log.empty());
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
