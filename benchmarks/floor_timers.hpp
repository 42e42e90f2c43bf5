// SPDX-License-Identifier: MIT
//
// The floor of the timers. No structure is the best at everything, so there is one for each
// question, and both cover just the four seconds from when they are made:
//
//   timer_runs     fires: deadlines are appended to runs of 2 ms, each sorted when its time comes
//   timer_buckets  cancels: linked lists that are never sorted
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <vector>

#include <time.h>

namespace floors {

using std::chrono::nanoseconds;

inline nanoseconds clock_now() noexcept {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return nanoseconds{now.tv_sec * 1'000'000'000 + now.tv_nsec};
}

class timer_runs {
public:
    enum class time { real, simulated };

    explicit timer_runs(time kind) : kind_(kind) {}

    nanoseconds now() const noexcept { return kind_ == time::real ? clock_now() : now_; }

    void set(nanoseconds deadline, std::coroutine_handle<> sleeper) {
        runs_[static_cast<std::size_t>((deadline - start_).count()) >> 21].push_back(
            {deadline, sleeper});
    }

    /// Resumes all sleepers, each at its time. They must not sleep again.
    void run() {
        for (auto& run : runs_) {
            std::ranges::sort(run, {}, &entry::deadline);
            for (std::size_t i = 0; i != run.size(); ++i) {
                if (i + 8 < run.size()) __builtin_prefetch(run[i + 8].sleeper.address());
                if (run[i].deadline > now_) wait_until(run[i].deadline);
                run[i].sleeper.resume();
            }
        }
    }

private:
    struct entry {
        nanoseconds deadline;
        std::coroutine_handle<> sleeper;
    };

    void wait_until(nanoseconds deadline) noexcept {
        const timespec until{deadline.count() / 1'000'000'000, deadline.count() % 1'000'000'000};
        if (kind_ == time::simulated) {
            now_ = deadline;
        } else {
            while ((now_ = clock_now()) < deadline)
                clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
        }
    }

    time kind_;
    nanoseconds now_ = kind_ == time::real ? clock_now() : nanoseconds{0};
    nanoseconds start_ = now_;
    std::array<std::vector<entry>, 2048> runs_;
};

class timer_buckets {
public:
    struct timer {
        timer() noexcept = default;
        timer(const timer&) = delete;
        ~timer() { cancel(); }
        void cancel() noexcept {
            if (link == nullptr) return;
            *link = next;
            if (next != nullptr) next->link = link;
            link = nullptr;
        }
        timer* next;
        timer** link = nullptr; // what points at this timer while it is set
        nanoseconds deadline;
    };

    void set(timer& added, nanoseconds deadline) noexcept {
        timer*& first = buckets_[static_cast<std::size_t>((deadline - start_).count()) >> 26];
        added.deadline = deadline;
        added.next = first;
        added.link = &first;
        if (first != nullptr) first->link = &added.next;
        first = &added;
    }

private:
    nanoseconds start_ = clock_now();
    std::array<timer*, 64> buckets_{};
};

struct sleep_for {
    timer_runs& timers;
    nanoseconds duration;

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> self) const {
        timers.set(timers.now() + duration, self);
    }
    void await_resume() const noexcept {}
};

/// Never wakes, but can be destroyed.
struct cancellable_sleep_for : timer_buckets::timer {
    cancellable_sleep_for(timer_buckets& t, nanoseconds d) noexcept : timers(t), duration(d) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) noexcept {
        timers.set(*this, clock_now() + duration);
    }
    void await_resume() const noexcept {}
    timer_buckets& timers;
    nanoseconds duration;
};

} // namespace floors
