// SPDX-License-Identifier: MIT
//
// How many instructions does an operation take? Counted by callgrind, which sees no noise:
//
//     valgrind --tool=callgrind --callgrind-out-file=/dev/null instruction_counts QUESTION N
//
// runs N operations. The count at N = 22000 less the count at N = 2000, over 20000, is one
// operation. QUESTION is a name in the table at the end; floor_QUESTION is the floor's answer.
#include <weft/compose/with_task_group.hpp>
#include <weft/loop/run.hpp>
#include <weft/sync/channel.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "floor.hpp"
#include "floor_timers.hpp"

namespace {

using namespace std::chrono_literals;

constexpr int at_once = 100; // children that live at the same time: as many for every N

void use(int value) { asm volatile("" : : "r"(value)); }

namespace bare {

[[gnu::noinline]] floors::task answer(int i) { co_return i; }
floors::task visible_answer(int i) { co_return i; }

floors::child await(int n) {
    for (int i = 0; i != n; ++i) use(co_await answer(i));
}

floors::child await_inline(int n) {
    for (int i = 0; i != n; ++i) use(co_await visible_answer(i));
}

floors::child turn(int n) {
    for (int i = 0; i != n; ++i) co_await floors::yield{};
}

floors::child yield(int n) {
    floors::group group;
    for (int i = 0; i != at_once; ++i) floors::spawn(group, turn(n / at_once));
    co_await floors::join{group};
}

floors::child spawn(int n) {
    for (int i = 0; i != n; i += at_once) {
        floors::group group;
        for (int k = 0; k != at_once; ++k) floors::spawn(group, turn(1));
        co_await floors::join{group};
    }
}

floors::child mutex(int n) {
    floors::mutex mutex;
    for (int i = 0; i != n; ++i) {
        co_await mutex.lock();
        mutex.unlock();
    }
}

using numbers = floors::channel<64>;

floors::child produce(numbers& out, int n) {
    for (int i = 0; i != n; ++i) co_await out.send(i);
    out.close();
}

floors::child consume(numbers& in) {
    while (const auto item = co_await in.receive()) use(*item);
}

floors::child channel(int n) {
    numbers passed;
    floors::group group;
    floors::spawn(group, produce(passed, n));
    floors::spawn(group, consume(passed));
    co_await floors::join{group};
}

floors::child sleep(floors::timer_buckets& timers) {
    co_await floors::cancellable_sleep_for{timers, 1s};
}

floors::child sleep_cancel(int n) {
    floors::timer_buckets timers;
    for (int i = 0; i != n; ++i) {
        floors::group group;
        const auto sleeper = sleep(timers);
        floors::spawn(group, sleeper);
        co_await floors::yield{};
        sleeper.handle().destroy();
    }
}

} // namespace bare

namespace woven {

[[gnu::noinline]] weft::task<int> answer(int i) { co_return i; }
weft::task<int> visible_answer(int i) { co_return i; }

weft::task<> await(int n) {
    for (int i = 0; i != n; ++i) use(co_await answer(i));
}

weft::task<> await_inline(int n) {
    for (int i = 0; i != n; ++i) use(co_await visible_answer(i));
}

weft::task<> turn(int n) {
    for (int i = 0; i != n; ++i) co_await weft::yield();
}

weft::task<> yield(int n) {
    auto take_turns = [n](weft::task_group& group) -> weft::task<> {
        for (int i = 0; i != at_once; ++i) group.spawn(turn(n / at_once));
        co_return;
    };
    co_await weft::with_task_group(take_turns);
}

weft::task<> spawn_some(weft::task_group& group) {
    for (int k = 0; k != at_once; ++k) group.spawn(turn(1));
    co_return;
}

weft::task<> spawn(int n) {
    for (int i = 0; i != n; i += at_once) co_await weft::with_task_group(spawn_some);
}

weft::task<> mutex(int n) {
    weft::mutex mutex;
    for (int i = 0; i != n; ++i) auto guard = co_await mutex.lock();
}

using numbers = weft::channel<int>;

weft::task<> produce(numbers& out, int n) {
    for (int i = 0; i != n; ++i) co_await out.send(i);
    out.close();
}

weft::task<> consume(numbers& in) {
    while (const auto item = co_await in.receive()) use(*item);
}

weft::task<> channel(int n) {
    numbers passed{64};
    auto both_ends = [&passed, n](weft::task_group& group) -> weft::task<> {
        group.spawn(produce(passed, n));
        group.spawn(consume(passed));
        co_return;
    };
    co_await weft::with_task_group(both_ends);
}

weft::task<> sleep() { co_await weft::sleep_for(1s); }

weft::task<> sleep_cancel(int n) {
    auto cancel_each = [n](weft::task_group& group) -> weft::task<> {
        for (int i = 0; i != n; ++i) {
            auto sleeper = group.spawn(sleep());
            co_await weft::yield();
            sleeper.cancel();
            co_await sleeper.wait();
        }
    };
    co_await weft::with_task_group(cancel_each);
}

} // namespace woven

template <auto Operations> void on_floor(int n) { floors::run(Operations(n)); }
template <auto Operations> void on_weft(int n) { weft::run(Operations(n)); }

constexpr struct {
    std::string_view question;
    void (*run)(int n);
} answers[] = {
    {"await", on_weft<woven::await>},
    {"await_inline", on_weft<woven::await_inline>},
    {"yield", on_weft<woven::yield>},
    {"turn", on_weft<woven::turn>}, // of the loop: one task yields and nobody else is there
    {"spawn", on_weft<woven::spawn>},
    {"mutex", on_weft<woven::mutex>},
    {"channel", on_weft<woven::channel>},
    {"sleep_cancel", on_weft<woven::sleep_cancel>},
    {"floor_await", on_floor<bare::await>},
    {"floor_await_inline", on_floor<bare::await_inline>},
    {"floor_yield", on_floor<bare::yield>},
    {"floor_turn", on_floor<bare::turn>},
    {"floor_spawn", on_floor<bare::spawn>},
    {"floor_mutex", on_floor<bare::mutex>},
    {"floor_channel", on_floor<bare::channel>},
    {"floor_sleep_cancel", on_floor<bare::sleep_cancel>},
};

} // namespace

int main(int argc, char** argv) {
    if (argc == 3) {
        for (const auto& answer : answers) {
            if (answer.question != argv[1]) continue;
            answer.run(std::atoi(argv[2]));
            return 0;
        }
    }
    std::fputs("usage: instruction_counts QUESTION N\n", stderr);
    return 2;
}
