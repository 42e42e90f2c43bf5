// SPDX-License-Identifier: MIT
#include <weft/loop/timer_queue.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace {

std::size_t allocations = 0;

} // namespace

// This program's own, to see that the queue does without.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    ++allocations;
    return std::malloc(size);
}
[[gnu::noinline]] void* operator new(std::size_t size) {
    if (void* const memory = operator new(size, std::nothrow)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using weft::timer;
using weft::timer_queue;
using nanoseconds = std::int64_t;

constexpr auto earliest = std::numeric_limits<nanoseconds>::min();
constexpr auto latest = std::numeric_limits<nanoseconds>::max();
constexpr nanoseconds second = 1'000'000'000;

nanoseconds random_below(nanoseconds limit, std::mt19937_64& random) {
    return static_cast<nanoseconds>(random() % static_cast<std::uint64_t>(limit));
}

/// Says that it has fired by appending its number to a log, then does what it was told to.
struct alarm_clock : timer {
    alarm_clock(std::vector<int>& fired, int id) : timer(&ring), log(fired), number(id) {}

    static void ring(timer& self) noexcept {
        auto& clock = static_cast<alarm_clock&>(self);
        clock.log.push_back(clock.number);
        if (clock.then) std::exchange(clock.then, nullptr)();
    }

    std::vector<int>& log;
    int number;
    std::function<void()> then;
};

struct silent_timer : timer {
    silent_timer() : timer([](timer&) noexcept {}) {}
};

} // namespace

TEST_CASE("timers fire in the order of their deadlines", "[loop][timer_queue]") {
    std::vector<int> fired;
    timer_queue timers;
    alarm_clock late{fired, 3}, early{fired, 1}, middle{fired, 2};
    timers.arm(late, 300);
    timers.arm(early, 100);
    timers.arm(middle, 200);

    CHECK(timers.expire(1000) == 3);

    CHECK(fired == std::vector{1, 2, 3});
    CHECK(timers.empty());
}

TEST_CASE("a timer fires at its deadline and not a nanosecond before", "[loop][timer_queue]") {
    std::vector<int> fired;
    timer_queue timers;
    alarm_clock clock{fired, 1};
    timers.arm(clock, second);

    CHECK(timers.expire(second - 1) == 0);
    CHECK(clock.armed());
    CHECK(timers.expire(second) == 1);
    CHECK_FALSE(clock.armed());
    CHECK(timers.expire(second + 1) == 0);

    CHECK(fired == std::vector{1});
}

TEST_CASE("timers of equal deadlines fire in the order of arming", "[loop][timer_queue]") {
    const auto others = GENERATE(0, 1, 20, 500);
    std::vector<int> fired, expected;
    timer_queue timers;
    std::deque<silent_timer> in_between(static_cast<std::size_t>(others));
    std::deque<alarm_clock> clocks;
    for (auto& other : in_between) timers.arm(other, second - (&other - &in_between.front()) % 7);
    for (int i = 0; i != 1000; ++i) {
        timers.arm(clocks.emplace_back(fired, i), second);
        expected.push_back(i);
        if (i % 100 == 50) timers.next_deadline();
    }

    timers.expire(second);

    CHECK(fired == expected);
}

TEST_CASE("a timer that is armed again counts as armed last", "[loop][timer_queue]") {
    std::vector<int> fired;
    timer_queue timers;
    alarm_clock a{fired, 1}, b{fired, 2}, c{fired, 3};
    timers.arm(a, 5);
    timers.arm(b, 7);
    timers.arm(c, 7);
    timers.arm(b, 7);
    timers.arm(a, 7);

    CHECK(timers.next_deadline() == 7);
    CHECK(timers.expire(7) == 3);

    CHECK(fired == std::vector{3, 2, 1});
}

TEST_CASE("the next deadline is exact", "[loop][timer_queue]") {
    timer_queue timers;
    silent_timer a, b;
    CHECK(timers.empty());
    CHECK(timers.next_deadline() == std::nullopt);

    timers.arm(a, 30 * second + 1);
    CHECK_FALSE(timers.empty());
    CHECK(timers.next_deadline() == 30 * second + 1);
    timers.arm(b, 30 * second);
    CHECK(timers.next_deadline() == 30 * second);
    CHECK(b.deadline() == 30 * second);

    b.disarm();
    CHECK(timers.next_deadline() == 30 * second + 1);
    a.disarm();
    CHECK(timers.next_deadline() == std::nullopt);
    CHECK(timers.empty());
}

TEST_CASE("a disarmed timer does not fire, nor one that was destroyed", "[loop][timer_queue]") {
    std::vector<int> fired;
    timer_queue timers;
    alarm_clock disarmed{fired, 1}, kept{fired, 2};
    std::optional<alarm_clock> destroyed(std::in_place, fired, 3);
    for (timer* t : {static_cast<timer*>(&disarmed), static_cast<timer*>(&kept),
                     static_cast<timer*>(&*destroyed)})
        timers.arm(*t, 10);

    disarmed.disarm();
    disarmed.disarm();
    destroyed.reset();

    CHECK(timers.expire(10) == 1);
    CHECK(fired == std::vector{2});
}

TEST_CASE("a timer may be armed earlier than a time that has passed", "[loop][timer_queue]") {
    std::vector<int> fired;
    timer_queue timers;
    alarm_clock a{fired, 1}, b{fired, 2}, c{fired, 3};
    timers.expire(second);
    timers.arm(a, second - 1);
    timers.arm(b, -second);
    timers.arm(c, -second);

    CHECK(timers.next_deadline() == -second);
    timers.expire(second);

    CHECK(fired == std::vector{2, 3, 1});
}

TEST_CASE("every deadline is valid", "[loop][timer_queue]") {
    const auto others_count = GENERATE(0, 40, 400); // so many that time gets divided
    const std::vector<nanoseconds> deadlines{earliest, earliest + 1, -second,    -1,    0, 1,
                                             second,   latest / 2,   latest - 1, latest};
    std::vector<int> fired, expected;
    timer_queue timers;
    std::deque<alarm_clock> clocks;
    std::mt19937_64 random(1);
    std::vector<silent_timer> others(static_cast<std::size_t>(others_count));
    for (auto& other : others) timers.arm(other, static_cast<nanoseconds>(random()));
    for (int i = static_cast<int>(deadlines.size()); i-- != 0;) {
        timers.arm(clocks.emplace_back(fired, i), deadlines[static_cast<std::size_t>(i)]);
        timers.next_deadline();
    }

    for (int i = 0; i != static_cast<int>(deadlines.size()); ++i) {
        const auto now = deadlines[static_cast<std::size_t>(i)];
        if (now != earliest) timers.expire(now - 1);
        CHECK(timers.next_deadline() == now);
        CHECK(fired == expected);
        timers.expire(now);
        expected.push_back(i);
        CHECK(fired == expected);
    }
    CHECK(timers.empty());
}

namespace {

struct expected_timer : timer {
    expected_timer() : timer(&fire) {}
    static void fire(timer& self) noexcept {
        auto& t = static_cast<expected_timer&>(self);
        t.was_next_before = t.was_next;
    }
    static void expect(const timer& t, bool next) noexcept {
        if (!t.fires_by(&fire)) ++wrong;
        auto& own = static_cast<const expected_timer&>(t);
        (next ? own.was_next : own.was_near) = true;
    }
    static inline int wrong = 0;
    mutable bool was_near = false, was_next = false;
    bool was_next_before = false;
};

} // namespace

TEST_CASE("the timers of a crowd are expected before they fire", "[loop][timer_queue]") {
    std::deque<expected_timer> crowd(10'000);
    std::mt19937_64 random(1);
    timer_queue timers(&expected_timer::expect);
    for (auto& t : crowd) timers.arm(t, random_below(second, random));
    for (std::size_t i = 0; i < crowd.size(); i += 3) crowd[i].disarm();

    while (const auto next = timers.next_deadline()) timers.expire(*next);

    const auto count = [&](auto which) { return std::ranges::count_if(crowd, which); };
    CHECK(expected_timer::wrong == 0);
    CHECK(count(&expected_timer::was_near) > 6000);
    CHECK(count(&expected_timer::was_next_before) > 6000);
}

TEST_CASE("time has an end", "[loop][timer_queue]") {
    std::mt19937_64 random(1);
    std::deque<silent_timer> at_the_end(500);
    silent_timer now;
    timer_queue timers;
    for (auto& t : at_the_end) timers.arm(t, latest - static_cast<nanoseconds>(random() >> 24) / 3);

    std::size_t fired = 0;
    bool now_is_first = true;
    while (const auto next = timers.next_deadline()) {
        timers.arm(now, 0);
        now_is_first = now_is_first && timers.next_deadline() == 0;
        now.disarm();
        fired += timers.expire(*next);
    }

    CHECK(now_is_first);
    CHECK(fired == 500);
}

TEST_CASE("a timer that arms itself in the past fires in the next call", "[loop][timer_queue]") {
    std::vector<int> fired;
    timer_queue timers;
    alarm_clock again{fired, 1}, other{fired, 2};
    again.then = [&] { timers.arm(again, earliest); };
    timers.arm(again, 10);
    timers.arm(other, 20);

    CHECK(timers.expire(20) == 2);
    CHECK(fired == std::vector{1, 2});

    CHECK(timers.next_deadline() == earliest);
    CHECK(timers.expire(20) == 1);
    CHECK(fired == std::vector{1, 2, 1});
    CHECK(timers.empty());
}

TEST_CASE("timers that were armed by others fire in order in the next call",
          "[loop][timer_queue]") {
    std::vector<int> fired;
    timer_queue timers;
    alarm_clock first{fired, 1}, a{fired, 2}, b{fired, 3}, c{fired, 4}, future{fired, 5};
    first.then = [&] {
        timers.arm(future, 11);
        timers.arm(a, 10);
        timers.arm(b, 9);
        timers.arm(c, 10);
    };
    timers.arm(first, 10);

    CHECK(timers.expire(10) == 1);
    CHECK(timers.expire(10) == 3);
    CHECK(timers.expire(11) == 1);

    CHECK(fired == std::vector{1, 3, 2, 4, 5});
}

TEST_CASE("a timer that is due does not fire when an earlier one withdraws it",
          "[loop][timer_queue]") {
    std::vector<int> fired;
    timer_queue timers;
    alarm_clock first{fired, 1}, disarmed{fired, 2}, postponed{fired, 3}, late{fired, 4};
    std::optional<alarm_clock> destroyed(std::in_place, fired, 5);
    first.then = [&] {
        disarmed.disarm();
        destroyed.reset();
        timers.arm(postponed, 50);
        timers.arm(late, 5);
        late.disarm();
    };
    timers.arm(first, 10);
    timers.arm(disarmed, 10);
    timers.arm(postponed, 10);
    timers.arm(*destroyed, 11);

    CHECK(timers.expire(20) == 1);
    CHECK(fired == std::vector{1});
    CHECK(timers.next_deadline() == 50);
}

TEST_CASE("a timer may destroy itself when it fires", "[loop][timer_queue]") {
    std::vector<int> fired;
    timer_queue timers;
    auto own = std::make_unique<alarm_clock>(fired, 1);
    alarm_clock other{fired, 2};
    own->then = [&own] { own.reset(); };
    timers.arm(*own, 10);
    timers.arm(other, 10);

    CHECK(timers.expire(10) == 2);

    CHECK(own == nullptr);
    CHECK(fired == std::vector{1, 2});
}

TEST_CASE("timers may outlive their queue, and move to another one", "[loop][timer_queue]") {
    std::vector<int> fired;
    std::deque<alarm_clock> clocks;
    for (int i = 0; i != 100; ++i) clocks.emplace_back(fired, i);
    timer_queue second_queue;
    {
        timer_queue timers;
        for (auto& clock : clocks) timers.arm(clock, clock.number * 37 % 100);
        timers.expire(9);
        second_queue.arm(clocks[1], 5);
    }

    CHECK(fired.size() == 10);
    CHECK(std::ranges::count_if(clocks, &timer::armed) == 1);
    CHECK(second_queue.expire(5) == 1);
}

TEST_CASE("a hundred thousand time-outs come and go without an allocation", "[loop][timer_queue]") {
    constexpr std::size_t count = 100'000;
    const auto length = GENERATE(as<nanoseconds>{}, 1, second); // of the random part of a time-out
    std::mt19937_64 random(1);
    std::vector<nanoseconds> deadlines;
    for (std::size_t i = 0; i != count; ++i)
        deadlines.push_back(30 * second + static_cast<nanoseconds>(i) * 1000 +
                            random_below(length, random));
    std::vector<nanoseconds> minimum = deadlines; // of a deadline and all that follow
    for (std::size_t i = count - 1; i-- != 0;) minimum[i] = std::min(minimum[i], minimum[i + 1]);
    std::deque<silent_timer> timeouts(count);
    timer_queue timers;
    bool exact = true;

    const auto before = allocations;
    for (std::size_t i = 0; i != count; ++i) timers.arm(timeouts[i], deadlines[i]);
    for (std::size_t i = 0; i != count; ++i) {
        exact = exact && timers.next_deadline() == minimum[i];
        timeouts[i].disarm();
    }

    CHECK(allocations == before);
    CHECK(exact);
    CHECK(timers.empty());
}

TEST_CASE("short sleeps before many time-outs are exact and allocate nothing",
          "[loop][timer_queue]") {
    constexpr nanoseconds millisecond = 1'000'000;
    std::mt19937_64 random(1);
    std::deque<silent_timer> timeouts(20'000), sleepers(100);
    timer_queue timers;
    nanoseconds now = 0;
    const auto before = allocations;
    for (auto& timeout : timeouts)
        timers.arm(timeout, 60 * second + random_below(1000, random) * millisecond);
    const auto first_timeout = timers.next_deadline();

    std::size_t fired = 0;
    bool undisturbed = true;
    for (int turn = 0; turn != 1000; ++turn) {
        for (auto& sleeper : sleepers) timers.arm(sleeper, now + random_below(millisecond, random));
        undisturbed = undisturbed && timers.next_deadline() < now + millisecond;
        fired += timers.expire(now += millisecond);
        undisturbed = undisturbed && timers.next_deadline() == first_timeout;
    }

    CHECK(undisturbed);
    CHECK(fired == 100'000);
    CHECK(timers.expire(61 * second) == 20'000);
    CHECK(allocations == before);
}

namespace {

/// Arms timers, and knows in which order they are to fire.
struct crowd {
    void arm(nanoseconds deadline) {
        const auto number = static_cast<int>(expected.size());
        timers.arm(clocks.emplace_back(fired, number), deadline);
        expected.emplace_back(deadline, number); // numbers grow: they are the order of arming
    }

    void arm_again_at_each_deadline() {
        for (std::size_t i = 0, count = expected.size(); i != count; ++i) arm(expected[i].first);
    }

    bool fires_in_order() {
        std::ranges::sort(expected);
        while (fired.size() < expected.size()) {
            if (timers.next_deadline() != expected[fired.size()].first) return false;
            timers.expire(expected[std::min(fired.size() + 50, expected.size() - 1)].first);
        }
        return timers.empty() &&
               std::ranges::equal(fired, expected, {}, {}, &decltype(expected)::value_type::second);
    }

    std::vector<int> fired;
    std::vector<std::pair<nanoseconds, int>> expected;
    std::deque<alarm_clock> clocks;
    timer_queue timers;
};

} // namespace

TEST_CASE("bursts of timers, each before all earlier ones, fire in order", "[loop][timer_queue]") {
    const auto shrinking = GENERATE(1, 2, 10); // lengths of the bursts
    std::mt19937_64 random(1);
    crowd all;
    nanoseconds length = second, start = 0;
    for (int burst = 0; burst != 30; ++burst) {
        start -= length;
        for (int i = 0; i != 200; ++i) all.arm(start + random_below(length, random));
        if (burst % 3 == 0) all.timers.next_deadline();
        length = std::max<nanoseconds>(length / shrinking, 1);
    }
    all.arm_again_at_each_deadline();

    CHECK(all.fires_in_order());
}

TEST_CASE("timers of all orders of magnitude fire in order", "[loop][timer_queue]") {
    const auto again = GENERATE(false, true);
    std::mt19937_64 random(1);
    crowd all;
    all.arm(0);
    all.arm(latest);
    for (int i = 0; i != 5000; ++i)
        all.arm(static_cast<nanoseconds>(random() >> (8 + random() % 56)));
    all.timers.next_deadline();
    if (again) all.arm_again_at_each_deadline();

    CHECK(all.fires_in_order());
}

namespace {

/// Does random things to a queue and to a `std::multimap`, and compares.
class experiment {
public:
    explicit experiment(std::uint64_t seed) : random_(seed), scale_(seed % 50) {
        for (int i = 0; i != 60; ++i) subjects_.emplace_back(*this);
    }

    bool succeeds(int steps) {
        while (ok_ && steps-- != 0) step();
        advance(latest);
        advance(latest); // what was armed while firing
        return ok_;
    }

private:
    struct subject : timer {
        explicit subject(experiment& e) : timer(&ring), owner(e) {}
        static void ring(timer& self) noexcept {
            auto& fired = static_cast<subject&>(self);
            fired.owner.fire(fired);
        }
        experiment& owner;
        std::optional<std::multimap<nanoseconds, subject*>::iterator> place;
    };

    void step() {
        const auto dice = random_() % 100;
        if (dice < 50) {
            arm(any());
        } else if (dice < 65) {
            disarm(any());
        } else if (dice < 70) { // a time-out each, of equal length
            for (auto& s : subjects_) arm(s, saturated(length() + 1000));
        } else if (dice < 90) {
            check(timers_.next_deadline() == next());
            check(timers_.empty() == model_.empty());
        } else {
            const auto due = next();
            advance(dice < 95 && due && *due > now_ ? *due : saturated(length() / 4));
        }
    }

    void arm(subject& s) { arm(s, random_() % 20 == 0 ? anything() : saturated(length() - 3)); }
    void arm(subject& s, nanoseconds deadline) {
        forget(s);
        timers_.arm(s, deadline);
        check(s.armed() && s.deadline() == deadline);
        auto& model = firing_ && deadline <= now_ ? late_ : model_;
        s.place = model.emplace(deadline, &s);
    }

    void disarm(subject& s) {
        check(s.armed() == s.place.has_value());
        forget(s);
        s.disarm();
    }

    void forget(subject& s) {
        if (!s.place) return;
        const auto place = *std::exchange(s.place, std::nullopt);
        (firing_ && is_in(late_, place) ? late_ : model_).erase(place);
    }

    static bool is_in(const std::multimap<nanoseconds, subject*>& map,
                      std::multimap<nanoseconds, subject*>::const_iterator place) {
        for (auto i = map.begin(); i != map.end(); ++i)
            if (i == place) return true;
        return false;
    }

    void advance(nanoseconds to) {
        now_ = std::max(now_, to);
        fired_ = 0;
        firing_ = true;
        const auto count = timers_.expire(now_);
        firing_ = false;
        check(count == fired_);
        check(model_.empty() || model_.begin()->first > now_);
        for (auto& [deadline, s] : late_) s->place = model_.emplace(deadline, s);
        late_.clear();
    }

    void fire(subject& s) {
        ++fired_;
        check(!s.armed() && s.place && s.deadline() <= now_);
        check(!model_.empty() && model_.begin()->second == &s);
        forget(s);
        if (now_ == latest) return;
        const auto dice = random_() % 10;
        if (dice < 2) arm(s);
        if (dice == 3) arm(any());
        if (dice == 4) disarm(any());
    }

    std::optional<nanoseconds> next() const {
        if (model_.empty()) return std::nullopt;
        return model_.begin()->first;
    }

    subject& any() { return subjects_[random_() % subjects_.size()]; }
    nanoseconds length() { // up to 2^scale, often short
        return static_cast<nanoseconds>(random_() >> 14 >> (50 - scale_) >> random_() % 16);
    }
    nanoseconds anything() {
        const auto value = static_cast<nanoseconds>(random_());
        return value % 3 == 0 ? earliest : value % 3 == 1 ? latest : value;
    }
    nanoseconds saturated(nanoseconds delay) const {
        return delay > 0 && now_ > latest - delay ? latest : now_ + delay;
    }
    void check(bool holds) { ok_ = ok_ && holds; }

    std::mt19937_64 random_;
    std::uint64_t scale_;
    timer_queue timers_;
    std::deque<subject> subjects_;
    std::multimap<nanoseconds, subject*> model_, late_; // late_: armed while firing, already due
    nanoseconds now_ = 0;
    bool firing_ = false;
    std::size_t fired_ = 0;
    bool ok_ = true;
};

} // namespace

TEST_CASE("any sequence of arming, disarming and firing equals a multimap", "[loop][timer_queue]") {
    std::vector<std::uint64_t> failed;
    for (std::uint64_t seed = 0; seed != 10'000; ++seed)
        if (!experiment(seed).succeeds(40)) failed.push_back(seed);

    CHECK(failed == std::vector<std::uint64_t>{});
}

TEST_CASE("long sequences equal a multimap, too", "[loop][timer_queue]") {
    std::vector<std::uint64_t> failed;
    for (std::uint64_t seed = 0; seed != 50; ++seed)
        if (!experiment(seed).succeeds(3000)) failed.push_back(seed);

    CHECK(failed == std::vector<std::uint64_t>{});
}
