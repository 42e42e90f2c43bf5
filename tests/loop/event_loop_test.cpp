// SPDX-License-Identifier: MIT
#include <weft/loop/event_loop.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <fcntl.h>

#include <weft/compose/finally.hpp>
#include <weft/compose/when_all.hpp>
#include <weft/compose/when_any.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/poll_reactor.hpp>
#include <weft/loop/wait_readable.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/death.hpp"
#include "support/note.hpp"
#include "support/pipe.hpp"
#include "support/run.hpp"
#include "support/slow_wait.hpp"

using namespace std::chrono_literals;
using weft::event_loop;
using weft::task;
using weft::task_group;
using weft::testing::tracked;
using time_source = weft::event_loop::time;

namespace {

/// Posts itself for ever.
struct busy {
    event_loop& loop;
    int& rounds;
    const bool& stop;
    void operator()() const {
        ++rounds;
        if (!stop) loop.post(*this);
    }
};

/// Its clock moves a microsecond whenever it is read. Notes each wait as a poll, as due already, or
/// as blocking, which it does not do: it calls `waits` with the notes so far.
class ticking_reactor final : public weft::poll_reactor {
public:
    std::string notes;
    std::function<void(const std::string& notes)> waits = [](const std::string&) {};

    std::int64_t now() const noexcept override { return now_ += 1000; }
    bool wait(std::int64_t deadline) override {
        notes += deadline == immediately ? 'p' : deadline <= now_ ? 'd' : 'B';
        waits(notes);
        return poll_reactor::wait(immediately);
    }

private:
    mutable std::int64_t now_ = 1'000'000;
};

/// A loop on a `ticking_reactor`, and a descriptor that keeps it from being idle.
struct ticking_loop {
    std::unique_ptr<ticking_reactor> made = std::make_unique<ticking_reactor>();
    ticking_reactor& system = *made;
    event_loop loop{std::move(made)};
    socket_pair pair;

    void run_until_readable() {
        loop.run([&]() -> task<> { co_await weft::wait_readable(pair.ours.get()); });
    }
};

int lowest_free_descriptor() {
    const int fd = ::fcntl(0, F_DUPFD, 0);
    ::close(fd);
    return fd;
}

} // namespace

// Turns ----------------------------------------------------------------------------

TEST_CASE("a turn runs what is queued, then what is due, and leaves the rest for the next",
          "[loop][event_loop]") {
    std::string log;
    event_loop loop(time_source::manual);
    loop.spawn([&]() -> task<> {
        co_await weft::sleep_for(0s);
        log += 't';
    });
    loop.poll(); // t sleeps now
    loop.post([&] {
        log += 'a';
        loop.post([&] { log += "a2"; });
    });
    loop.post([&] { log += 'b'; });

    CHECK(loop.poll() == 3);
    CHECK(log == "abt");
    CHECK(loop.poll() == 1);
    CHECK(log == "abta2");
    CHECK(loop.poll() == 0);
}

TEST_CASE("a loop that is stopped before it runs makes one turn", "[loop][event_loop]") {
    const auto source = GENERATE(time_source::system, time_source::manual, time_source::simulated);
    event_loop loop(source);
    std::string log;
    const auto main = [&]() -> task<int> {
        log += "begins ";
        co_await weft::sleep_for(1h);
        log += "not reached";
        co_return 7;
    };

    loop.stop();
    CHECK_THROWS_AS(loop.run(main), weft::cancelled_error);
    CHECK(log == "begins ");

    if (source != time_source::simulated) return;
    CHECK(loop.run([]() -> task<int> {
        co_await weft::sleep_for(1h);
        co_return 8;
    }) == 8);
}

TEST_CASE("a loop that is stopped cancels main and everybody else, and waits for them",
          "[loop][event_loop]") {
    event_loop loop(time_source::simulated);
    std::string log;
    const auto begin = loop.now();

    CHECK_THROWS_AS(loop.run([&]() -> task<> {
        loop.spawn([&]() -> task<> {
            tracked object;
            co_await slow_wait(1h, 3s);
        });
        loop.spawn([&]() -> task<> {
            co_await weft::sleep_for(1s);
            loop.stop();
            log += "stopped ";
        });
        tracked object;
        co_await slow_wait(1h, 2s); // a clean-up that takes time, which has to pass
        log += "not reached";
    }),
                    weft::cancelled_error);

    CHECK(log == "stopped ");
    CHECK(tracked::alive == 0);
    CHECK(loop.now() == begin + 1s + 2s + 3s); // main first, then the others
}

TEST_CASE("a clean-up that can never end does not keep a stopped loop", "[loop][event_loop]") {
    struct never_ends final : weft::operation<never_ends> {
        bool start(weft::branch&) noexcept { return false; }
        bool withdraw() noexcept override { return false; }
        void await_resume() const noexcept {}
    };
    const no_frame_leaks check;
    test_loop loop;

    CHECK_THROWS_AS(loop.run([&]() -> task<> {
        loop.stop();
        tracked object;
        co_await never_ends();
    }),
                    weft::deadlock_error);

    CHECK(tracked::alive == 0);
}

TEST_CASE("another thread stops a loop that sleeps", "[loop][event_loop]") {
    event_loop loop;
    std::thread thread;

    CHECK_THROWS_AS(loop.run([&]() -> task<> {
        thread = std::thread([&] { loop.stop(); });
        co_await weft::sleep_forever();
    }),
                    weft::cancelled_error);
    thread.join();
}

TEST_CASE("what is withdrawn in the turn of its own does not run", "[loop][event_loop]") {
    struct callback final : weft::runnable {
        bool ran = false;
        void run() noexcept override { ran = true; }
    } withdrawn, last;
    event_loop loop(time_source::manual);
    loop.post([&] { withdrawn.leave_queue(); });
    loop.enqueue(withdrawn);
    loop.enqueue(last);

    loop.poll();

    CHECK_FALSE(withdrawn.ran);
    CHECK(last.ran);
}

TEST_CASE("a callback that throws is reported once, and the turn goes on", "[loop][event_loop]") {
    const no_frame_leaks check;
    test_loop loop;
    std::string log;
    loop.post([&] {
        log += 'a';
        throw std::runtime_error("no data");
    });
    loop.post([&] { log += 'b'; });

    loop.poll();
    loop.poll();

    CHECK(log == "ab");
    CHECK(loop.reported == std::vector<std::string>{"no data in a callback"});
}

TEST_CASE("a hook for errors that throws itself does no harm", "[loop][event_loop]") {
    const auto words = last_words([] {
        event_loop loop(time_source::manual);
        loop.on_unhandled(
            [](const std::exception_ptr&, std::string_view) { throw std::runtime_error("hook"); });
        loop.post([] { throw std::runtime_error("first"); });
        loop.post([] { std::fputs("still here\n", stderr); });
        loop.poll();
        std::abort();
    });

    CHECK(words == "weft: unhandled error in a callback: first\n"
                   "weft: unhandled error in on_unhandled: hook\n"
                   "still here\n");
}

// run ------------------------------------------------------------------------------

TEST_CASE("run returns what main returns, and rethrows what it throws", "[loop][event_loop]") {
    event_loop loop(time_source::simulated);
    int object = 1;

    CHECK(loop.run([](int value) -> task<int> { co_return value; }, 7) == 7);
    CHECK(&loop.run([&]() -> task<int&> { co_return object; }) == &object);
    loop.run([]() -> task<> { co_await weft::yield(); }());
    CHECK_THROWS_WITH(loop.run([]() -> task<int> {
        throw std::runtime_error("no data");
        co_return 0;
    }),
                      "no data");
    CHECK(*loop.run([](std::unique_ptr<int> own)
                        -> task<std::unique_ptr<int>> { co_return std::move(own); },
                    std::make_unique<int>(7)) == 7);
}

TEST_CASE("when main has ended, what was spawned is cancelled and joined", "[loop][event_loop]") {
    const bool throws = GENERATE(false, true);
    const no_frame_leaks check;
    test_loop loop;
    std::string log;
    const auto child = [&](char name) -> task<> {
        const note mine(log, name);
        co_await slow_wait(1h, 1s);
    };
    const auto main = [&]() -> task<> {
        loop.spawn(child, 'a');
        loop.spawn(child, 'b');
        co_await weft::yield();
        if (throws) throw std::runtime_error("main");
    };

    if (throws)
        CHECK_THROWS_WITH(loop.run(main), "main");
    else
        loop.run(main);

    CHECK(log == "ba");
    CHECK(loop.reported.empty());
}

TEST_CASE("after run everything is gone: frames and descriptors", "[loop][event_loop]") {
    const no_frame_leaks check;
    const int before = lowest_free_descriptor();
    {
        test_loop loop(time_source::system);
        loop.run([&]() -> task<> {
            socket_pair pair;
            loop.spawn([&, fd = pair.ours.get()]() -> task<> { co_await weft::wait_readable(fd); });
            co_await weft::yield();
            co_await weft::yield();
            loop.spawn([]() -> task<> { co_await weft::sleep_forever(); });
            loop.system().closing(pair.ours.get());
        });
        CHECK(loop.system().idle());
        CHECK(loop.reported.size() == 1); // the descriptor was closed under its waiter
    }

    CHECK(lowest_free_descriptor() == before);
}

TEST_CASE("a loop within a loop is refused, and the task destroyed unstarted",
          "[loop][event_loop]") {
    bool ran = false;
    const auto body = [&](tracked) -> task<> {
        ran = true;
        co_return;
    };
    run([&]() -> task<> {
        event_loop inner(time_source::simulated);
        CHECK_THROWS_AS(inner.run(body(tracked())), weft::error);
        CHECK_THROWS_AS(weft::this_loop().run(body(tracked())), weft::error);
        CHECK_THROWS_AS(inner.run(body, tracked()), weft::error);
        CHECK_THROWS_AS(weft::this_loop().poll(), weft::error);
        CHECK(tracked::alive == 0);
        co_await weft::sleep_for(1s); // the outer one is unharmed
    });

    CHECK_FALSE(ran);
}

TEST_CASE("a deadlock in simulated time is an error, and leaves nothing behind",
          "[loop][event_loop]") {
    const auto source = GENERATE(time_source::simulated, time_source::manual);
    const no_frame_leaks check;
    test_loop loop(source);

    CHECK_THROWS_AS(loop.run([&]() -> task<> {
        tracked object;
        loop.spawn([object]() -> task<> { co_await weft::sleep_forever(); });
        co_await weft::sleep_forever();
    }),
                    weft::deadlock_error);

    CHECK(tracked::alive == 0);
    loop.run([]() -> task<> { co_return; }); // it can be used again
}

// Other threads --------------------------------------------------------------------

TEST_CASE("callbacks from another thread arrive in order, none lost, while the loop sleeps",
          "[loop][event_loop]") {
    event_loop loop;
    std::vector<int> received, expected;
    std::thread thread;

    CHECK_THROWS_AS(loop.run([&]() -> task<> {
        thread = std::thread([&loop, &received, handle = loop.handle()] {
            for (int i = 0; i < 1000; ++i)
                handle.post_threadsafe([&received, i] { received.push_back(i); });
            loop.stop();
        });
        co_await weft::sleep_forever();
    }),
                    weft::cancelled_error);
    thread.join();

    for (int i = 0; i < 1000; ++i) expected.push_back(i);
    CHECK(received == expected);
}

TEST_CASE("a loop that is gone takes nothing, and says so", "[loop][event_loop]") {
    std::optional<weft::loop_handle> handle;
    bool ran = false;
    {
        event_loop loop(time_source::manual);
        handle = loop.handle();
        CHECK(handle->post_threadsafe([object = tracked(), &ran] { ran = true; }));
        CHECK(tracked::alive == 1);
    }
    CHECK(tracked::alive == 0); // destroyed with the loop, not run

    CHECK_FALSE(handle->post_threadsafe([object = tracked(), &ran] { ran = true; }));
    CHECK(tracked::alive == 0);
    CHECK_FALSE(ran);
}

// Fairness -------------------------------------------------------------------------

TEST_CASE("a callback that posts itself for ever starves nobody", "[loop][event_loop]") {
    event_loop loop;
    socket_pair pair;
    std::thread thread;
    int rounds = 0;
    bool stop = false, posted = false;
    loop.run([&]() -> task<> {
        loop.post(busy{loop, rounds, stop});
        co_await weft::sleep_for(1ms); // a timer

        loop.post([&] { pair.arrives(); });
        co_await weft::wait_readable(pair.ours.get()); // a descriptor

        thread = std::thread([&posted, handle = loop.handle()] {
            handle.post_threadsafe([&posted] { posted = true; });
        });
        while (!posted) co_await weft::yield(); // another thread
        stop = true;
    });
    thread.join();

    CHECK(rounds > 2);
}

TEST_CASE("a task whose every operation is ready at once starves nobody, and can be cancelled",
          "[loop][event_loop]") {
    struct ready final : weft::operation<ready> {
        bool start(weft::branch&) noexcept { return true; }
        bool withdraw() noexcept override { return true; }
        void await_resume() const noexcept {}
    };
    event_loop loop;
    loop.run([&]() -> task<> {
        auto greedy = loop.spawn([]() -> task<> {
            for (;;) co_await ready();
        });
        co_await weft::sleep_for(1ms);
        greedy.cancel();
        co_await greedy.wait();
    });
}

TEST_CASE("forks whose branches end at once starve nobody, and can be cancelled",
          "[loop][event_loop]") {
    const auto at_once = []() -> task<> { co_return; };
    const int greedy = GENERATE(0, 1, 2);
    run([&]() -> task<> {
        auto child = weft::this_loop().spawn([&]() -> task<> {
            for (;;) {
                if (greedy == 0)
                    co_await at_once();
                else if (greedy == 1)
                    co_await weft::with_timeout(1h, at_once());
                else
                    co_await weft::when_all(at_once());
                co_await weft::with_timeout(1h, at_once());
            }
        });
        for (int i = 0; i < 3; ++i) co_await weft::yield();
        child.cancel();
        co_await child.wait();
    });
}

TEST_CASE("what becomes due in a long turn is queued before what is posted after it",
          "[loop][event_loop]") {
    constexpr int callbacks = 1000;
    event_loop loop;
    int ran = 0, ran_before_timer = -1;
    const auto spin = [&] {
        const auto end = loop.now() + 10us;
        while (loop.now() < end) {}
        loop.post([&] { ++ran; });
    };
    loop.spawn([&]() -> task<> {
        co_await weft::sleep_for(1ms);
        ran_before_timer = ran;
    });
    loop.poll();
    for (int i = 0; i < callbacks; ++i) loop.post(spin);

    loop.poll(); // for 10 ms
    loop.poll();

    CHECK(ran == callbacks);
    CHECK(ran_before_timer >= 0);
    CHECK(ran_before_timer < callbacks);
}

// Inside of another loop -----------------------------------------------------------

TEST_CASE("a loop tells another program's loop what it waits for", "[loop][event_loop]") {
    event_loop loop;
    socket_pair pair;
    std::string log;
    const auto readable = [&] {
        return any(weft::ready_now(loop.native_handle(), weft::readiness::readable));
    };
    CHECK_FALSE(loop.next_deadline());
    CHECK_FALSE(readable());

    loop.spawn([&]() -> task<> {
        co_await weft::wait_readable(pair.ours.get());
        log += "read ";
        co_await weft::sleep_for(1h);
    });
    const auto deadline = loop.next_deadline();
    REQUIRE(deadline);
    CHECK(*deadline <= loop.now()); // something is ready
    loop.poll();
    CHECK_FALSE(loop.next_deadline());
    CHECK_FALSE(readable());
    pair.arrives();
    CHECK(readable());
    loop.poll();
    CHECK(log == "read ");

    REQUIRE(loop.next_deadline());
    CHECK(*loop.next_deadline() > loop.now() + 59min);
    CHECK(*loop.next_deadline() <= loop.now() + 1h);
    loop.post_threadsafe([] {});
    CHECK(readable());
}

TEST_CASE("run_one makes one turn, and says when there is nothing to wait for",
          "[loop][event_loop]") {
    event_loop loop(time_source::simulated);
    std::string log;
    CHECK_FALSE(loop.run_one());

    loop.post([&] {
        log += 'a';
        loop.post([&] { log += 'b'; });
    });
    CHECK(loop.run_one());
    CHECK(log == "a");
    CHECK(loop.run_one());
    CHECK(log == "ab");
    loop.spawn([&]() -> task<> {
        co_await weft::sleep_for(1h);
        log += 'c';
    });
    CHECK(loop.run_one());
    CHECK(loop.run_one());
    CHECK(log == "abc");

    CHECK_FALSE(loop.run_one());
}

TEST_CASE("run_one waits for those who hold a handle to post", "[loop][event_loop]") {
    event_loop loop;
    bool ran = false;
    std::thread thread(
        [&ran, handle = loop.handle()] { handle.post_threadsafe([&ran] { ran = true; }); });

    while (!ran) CHECK(loop.run_one());
    thread.join();

    CHECK_FALSE(loop.run_one());
}

TEST_CASE("a manual clock moves by advance only", "[loop][event_loop]") {
    event_loop loop(time_source::manual);
    std::string log;
    const auto begin = loop.now();
    loop.spawn([&]() -> task<> {
        co_await weft::sleep_for(10ms);
        log += 'a';
        co_await weft::sleep_for(10ms);
        log += 'b';
    });
    loop.poll();
    CHECK(loop.next_deadline() == begin + 10ms);

    loop.advance(9ms);
    loop.poll();
    CHECK(log.empty());
    loop.advance(1ms);
    loop.poll();
    CHECK(log == "a");
    loop.advance(1h);
    loop.poll();

    CHECK(log == "ab");
    CHECK(loop.now() == begin + 10ms + 1h);
}

TEST_CASE("a loop runs on any reactor", "[loop][event_loop]") {
    event_loop loop(std::make_unique<weft::poll_reactor>());
    socket_pair pair;

    loop.run([&]() -> task<> {
        loop.spawn([&]() -> task<> {
            co_await weft::sleep_for(1ms);
            pair.arrives();
        });
        co_await weft::wait_readable(pair.ours.get());
    });

    CHECK(loop.native_handle() == -1);
}

// Polling before it blocks ---------------------------------------------------------

TEST_CASE("a loop blocks at once, unless it may spin: then it polls for so long, and blocks",
          "[loop][event_loop]") {
    const auto spin = GENERATE(0us, -1us, 10us);
    ticking_loop test;
    test.loop.set_spin(spin);
    test.system.waits = [&](const std::string& notes) {
        if (notes.back() == 'B') test.pair.arrives();
    };
    test.run_until_readable();

    const auto polls = test.system.notes.find('B');
    CHECK(test.system.notes == std::string(polls, 'p') + 'B');
    CHECK((polls > 1) == (spin > 0us));
    CHECK(polls <= 10);
}

TEST_CASE("a loop that spins serves what comes without blocking", "[loop][event_loop]") {
    ticking_loop test;
    test.loop.set_spin(1h);
    test.system.waits = [&](const std::string& notes) {
        if (notes.size() == 3) test.pair.arrives();
    };
    test.run_until_readable();

    CHECK(test.system.notes == "ppp");
}

TEST_CASE("a loop that spins does not miss a deadline", "[loop][event_loop]") {
    ticking_loop test;
    test.loop.set_spin(1h);
    auto slept = weft::duration::zero();
    test.loop.run([&]() -> task<> {
        const auto begin = weft::this_loop().now();
        co_await weft::when_any(weft::sleep_for(20us), weft::wait_readable(test.pair.ours.get()));
        slept = weft::this_loop().now() - begin;
    });

    CHECK(slept >= 20us);
    CHECK(slept < 1ms);
    CHECK(test.system.notes.find('B') == std::string::npos);
}

TEST_CASE("a loop that is stopped while it spins does not block", "[loop][event_loop]") {
    ticking_loop test;
    test.loop.set_spin(1h);
    test.system.waits = [&](const std::string& notes) {
        if (notes.size() == 3) test.loop.stop();
        // Else it would poll until the hour is over.
        if (notes.size() == 100) test.pair.arrives();
    };
    CHECK_THROWS_AS(test.run_until_readable(), weft::cancelled_error);

    CHECK(test.system.notes == "ppp");
}

TEST_CASE("other threads reach a loop that spins", "[loop][event_loop]") {
    event_loop loop;
    loop.set_spin(1h);
    std::thread thread;
    bool posted = false;

    CHECK_THROWS_AS(loop.run([&]() -> task<> {
        thread = std::thread([&] {
            loop.post_threadsafe([&] {
                posted = true;
                loop.stop();
            });
        });
        co_await weft::sleep_forever();
    }),
                    weft::cancelled_error);
    thread.join();
    CHECK(posted);
}

TEST_CASE("a clock that is not the system's leaves nothing to spin for", "[loop][event_loop]") {
    event_loop loop(time_source::simulated);
    loop.set_spin(1s);
    const auto begin = loop.now();
    loop.run([]() -> task<> { co_await weft::sleep_for(1h); });

    CHECK(loop.now() == begin + 1h);
    CHECK_THROWS_AS(loop.run([]() -> task<> { co_await weft::sleep_forever(); }),
                    weft::deadlock_error);
}

// The end --------------------------------------------------------------------------

TEST_CASE("a loop that is destroyed destroys what runs, newest first, and what was posted",
          "[loop][event_loop]") {
    const no_frame_leaks check;
    std::string log;
    struct last_post {
        std::string& log;
        event_loop& loop;
        char name;
        ~last_post() {
            log += name;
            loop.post([object = tracked()] {}); // a destructor may still use its loop
        }
    };
    {
        event_loop loop(time_source::manual);
        const auto child = [&](char name) -> task<> {
            last_post mine{log, loop, name};
            co_await weft::sleep_for(1h);
        };
        loop.spawn(child, 'a');
        loop.spawn(child, 'b');
        loop.poll();
        loop.spawn([object = tracked()]() -> task<> { co_return; });
        loop.post([&, object = tracked()] { log += "not called"; });
    }

    CHECK(log == "ba");
    CHECK(tracked::alive == 0);
}

TEST_CASE("destroying a loop that runs ends the program", "[loop][event_loop]") {
    CHECK(last_words([] {
              auto loop = std::make_unique<event_loop>();
              loop->post([&] { loop.reset(); });
              loop->poll();
          }) == "weft: an event_loop was destroyed while it runs\n");
}

#ifndef NDEBUG
TEST_CASE("using a loop from another thread ends the program", "[loop][event_loop]") {
    CHECK_THAT(last_words([] {
                   event_loop loop;
                   std::thread([&] { loop.post([] {}); }).join();
               }),
               Catch::Matchers::ContainsSubstring("a thread that is not its own"));
}
#endif

TEST_CASE("a loop stays where it is", "[loop][event_loop]") {
    STATIC_REQUIRE_FALSE(std::is_move_constructible_v<event_loop>);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<event_loop>);
}

TEST_CASE("one loop after the other runs on one thread, and one loop on two",
          "[loop][event_loop]") {
    for (int i = 0; i < 2; ++i) {
        event_loop loop(time_source::simulated);
        loop.run([]() -> task<> { co_await weft::sleep_for(1s); });
        std::thread([&] { loop.run([]() -> task<> { co_await weft::sleep_for(1s); }); }).join();
        loop.run([]() -> task<> { co_await weft::sleep_for(1s); });
    }
}

TEST_CASE("the hook of unhandled errors may replace itself", "[loop][event_loop]") {
    event_loop loop;
    std::string log;
    const std::string text(100, 'x'); // too long to live in the hook itself
    loop.on_unhandled([&, text](const std::exception_ptr&, std::string_view) {
        loop.on_unhandled([&](const std::exception_ptr&, std::string_view) { log += "second"; });
        log += text;
    });
    for (int i = 0; i != 2; ++i) loop.post([] { throw std::runtime_error("error"); });
    loop.poll();

    CHECK(log == std::string(100, 'x') + "second");
}

TEST_CASE("an error of main is not lost in a deadlock", "[loop][event_loop]") {
    test_loop loop;
    auto cleanup = []() -> task<> {
        throw std::runtime_error("clean-up");
        co_return;
    };
    CHECK_THROWS_AS(
        loop.run([&]() -> task<> { co_await weft::finally(weft::sleep_forever(), cleanup); }),
        weft::deadlock_error);

    CHECK(loop.reported == std::vector<std::string>{"clean-up"});
}

TEST_CASE("an error that is lost on one thread after the loop has run on another is told here",
          "[loop][event_loop]") {
    test_loop loop;
    int posted = 0;
    loop.on_unhandled([&](std::exception_ptr, std::string_view) {
        weft::this_loop().post([&posted] { ++posted; });
    });
    auto child = loop.spawn([]() -> task<> {
        throw std::runtime_error("lost");
        co_return;
    });
    loop.poll();
    std::thread([&loop] { loop.run([]() -> task<> { co_return; }); }).join();

    child = {};
    loop.poll();

    CHECK(posted == 1);
}

TEST_CASE("a loop that has run on another thread is destroyed on this one", "[loop][event_loop]") {
    struct poster {
        ~poster() { weft::this_loop().post([] {}); }
    };
    auto loop = std::make_unique<test_loop>();
    loop->spawn([]() -> task<> {
        const poster last_word;
        co_await weft::sleep_forever();
    });
    std::thread([&loop] { loop->poll(); }).join();

    loop.reset();
}

TEST_CASE("a thread that may not poll a loop leaves it alone", "[loop][event_loop]") {
    run([]() -> task<> {
        auto& loop = weft::this_loop();
        bool refused = false;
        std::thread([&] {
            try {
                loop.poll();
            } catch (const weft::error& error) {
                refused = error.code() == weft::errc::busy;
            }
        }).join();
        CHECK(refused);

        CHECK(loop.on_its_thread());
        bool ran = false;
        loop.post([&ran] { ran = true; });
        co_await weft::yield();
        CHECK(ran);
    });
}

TEST_CASE("a loop that another thread has told an error is still this one's",
          "[loop][event_loop]") {
    test_loop loop;
    auto child = loop.spawn([]() -> task<> {
        throw std::runtime_error("lost");
        co_return;
    });
    loop.poll();
    std::thread([&child] { child = {}; }).join();
    CHECK(loop.reported.size() == 1);

    bool ran = false;
    loop.post([&ran] { ran = true; });
    loop.poll();

    CHECK(ran);
}
