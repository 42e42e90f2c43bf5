// SPDX-License-Identifier: MIT
#include <weft/threads/worker_threads.hpp>

#include <functional>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <utility>

#include <signal.h>

#include <weft/core/error.hpp>

#include "support/catch.hpp"
#include "support/fork.hpp"

namespace {

auto make(std::size_t most) { return std::make_shared<weft::worker_threads>(most); }

/// Something to do, and how it ended.
class job final : public weft::runnable {
public:
    explicit job(std::function<void()> f) : does_(std::move(f)) {}

    void run() noexcept override {
        does_();
        done_.release();
    }
    void discard() noexcept override { discarded_ = true; }

    void wait() { done_.acquire(); }
    bool was_discarded() const { return discarded_; }

private:
    std::function<void()> does_;
    std::binary_semaphore done_{0};
    bool discarded_ = false;
};

/// Keeps a thread busy until it is told to go on.
class blocker {
public:
    explicit blocker(weft::worker_threads& where) {
        where.submit(work_);
        begun_.acquire();
    }
    ~blocker() { work_.wait(); }
    void go_on() { go_on_.release(); }

private:
    std::binary_semaphore begun_{0}, go_on_{0};
    job work_{[this] {
        begun_.release();
        go_on_.acquire();
    }};
};

} // namespace

TEST_CASE("threads run what is submitted, elsewhere", "[threads][worker_threads]") {
    const auto workers = make(2);
    CHECK(workers->limit() == 2);
    std::thread::id where;
    job work([&] { where = std::this_thread::get_id(); });

    workers->submit(work);
    work.wait();

    CHECK(where != std::thread::id());
    CHECK(where != std::this_thread::get_id());
    workers->close();
    CHECK_FALSE(work.was_discarded());
}

TEST_CASE("there is one thread at least", "[threads][worker_threads]") {
    const auto workers = make(0);
    CHECK(workers->limit() == 1);
    job work([] {});
    workers->submit(work);
    work.wait();
    workers->close();
}

TEST_CASE("one thread runs in order what was submitted", "[threads][worker_threads]") {
    const auto workers = make(1);
    std::string log;
    job a([&] { log += 'a'; }), b([&] { log += 'b'; }), c([&] { log += 'c'; });
    {
        blocker first(*workers);
        for (job* each : {&a, &b, &c}) workers->submit(*each);
        first.go_on();
    }
    for (job* each : {&a, &b, &c}) each->wait();
    CHECK(log == "abc");
    workers->close();
}

TEST_CASE("a thread is started while all others are busy, up to the limit",
          "[threads][worker_threads]") {
    const auto workers = make(2);
    bool ran = false;
    job third([&] { ran = true; });
    {
        blocker one(*workers), two(*workers); // begin, both: neither waits for the other
        workers->submit(third);
        CHECK(third.is_queued());
        CHECK_FALSE(ran);
        one.go_on();
        two.go_on();
    }
    third.wait();
    CHECK(ran);
    workers->close();
}

TEST_CASE("what has not begun can be withdrawn, what has cannot", "[threads][worker_threads]") {
    const auto workers = make(1);
    bool ran = false;
    job first([] {}), second([&] { ran = true; });
    {
        blocker before(*workers);
        workers->submit(second);
        CHECK(workers->withdraw(second));
        CHECK_FALSE(workers->withdraw(second));
        workers->submit(first);
        before.go_on();
    }
    first.wait();
    CHECK_FALSE(workers->withdraw(first));
    CHECK_FALSE(ran);
    workers->close();
    CHECK_FALSE(second.was_discarded());
}

TEST_CASE("closing waits for what has begun, and the rest runs before or is discarded",
          "[threads][worker_threads]") {
    const auto workers = make(1);
    int ran = 0;
    job first([&] { ++ran; }), second([&] { ++ran; });
    std::thread closing;
    {
        blocker begun(*workers);
        workers->submit(first);
        workers->submit(second);
        closing = std::thread([&] { workers->close(); });
        begun.go_on();
    } // it has ended
    closing.join();

    CHECK(ran == !first.was_discarded() + !second.was_discarded());
    CHECK_FALSE(first.is_queued());
    CHECK_FALSE(second.is_queued());
}

TEST_CASE("worker threads leave signals to others", "[threads][worker_threads]") {
    const auto workers = make(1);
    ::sigset_t blocked;
    job ask([&] { ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked); });
    workers->submit(ask);
    ask.wait();
    workers->close();

    CHECK(::sigismember(&blocked, SIGINT) == 1);
    CHECK(::sigismember(&blocked, SIGCHLD) == 1);
    CHECK(::sigismember(&blocked, SIGSEGV) == 0);
    ::sigset_t own;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &own);
    CHECK(::sigismember(&own, SIGINT) == 0); // this thread's are as they were
}

TEST_CASE("the child of a fork has no threads", "[threads][worker_threads]") {
    const auto workers = make(1);
    CHECK_FALSE(workers->is_copied_by_fork());
    const int code = exit_code_of([&] {
        if (!workers->is_copied_by_fork()) return 1;
        job work([] {});
        try {
            workers->submit(work);
        } catch (const weft::error& error) {
            return error.code() == weft::errc::closed ? 0 : 2;
        }
        return 3;
    });
    CHECK(code == 0);
    workers->close();
}
