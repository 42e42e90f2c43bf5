// SPDX-License-Identifier: MIT
//
// Which structure for the timers? What the loop's queue costs per timer, beside what it was chosen
// over, where timers lie in frames of 192 bytes and N of them are armed at once:
//   queue_fire      within a second; time jumps to the next deadline, as on a virtual clock
//   queue_again     the same, but each timer is armed again when it fires, for ever
//   queue_reset     time-outs of 30 s; the oldest is withdrawn and set again, a turn every 16 times
//   queue_scatter   the same, but any of them
//   queue_disarm    within a second, all withdrawn before any of them is due
//   queue_burst     time-outs that nothing happens to; 100 short sleeps before them, over and over
//
// The sides: `heap` is a 4-ary heap of {deadline, timer} whose timers know their place; `radix` is
// a radix heap of linked lists (Ahuja et al. 1990) whose lists can be prefetched as weft's can.
// `floor` can neither disarm nor arm later: it sorts an array.
#include <weft/loop/timer_queue.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "workload.hpp"

namespace {

using nanoseconds = std::int64_t;
constexpr nanoseconds millisecond = 1'000'000, second = 1'000 * millisecond;

struct floor_queue {
    struct timer {
        explicit timer(void (*fire)(timer&) noexcept) : fired(fire) {}
        void (*fired)(timer&) noexcept;
    };

    void arm(timer& t, nanoseconds deadline) { run.push_back({deadline, &t}); }
    std::optional<nanoseconds> next_deadline() {
        if (next == 0) std::ranges::sort(run, {}, &entry::deadline);
        if (next == run.size()) return std::nullopt;
        return run[next].deadline;
    }
    void expire(nanoseconds now) {
        for (; next != run.size() && run[next].deadline <= now; ++next) {
            if (next + 8 < run.size()) __builtin_prefetch(run[next + 8].owner, 1);
            run[next].owner->fired(*run[next].owner);
        }
    }

    struct entry {
        nanoseconds deadline;
        timer* owner;
    };
    std::vector<entry> run;
    std::size_t next = 0;
};

class heap_queue {
public:
    struct timer {
        explicit timer(void (*fire)(timer&) noexcept) : fired(fire) {}
        void (*fired)(timer&) noexcept;
        std::uint64_t sequence = 0; // a miss, but only on equal deadlines
        std::size_t place = none;
    };

    void arm(timer& t, nanoseconds deadline) {
        disarm(t);
        t.sequence = ++sequence_;
        heap_.emplace_back();
        sift_up(heap_.size() - 1, {deadline, &t});
    }
    void disarm(timer& t) {
        if (t.place == none) return;
        const auto hole = std::exchange(t.place, none);
        const auto last = heap_.back();
        heap_.pop_back();
        if (last.owner == &t) return;
        if (hole != 0 && before(last, heap_[(hole - 1) / 4]))
            sift_up(hole, last);
        else
            sift_down(hole, last);
    }
    std::optional<nanoseconds> next_deadline() const {
        if (heap_.empty()) return std::nullopt;
        return heap_.front().deadline;
    }
    void expire(nanoseconds now) {
        while (!heap_.empty() && heap_.front().deadline <= now) {
            timer& due = *heap_.front().owner;
            disarm(due);
            due.fired(due);
        }
    }

private:
    static constexpr std::size_t none = ~std::size_t{0};
    struct entry {
        nanoseconds deadline;
        timer* owner;
    };

    static bool before(const entry& a, const entry& b) {
        if (a.deadline != b.deadline) return a.deadline < b.deadline;
        return a.owner->sequence < b.owner->sequence;
    }
    void put(std::size_t place, entry moved) { (heap_[place] = moved).owner->place = place; }
    void sift_up(std::size_t hole, entry moved) {
        for (; hole != 0 && before(moved, heap_[(hole - 1) / 4]); hole = (hole - 1) / 4)
            put(hole, heap_[(hole - 1) / 4]);
        put(hole, moved);
    }
    void sift_down(std::size_t hole, entry moved) {
        for (std::size_t child; (child = 4 * hole + 1) < heap_.size();) {
            const auto end = std::min(child + 4, heap_.size());
            for (auto other = child + 1; other < end; ++other)
                if (before(heap_[other], heap_[child])) child = other;
            if (!before(heap_[child], moved)) break;
            put(hole, heap_[child]);
            hole = child;
        }
        put(hole, moved);
    }

    std::vector<entry> heap_;
    std::uint64_t sequence_ = 0;
};

class radix_queue {
public:
    struct link {
        link() = default;
        link(const link&) = delete;
        link* next = nullptr;
        link* previous = nullptr;
        const void* ahead = nullptr;
    };
    struct timer : link {
        explicit timer(void (*fire)(timer&) noexcept) : fired(fire) {}
        void (*fired)(timer&) noexcept;
        nanoseconds deadline = 0;
    };

    radix_queue() {
        for (auto& list : lists_) list.next = list.previous = &list;
    }
    void arm(timer& t, nanoseconds deadline) {
        disarm(t);
        t.deadline = deadline;
        if (key(t) < base_) lower_base(key(t));
        append(t);
    }
    void disarm(timer& t) {
        if (t.next == nullptr) return;
        t.previous->next = t.next;
        t.next->previous = t.previous;
        t.next = nullptr;
    }
    std::optional<nanoseconds> next_deadline() {
        if (const timer* t = earliest()) return t->deadline;
        return std::nullopt;
    }
    void expire(nanoseconds now) {
        for (timer* t = earliest(); t != nullptr && t->deadline <= now; t = earliest()) {
            disarm(*t);
            t->fired(*t);
        }
    }

private:
    static std::uint64_t key(const timer& t) {
        return static_cast<std::uint64_t>(t.deadline) ^ (std::uint64_t{1} << 63);
    }
    static std::size_t bit_width(std::uint64_t value) {
        return static_cast<std::size_t>(std::bit_width(value));
    }

    void append(timer& t) {
        link& list = lists_[bit_width(key(t) ^ base_)];
        link* behind = list.previous;
        for (int i = 1; i != 8; ++i) behind = behind->previous;
        behind->ahead = &t;
        t.next = &list;
        t.previous = list.previous;
        list.previous->next = &t;
        list.previous = &t;
    }

    // A timer is earlier than all that was looked at: what has been told apart becomes one list.
    void lower_base(std::uint64_t base) {
        link& to = lists_[bit_width(base ^ base_)];
        for (link* from = &lists_[0]; from != &to; ++from) {
            if (from->next == from) continue;
            from->next->previous = to.previous;
            from->previous->next = &to;
            to.previous->next = from->next;
            to.previous = from->previous;
            from->next = from->previous = from;
        }
        base_ = base;
    }

    timer* earliest() {
        for (auto& list : lists_) {
            if (list.next == &list) continue;
            if (&list == &lists_[0]) return static_cast<timer*>(list.next);
            base_ = ~std::uint64_t{0};
            for (link* place = list.next; place != &list; place = place->next) {
                __builtin_prefetch(place->ahead);
                base_ = std::min(base_, key(static_cast<timer&>(*place)));
            }
            link* place = list.next;
            list.previous->next = nullptr;
            list.next = list.previous = &list;
            while (place != nullptr) {
                timer& t = static_cast<timer&>(*place);
                __builtin_prefetch(t.ahead);
                place = place->next;
                append(t);
            }
            return static_cast<timer*>(lists_[0].next);
        }
        return nullptr;
    }

    std::uint64_t base_ = 0;
    std::array<link, 65> lists_; // by the highest bit in which a deadline differs from base_
};

struct weft_queue : weft::timer_queue {
    using timer = weft::timer;
    void disarm(timer& t) noexcept { t.disarm(); }
};

/// A timer inside of something larger, as in the frame of a coroutine.
template <class Queue> struct alignas(64) frame : Queue::timer {
    frame() : Queue::timer(&fire) {}
    static void fire(typename Queue::timer& t) noexcept { ++static_cast<frame&>(t).times_fired; }
    std::size_t times_fired = 0;
    std::array<std::byte, 192 - sizeof(typename Queue::timer) - sizeof(std::size_t)> rest{};
};

template <class Queue> struct setting {
    explicit setting(benchmark::State& state)
        : frames(static_cast<std::size_t>(state.range(0))), queue(std::make_unique<Queue>()) {}

    nanoseconds below(nanoseconds limit) {
        return static_cast<nanoseconds>(random() % static_cast<std::uint64_t>(limit));
    }
    std::vector<nanoseconds> deadlines_within_a_second() {
        std::vector<nanoseconds> deadlines;
        for (std::size_t i = 0; i != frames.size(); ++i) deadlines.push_back(now + below(second));
        return deadlines;
    }
    void arm_all(const std::vector<nanoseconds>& deadlines) {
        for (std::size_t i = 0; i != frames.size(); ++i) queue->arm(frames[i], deadlines[i]);
    }

    std::mt19937_64 random;
    nanoseconds now = 1'000 * second;
    std::vector<frame<Queue>> frames;
    std::unique_ptr<Queue> queue; // goes first
};

template <class Queue> void fire(benchmark::State& state) {
    std::int64_t fired = 0;
    for (auto _ : state) {
        state.PauseTiming();
        setting<Queue> s(state);
        const auto deadlines = s.deadlines_within_a_second();
        state.ResumeTiming();
        s.arm_all(deadlines);
        while (const auto next = s.queue->next_deadline()) s.queue->expire(*next);
        state.PauseTiming();
        for (auto& f : s.frames) fired += static_cast<std::int64_t>(f.times_fired);
        state.ResumeTiming();
    }
    if (fired != state.iterations() * state.range(0)) state.SkipWithError("some did not fire");
    workload::per_operation(state, state.range(0));
}

template <class Queue> struct sleeper : Queue::timer {
    sleeper() : Queue::timer(&wake) {}
    static void wake(typename Queue::timer& t) noexcept {
        auto& s = *static_cast<sleeper&>(t).all;
        s.queue->arm(t, s.now + 1 + s.below(second));
    }
    setting<Queue>* all = nullptr;
    std::array<std::byte, 192 - sizeof(typename Queue::timer) - sizeof(void*)> rest{};
};

template <class Queue> void again(benchmark::State& state) {
    setting<Queue> s(state);
    std::vector<sleeper<Queue>> sleepers(s.frames.size());
    for (auto& each : sleepers) {
        each.all = &s;
        s.queue->arm(each, s.now + s.below(second));
    }
    for (auto _ : state) {
        for (auto turns = state.range(0); turns != 0; --turns) {
            s.now = *s.queue->next_deadline();
            s.queue->expire(s.now);
        }
    }
    s.queue.reset();
    workload::per_operation(state, state.range(0));
}

template <class Queue, bool Oldest> void reset(benchmark::State& state) {
    setting<Queue> s(state);
    std::vector<std::size_t> picks(s.frames.size());
    for (std::size_t i = 0; i != picks.size(); ++i)
        picks[i] = Oldest ? i : s.random() % picks.size();
    for (auto& f : s.frames) s.queue->arm(f, (s.now += 100) + 30 * second);
    for (auto _ : state) {
        for (std::size_t i = 0; i != picks.size(); ++i) {
            auto& f = s.frames[picks[i]];
            s.queue->disarm(f);
            s.queue->arm(f, (s.now += 100) + 30 * second);
            if (i % 16 != 0) continue;
            s.queue->expire(s.now);
            benchmark::DoNotOptimize(s.queue->next_deadline());
        }
    }
    workload::per_operation(state, state.range(0));
}

template <class Queue> void disarm(benchmark::State& state) {
    setting<Queue> s(state);
    const auto deadlines = s.deadlines_within_a_second();
    for (auto _ : state) {
        s.arm_all(deadlines);
        benchmark::DoNotOptimize(s.queue->next_deadline());
        for (auto& f : s.frames) s.queue->disarm(f);
    }
    workload::per_operation(state, state.range(0));
}

template <class Queue> void burst(benchmark::State& state) {
    setting<Queue> s(state);
    for (auto& f : s.frames) s.queue->arm(f, s.now + 1'000'000 * second + s.below(second));
    std::vector<frame<Queue>> sleepers(100);
    for (auto _ : state) {
        for (auto& f : sleepers) s.queue->arm(f, s.now + s.below(millisecond));
        benchmark::DoNotOptimize(s.queue->next_deadline());
        s.queue->expire(s.now += millisecond);
        benchmark::DoNotOptimize(s.queue->next_deadline());
    }
    workload::per_operation(state, 100);
}

void ask_about(benchmark::internal::Benchmark* question) { question->Arg(10'000)->Arg(1'000'000); }

BENCHMARK(fire<floor_queue>)->Name("queue_fire/floor")->Apply(ask_about);
BENCHMARK(fire<weft_queue>)->Name("queue_fire/weft")->Apply(ask_about);
BENCHMARK(fire<heap_queue>)->Name("queue_fire/heap")->Apply(ask_about);
BENCHMARK(fire<radix_queue>)->Name("queue_fire/radix")->Apply(ask_about);
BENCHMARK(again<weft_queue>)->Name("queue_again/weft")->Apply(ask_about);
BENCHMARK(again<heap_queue>)->Name("queue_again/heap")->Apply(ask_about);
BENCHMARK(again<radix_queue>)->Name("queue_again/radix")->Apply(ask_about);
BENCHMARK(reset<weft_queue, true>)->Name("queue_reset/weft")->Apply(ask_about);
BENCHMARK(reset<heap_queue, true>)->Name("queue_reset/heap")->Apply(ask_about);
BENCHMARK(reset<radix_queue, true>)->Name("queue_reset/radix")->Apply(ask_about);
BENCHMARK(reset<weft_queue, false>)->Name("queue_scatter/weft")->Apply(ask_about);
BENCHMARK(reset<heap_queue, false>)->Name("queue_scatter/heap")->Apply(ask_about);
BENCHMARK(reset<radix_queue, false>)->Name("queue_scatter/radix")->Apply(ask_about);
BENCHMARK(disarm<weft_queue>)->Name("queue_disarm/weft")->Apply(ask_about);
BENCHMARK(disarm<heap_queue>)->Name("queue_disarm/heap")->Apply(ask_about);
BENCHMARK(disarm<radix_queue>)->Name("queue_disarm/radix")->Apply(ask_about);
BENCHMARK(burst<weft_queue>)->Name("queue_burst/weft")->Apply(ask_about);
BENCHMARK(burst<heap_queue>)->Name("queue_burst/heap")->Apply(ask_about);
BENCHMARK(burst<radix_queue>)->Name("queue_burst/radix")->Arg(10'000); // 10^6: a second a burst

} // namespace
