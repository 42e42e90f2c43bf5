// SPDX-License-Identifier: MIT
//
// Everything in sync/ under random fire: tasks use one primitive while a driver cancels, drops and
// adds tasks and takes turns, all at random. Whatever happens,
//   - items and permits are conserved, and nobody is let in who may not be in;
//   - when nothing is ready, nobody sleeps who could run;
//   - frames may be dropped in any order, the one that holds the primitive included.
// A seed is a history. WEFT_SEEDS says how many are tried for each primitive, WEFT_FIRST_SEED where
// to begin; a failure prints its seed.
#include <weft/sync/barrier.hpp>
#include <weft/sync/broadcast.hpp>
#include <weft/sync/channel.hpp>
#include <weft/sync/condition_variable.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/latch.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/sync/oneshot.hpp>
#include <weft/sync/priority_channel.hpp>
#include <weft/sync/semaphore.hpp>
#include <weft/sync/shared_mutex.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <weft/compose/when_any.hpp>
#include <weft/core/error.hpp>
#include <weft/coro/task.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/yield.hpp>

#include "support/branches.hpp"
#include "support/catch.hpp"

namespace {

// Not CHECK: this is called millions of times.
void require(bool holds, const char* what) {
    if (!holds) FAIL(what);
}

class dice {
public:
    explicit dice(unsigned seed) : random_(seed) {}
    /// From 0 to `below - 1`.
    unsigned operator()(unsigned below) { return static_cast<unsigned>(random_() % below); }
    bool one_in(unsigned n) { return (*this)(n) == 0; }

private:
    std::mt19937 random_;
};

/// Counts how many are at some place. As a local it is right also when its frame is destroyed.
class at_place {
public:
    explicit at_place(int& count) : count_(count) { ++count_; }
    at_place(const at_place&) = delete;
    ~at_place() { --count_; }

private:
    int& count_;
};

/// What the worlds have in common. A world has a primitive, tasks that use it (`work`), something
/// that happens to it from outside (`act`), and knows what must hold when nothing is ready
/// (`check`), and in the end, when all who can end have ended (`check_end`).
template <class Primitive>
struct world {
    explicit world(dice& random) : roll(random) {}

    auto make() { return std::make_unique<Primitive>(); }
    void act() {}
    void finish() {}
    void check_end() {}
    /// Whether nobody holds anything that the primitive must outlive.
    bool may_die() const { return holding + in_fork == 0; }

    /// Stays for some turns, or until the driver says go.
    weft::task<> linger() {
        if (!ending && roll.one_in(3)) co_await go.wait();
        for (unsigned turns = roll(3); turns != 0; --turns) co_await weft::yield();
    }

    Primitive* it = nullptr;
    dice& roll;
    weft::event go;
    int asleep = 0;  // in an operation of the primitive; they do sleep if nothing is ready
    int holding = 0; // guards and permits
    int in_fork = 0;
    int drops = 0;
    int drops_in_fork = 0;
    bool ending = false; // nobody should begin anything
};

struct mutex_world : world<weft::mutex> {
    using world::world;
    int tickets = 0;
    int last_ticket = -1;

    weft::task<> hold(weft::lock_guard guard) {
        std::optional<at_place> inside(std::in_place, holding);
        require(holding == 1, "two hold the mutex");
        co_await linger();
        inside.reset();
        guard.unlock();
        if (roll.one_in(2)) co_await weft::yield();
    }
    weft::task<> work() {
        for (unsigned rounds = 1 + roll(3); rounds != 0 && !ending; --rounds) {
            if (roll.one_in(6)) {
                if (auto guard = it->try_lock()) co_await hold(std::move(*guard));
                continue;
            }
            const int ticket = tickets++;
            std::optional<at_place> sleeping(std::in_place, asleep);
            if (roll.one_in(4)) {
                const at_place inside(in_fork);
                auto either = co_await weft::when_any(it->lock(), go.wait());
                sleeping.reset();
                auto& guard = std::get<0>(either);
                if (guard) co_await hold(std::move(*guard));
                continue;
            }
            auto guard = co_await it->lock();
            sleeping.reset();
            require(it->owner() == weft::this_execution.current, "not the owner");
            require(ticket > last_ticket, "the mutex was handed to somebody out of turn");
            last_ticket = ticket;
            co_await hold(std::move(guard));
        }
    }
    void check() {
        require(asleep == 0 || holding == 1, "somebody waits for a mutex that nobody holds");
    }
    void check_end() { require(it->try_lock().has_value(), "locked, and nobody holds it"); }
};

struct shared_mutex_world : world<weft::shared_mutex> {
    using world::world;
    int readers = 0;
    int writers = 0;
    int waiting_writers = 0;

    weft::task<> work() {
        for (unsigned rounds = 1 + roll(3); rounds != 0 && !ending; --rounds) {
            std::optional<at_place> sleeping(std::in_place, asleep);
            if (roll.one_in(3)) {
                sleeping.emplace(waiting_writers);
                auto guard = co_await it->lock();
                sleeping.reset();
                const at_place inside(writers), held(holding);
                require(writers == 1 && readers == 0, "a writer is not alone");
                co_await linger();
            } else {
                auto guard = co_await it->lock_shared();
                sleeping.reset();
                const at_place inside(readers), held(holding);
                require(writers == 0, "a reader beside a writer");
                co_await linger();
            }
        }
    }
    void check() {
        require(asleep + waiting_writers == 0 || holding != 0,
                "somebody waits for a lock that nobody holds");
        require(asleep == 0 || writers + waiting_writers != 0, "a reader waits for no writer");
    }
    void check_end() { require(it->try_lock().has_value(), "locked, and nobody holds it"); }
};

struct semaphore_world : world<weft::semaphore> {
    using world::world;
    unsigned permits = roll(4);

    auto make() { return std::make_unique<weft::semaphore>(permits); }
    weft::task<> work() {
        for (unsigned rounds = 1 + roll(3); rounds != 0 && !ending; --rounds) {
            std::optional<at_place> sleeping(std::in_place, asleep);
            auto permit = co_await it->acquire();
            sleeping.reset();
            std::optional<at_place> held(std::in_place, holding);
            require(holding <= static_cast<int>(permits), "more permits than there are");
            if (roll.one_in(6)) {
                permit.forget();
                held.reset();
                --permits;
            }
            co_await linger();
        }
    }
    void act() {
        const auto more = roll(3);
        permits += more;
        it->release(more);
    }
    void finish() {
        permits += static_cast<unsigned>(asleep);
        it->release(static_cast<unsigned>(asleep));
    }
    void check() {
        require(asleep == 0 || it->available() == 0, "somebody waits, and there is a permit");
        require(it->available() + static_cast<unsigned>(holding) == permits, "a permit is lost");
    }
    void check_end() { check(); }
};

struct event_world : world<weft::event> {
    using world::world;
    int epoch = 0;             // how often it was set
    std::multiset<int> asleep_since;

    weft::task<> work() {
        for (unsigned rounds = 1 + roll(3); rounds != 0 && !ending; --rounds) {
            const at_place sleeping(asleep);
            struct since {
                std::multiset<int>& all;
                std::multiset<int>::iterator mine;
                ~since() { all.erase(mine); }
            } const now{asleep_since, asleep_since.insert(epoch)};
            co_await it->wait();
        }
    }
    void act() {
        if (roll.one_in(3)) return it->clear();
        ++epoch;
        it->set();
        if (roll.one_in(2)) it->clear();
    }
    void finish() { it->set(); }
    void check() {
        require(asleep == 0 || !it->is_set(), "somebody waits for an event that is set");
        require(asleep_since.empty() || *asleep_since.begin() == epoch, "somebody slept on");
    }
    void check_end() { require(asleep == 0, "somebody waits for an event that is set"); }
};

struct latch_world : world<weft::latch> {
    using world::world;
    int expected = static_cast<int>(roll(6));
    int downs = 0;
    int arrivals = 0; // by those who wait now
    int arrived = 0;

    auto make() { return std::make_unique<weft::latch>(static_cast<std::size_t>(expected)); }
    weft::task<> work() {
        const at_place sleeping(asleep);
        if (it->try_wait() || roll.one_in(2)) {
            co_await it->wait();
        } else {
            const at_place arriving(arrivals);
            co_await it->arrive_and_wait();
            ++arrived;
        }
        require(it->try_wait(), "a latch that is not open let somebody go on");
    }
    void act() {
        if (it->try_wait()) return;
        ++downs;
        it->count_down();
    }
    void finish() {
        while (!it->try_wait()) act();
    }
    void check() {
        if (it->try_wait()) {
            require(asleep == 0, "somebody waits for a latch that is open");
            require(downs + arrived + drops >= expected, "open too early");
        } else {
            require(downs + arrivals < expected, "closed, though all have arrived");
        }
    }
    void check_end() { require(asleep == 0, "somebody waits for a latch that is open"); }
};

struct barrier_world : world<weft::barrier> {
    using world::world;
    std::size_t expected = 1 + roll(4);
    std::vector<int> met = std::vector<int>(expected);

    auto make() { return std::make_unique<weft::barrier>(expected); }
    weft::task<> work() {
        for (unsigned rounds = 1 + roll(4); rounds != 0 && !ending; --rounds) {
            const at_place sleeping(asleep);
            const std::size_t place = co_await it->arrive_and_wait();
            require(place < expected, "a place that does not exist");
            ++met[place];
        }
    }
    void check() {
        require(asleep < static_cast<int>(expected), "all have arrived, and wait");
        for (const int times : met) {
            require(times <= met.back(), "a place was given out twice in one round");
            require(drops != 0 || times == met.back(), "a place was not given out");
        }
    }
};

struct monitor {
    weft::mutex mutex;
    weft::condition_variable changed;
};

struct condition_variable_world : world<monitor> {
    using world::world;
    int jobs = 0;
    int made = 0;
    int done = 0;

    weft::task<> work() {
        for (unsigned rounds = 1 + roll(3); rounds != 0 && !ending; --rounds) {
            auto guard = co_await it->mutex.lock();
            std::optional<at_place> held(std::in_place, holding);
            require(holding == 1, "two hold the mutex");
            if (roll.one_in(3)) {
                ++made, ++jobs;
                it->changed.notify_one();
                co_await linger();
                continue;
            }
            held.reset();
            std::optional<at_place> sleeping(std::in_place, asleep);
            if (roll.one_in(2)) {
                const auto has_job = [this] { return jobs != 0 || ending; };
                co_await it->changed.wait(guard, has_job);
            } else {
                while (jobs == 0 && !ending) co_await it->changed.wait(guard);
            }
            sleeping.reset();
            held.emplace(holding);
            require(guard.owns_lock() && holding == 1, "a wait returned without the lock");
            if (ending) break;
            --jobs, ++done;
            co_await linger();
        }
    }
    void act() {
        ++made, ++jobs;
        if (roll.one_in(3))
            it->changed.notify_all();
        else
            it->changed.notify_one();
    }
    void finish() { it->changed.notify_all(); }
    // Who is cancelled before it begins to wait holds the lock until it is destroyed.
    bool may_die() const { return it->mutex.try_lock().has_value(); }
    void check() {
        if (holding != 0) return;
        require(it->mutex.try_lock().has_value(), "locked, and nobody holds it");
        require(asleep == 0 || jobs == 0 || ending, "somebody waits, and there is a job");
    }
    void check_end() {
        check();
        require(asleep == 0, "somebody was not notified");
        require(made == done + jobs, "a job is lost");
    }
};

struct item {
    explicit item(int number) : id(number) {}
    bool operator<(const item& other) const { return id % 4 < other.id % 4; }
    int id;
    weft::testing::tracked alive;
};

template <class Channel, unsigned Capacity>
struct channel_world : world<Channel> {
    using world<Channel>::world;
    using world<Channel>::it;
    using world<Channel>::roll;
    using world<Channel>::ending;
    int items = 0;
    int sending = 0;
    int receiving = 0;
    std::set<int> sent;
    std::vector<int> received;

    auto make() { return std::make_unique<Channel>(Capacity); }
    weft::task<> work() {
        for (unsigned rounds = 1 + roll(5); rounds != 0 && !ending; --rounds) {
            if (roll.one_in(3)) co_await this->linger();
            if (roll.one_in(8)) try_both();
            if (roll.one_in(20)) it->close();
            if (roll.one_in(2)) {
                const int id = items++;
                const at_place sleeping(sending);
                try {
                    co_await it->send(item(id));
                } catch (const weft::closed_error&) {
                    co_return;
                }
                sent.insert(id);
                continue;
            }
            const at_place sleeping(receiving);
            if (forks && roll.one_in(4)) {
                const at_place inside(this->in_fork);
                auto either = co_await weft::when_any(it->receive(), this->go.wait());
                auto& result = std::get<0>(either);
                if (result && *result) received.push_back((*result)->id);
                continue;
            }
            const auto result = co_await it->receive();
            if (!result) break;
            received.push_back(result->id);
        }
    }
    void try_both() {
        if (roll.one_in(2)) {
            const int id = items++;
            if (it->try_send(item(id))) sent.insert(id);
        } else if (const auto result = it->try_receive()) {
            received.push_back(result->id);
        }
    }
    void act() { try_both(); }
    void finish() { it->close(); }
    void check() {
        const auto size = it->size();
        require(size <= Capacity, "more in it than there is room for");
        require(receiving == 0 || (size == 0 && !it->closed()), "somebody waits for what is there");
        require(sending == 0 || (size == Capacity && !it->closed()), "somebody waits for a place");
        require(Capacity != 0 || sending == 0 || receiving == 0, "they wait for each other");
    }
    void check_end() {
        while (const auto result = it->try_receive()) received.push_back(result->id);
        if (Capacity != 0 && std::is_same_v<Channel, weft::channel<item>> && !forks)
            require(std::is_sorted(received.begin(), received.end()), "out of order");
        const std::set<int> all(received.begin(), received.end());
        require(all.size() == received.size(), "an item was received twice");
        // Without capacity an item may die with the receiver that is dropped; with one, it stays.
        const auto may_be_lost = Capacity == 0 ? this->drops : this->drops_in_fork;
        const auto lost = std::count_if(sent.begin(), sent.end(),
                                        [&](int id) { return all.count(id) == 0; });
        require(lost <= may_be_lost, "an item is lost");
    }
    const bool forks = roll.one_in(2); // what comes through a fork is written down later
};

struct broadcast_world : world<weft::broadcast<item>> {
    using world::world;
    const weft::lagging policy = static_cast<weft::lagging>(roll(3));
    const unsigned capacity = 1 + roll(3);
    int items = 0;
    int sending = 0;
    int receiving = 0;
    int subscribers = 0;
    std::map<int, int> successor; // of each item, as any subscription saw them

    auto make() { return std::make_unique<weft::broadcast<item>>(capacity, policy); }
    weft::task<> work() {
        return roll.one_in(2) ? send() : receive();
    }
    weft::task<> send() {
        for (unsigned rounds = 1 + roll(5); rounds != 0 && !ending; --rounds) {
            if (roll.one_in(3)) co_await linger();
            if (roll.one_in(20)) it->close();
            const int id = items++;
            const at_place sleeping(sending);
            try {
                co_await it->send(item(id));
            } catch (const weft::closed_error&) {
                break;
            }
        }
    }
    using subscription = weft::broadcast<item>::subscription;
    /// A subscription and what was received through it.
    struct reader {
        subscription from;
        int last = -1;
    };
    std::optional<reader> common; // of several receivers, who take turns
    int receiving_in_common = 0;

    weft::task<> receive() {
        if (roll.one_in(2)) {
            if (!common) common.emplace(reader{it->subscribe()});
            co_await receive_from(*common, receiving_in_common);
        } else {
            reader mine{it->subscribe()};
            const at_place subscribed(subscribers);
            co_await receive_from(mine, receiving);
        }
    }
    weft::task<> receive_from(reader& mine, int& sleepers) {
        for (unsigned rounds = 1 + roll(8); rounds != 0; --rounds) {
            if (roll.one_in(4)) co_await linger();
            const at_place sleeping(sleepers);
            const auto result = co_await mine.from.receive();
            if (!result) {
                const bool cut_off =
                    policy == weft::lagging::disconnect && mine.from.missed() != 0;
                require(it->closed() || cut_off, "the end, too early");
                break;
            }
            require(result->id > mine.last, "out of order, or twice");
            if (policy == weft::lagging::wait) {
                require(mine.from.missed() == 0, "missed an item");
                if (mine.last >= 0 && !successor.emplace(mine.last, result->id).second)
                    require(successor[mine.last] == result->id, "two saw different items");
            }
            mine.last = result->id;
        }
    }
    void finish() { it->close(); }
    void check() {
        const bool somebody_lags =
            subscribers > receiving || (common && receiving_in_common == 0);
        require(sending == 0 || (policy == weft::lagging::wait && somebody_lags),
                "a sender waits for nobody");
        require(receiving + receiving_in_common == 0 || !it->closed(),
                "somebody waits for more from what is closed");
    }
    void check_end() {
        require(sending + receiving + receiving_in_common == 0, "somebody waits for nothing");
    }
};

struct oneshot_world : world<weft::oneshot<item>> {
    using world::world;
    int sets = 0;
    int received = 0;

    weft::task<> work() {
        if (roll.one_in(3)) co_await linger();
        if (roll.one_in(3)) {
            act();
            co_return;
        }
        const at_place sleeping(asleep);
        try {
            const item result = co_await it->receive();
            ++received;
        } catch (const weft::error&) { // somebody else waits, or has had it
        } catch (const std::runtime_error&) {
            ++received;
        }
    }
    void act() {
        if (ending) return;
        sets += roll.one_in(2)
                    ? it->set_value(item(1))
                    : it->set_error(std::make_exception_ptr(std::runtime_error("failed")));
    }
    void finish() {
        sets += it->set_value(item(2));
    }
    void check() {
        require(sets <= 1, "set twice");
        require(received <= sets, "received twice");
        require(asleep <= 1 - sets, "somebody waits for what is there");
    }
    void check_end() { require(asleep == 0, "somebody waits for what is there"); }
};

/// One history.
template <class World>
void live(unsigned seed) {
    dice roll(seed);
    World w(roll);
    branches b;
    const auto owner = b.spawn([&]() -> weft::task<> {
        const auto own = w.make();
        w.it = own.get();
        co_await weft::sleep_forever();
    });
    b.run();
    std::vector<std::size_t> workers;
    const auto drop = [&](std::size_t number) {
        const int in_fork = w.in_fork;
        b.drop(number);
        ++w.drops;
        w.drops_in_fork += in_fork - w.in_fork;
    };

    for (unsigned steps = 10 + roll(40); steps != 0; --steps) {
        const auto what = roll(10);
        if (what < 4 && workers.size() < 12)
            workers.push_back(b.spawn([&w] { return w.work(); }));
        else if (what < 6)
            b.turn();
        else if (what == 6 && !workers.empty())
            b.cancel(workers[roll(static_cast<unsigned>(workers.size()))]);
        else if (what == 7 && !workers.empty())
            drop(workers[roll(static_cast<unsigned>(workers.size()))]);
        else if (what == 8)
            w.go.set(), w.go.clear();
        else
            b.run(), w.check(), w.act();
    }

    if (roll.one_in(2)) {
        // All is dropped, in any order: no use of what is gone, and nothing is left.
        std::vector<std::size_t> order = workers;
        for (auto i = order.size(); i > 1; --i)
            std::swap(order[i - 1], order[roll(static_cast<unsigned>(i))]);
        order.insert(w.may_die() ? order.begin() : order.end(), owner);
        for (const auto each : order) b.drop(each);
        return;
    }
    b.run();
    w.check();
    w.ending = true;
    for (int i = 0; i < 20; ++i) {
        w.go.set();
        b.run();
        w.finish();
        b.run();
        w.check();
    }
    w.check_end();
    for (const auto each : workers) b.drop(each);
}

unsigned from_environment(const char* name, unsigned otherwise) {
    const char* text = std::getenv(name);
    return text ? static_cast<unsigned>(std::atoi(text)) : otherwise;
}

template <class World>
void live_often() {
    const auto first = from_environment("WEFT_FIRST_SEED", 1);
    const auto count = from_environment("WEFT_SEEDS", 1500);
    for (unsigned i = 0; i < count; ++i) {
        INFO("WEFT_FIRST_SEED=" << first + i);
        live<World>(first + i);
        if (weft::testing::tracked::alive != 0) FAIL("items are left");
    }
    SUCCEED();
}

} // namespace

TEST_CASE("a mutex survives random cancels", "[sync][random_cancel]") {
    live_often<mutex_world>();
}
TEST_CASE("a shared_mutex survives random cancels", "[sync][random_cancel]") {
    live_often<shared_mutex_world>();
}
TEST_CASE("a semaphore survives random cancels", "[sync][random_cancel]") {
    live_often<semaphore_world>();
}
TEST_CASE("an event survives random cancels", "[sync][random_cancel]") {
    live_often<event_world>();
}
TEST_CASE("a latch survives random cancels", "[sync][random_cancel]") {
    live_often<latch_world>();
}
TEST_CASE("a barrier survives random cancels", "[sync][random_cancel]") {
    live_often<barrier_world>();
}
TEST_CASE("a condition_variable survives random cancels", "[sync][random_cancel]") {
    live_often<condition_variable_world>();
}
TEST_CASE("a channel without capacity survives random cancels", "[sync][random_cancel]") {
    live_often<channel_world<weft::channel<item>, 0>>();
}
TEST_CASE("a channel of capacity 1 survives random cancels", "[sync][random_cancel]") {
    live_often<channel_world<weft::channel<item>, 1>>();
}
TEST_CASE("a channel of capacity 3 survives random cancels", "[sync][random_cancel]") {
    live_often<channel_world<weft::channel<item>, 3>>();
}
TEST_CASE("a priority_channel survives random cancels", "[sync][random_cancel]") {
    live_often<channel_world<weft::priority_channel<item>, 2>>();
}
TEST_CASE("a broadcast survives random cancels", "[sync][random_cancel]") {
    live_often<broadcast_world>();
}
TEST_CASE("a oneshot survives random cancels", "[sync][random_cancel]") {
    live_often<oneshot_world>();
}
