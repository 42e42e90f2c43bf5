// SPDX-License-Identifier: MIT
#include <weft/core/scheduler.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <weft/core/branch.hpp> // where run_ready is defined

#include "support/catch.hpp"
#include "support/death.hpp"

using weft::runnable;

namespace {

class queue_only final : public weft::scheduler {
public:
    using scheduler::bind_to_thread;
    using scheduler::has_ready;
    using scheduler::ready;

    std::size_t run_ready() noexcept {
        const on_this_thread scope(*this);
        return scheduler::run_ready();
    }

    int breaths = 0;
    std::vector<std::string> errors;

    void unhandled(std::exception_ptr, const char* name) noexcept override {
        errors.emplace_back(name);
    }
    void enqueue_threadsafe(runnable&) noexcept override {}
    void withdraw_threadsafe(runnable&) noexcept override {}

private:
    void breathe() noexcept override { ++breaths; }
};

struct item final : runnable {
    std::function<void()> action;
    explicit item(std::function<void()> f) : action(std::move(f)) {}
    void run() noexcept override { action(); }
};

} // namespace

TEST_CASE("what becomes ready first runs first, and once", "[core][scheduler]") {
    queue_only loop;
    std::string log;
    item a([&] { log += 'a'; }), b([&] { log += 'b'; }), c([&] { log += 'c'; });

    loop.enqueue(b);
    loop.enqueue(a);
    loop.enqueue(c);
    loop.enqueue(b); // again: it goes to the end
    CHECK(log.empty());
    CHECK(loop.run_ready() == 3);
    CHECK(loop.run_ready() == 0);

    CHECK(log == "acb");
}

TEST_CASE("what becomes ready in a turn runs in the next", "[core][scheduler]") {
    queue_only loop;
    std::string log;
    item next([&] { log += '2'; });
    item a([&] {
        log += 'a';
        loop.enqueue(next);
    });
    item b([&] { log += 'b'; });
    loop.enqueue(a);
    loop.enqueue(b);

    CHECK(loop.run_ready() == 2);
    CHECK(log == "ab");
    CHECK(loop.has_ready());
    CHECK(loop.run_ready() == 1);

    CHECK(log == "ab2");
}

TEST_CASE("what leaves the queue, or dies, in the turn of its own does not run",
          "[core][scheduler]") {
    queue_only loop;
    std::string log;
    item withdrawn([&] { log += 'x'; });
    std::optional<item> destroyed([&] { log += 'y'; });
    item first([&] {
        withdrawn.leave_queue();
        destroyed.reset();
    });
    item last([&] { log += 'z'; });
    loop.enqueue(first);
    loop.enqueue(withdrawn);
    loop.enqueue(*destroyed);
    loop.enqueue(last);

    CHECK(loop.run_ready() == 2);

    CHECK(log == "z");
    CHECK_FALSE(withdrawn.is_queued());
}

TEST_CASE("run_next runs before all that is queued", "[core][scheduler]") {
    queue_only loop;
    std::string log;
    item one([&] { log += '1'; }), two([&] { log += '2'; });
    item a([&] {
        log += 'a';
        loop.run_next(one);
    });
    item b([&] {
        log += 'b';
        loop.run_next(two);
    });
    loop.enqueue(a);
    loop.enqueue(b);

    loop.run_ready();

    CHECK(log == "a1b2");
}

TEST_CASE("when the next one is decided, run_next puts the other at the front",
          "[core][scheduler]") {
    queue_only loop;
    std::string log;
    item one([&] { log += '1'; }), two([&] { log += '2'; }), three([&] { log += '3'; });
    item a([&] {
        loop.enqueue(three);
        loop.run_next(one);
        loop.run_next(two);
    });
    loop.enqueue(a);

    loop.run_ready();
    CHECK(log == "1");
    loop.run_ready();

    CHECK(log == "123");
}

TEST_CASE("a long turn breathes every 64 resumptions", "[core][scheduler]") {
    queue_only loop;
    std::vector<std::unique_ptr<item>> items;
    for (int i = 0; i < 200; ++i) {
        items.push_back(std::make_unique<item>([] {}));
        loop.enqueue(*items.back());
    }

    loop.run_ready();

    CHECK(loop.breaths == 3);
}

TEST_CASE("a thread knows which loop it runs", "[core][scheduler]") {
    queue_only outer, inner;
    std::vector<weft::scheduler*> seen;
    item in_inner([&] { seen.push_back(weft::this_execution.loop); });
    item in_outer([&] {
        seen.push_back(weft::this_execution.loop);
        inner.enqueue(in_inner);
        inner.run_ready();
        seen.push_back(weft::this_execution.loop);
    });
    outer.enqueue(in_outer);

    outer.run_ready();

    CHECK(seen == std::vector<weft::scheduler*>{&outer, &inner, &outer});
    CHECK(weft::this_execution.loop == nullptr);
    CHECK(weft::this_execution.current == nullptr);
}

TEST_CASE("a scheduler belongs to one thread at a time", "[core][scheduler]") {
    queue_only loop;
    CHECK(loop.on_its_thread());

    bool theirs = true, bound = false;
    std::thread([&] {
        theirs = loop.on_its_thread();
        loop.bind_to_thread();
        bound = loop.on_its_thread();
    }).join();

    CHECK_FALSE(theirs);
    CHECK(bound);
    CHECK_FALSE(loop.on_its_thread());
}

TEST_CASE("an error that nobody can receive goes to the loop that runs, else it is printed",
          "[core][scheduler]") {
    const auto error = std::make_exception_ptr(std::runtime_error("disk full"));
    queue_only loop;
    item fails([&] { weft::report_unhandled(error, "backup"); });
    loop.enqueue(fails);
    loop.run_ready();
    CHECK(loop.errors == std::vector<std::string>{"backup"});

    CHECK(last_words([&] {
              weft::report_unhandled(error, "");
              weft::report_unhandled(error, "backup");
              weft::report_unhandled(std::make_exception_ptr(7), "");
              std::abort();
          }) == "weft: unhandled error: disk full\n"
                "weft: unhandled error in backup: disk full\n"
                "weft: unhandled error\n");
}
