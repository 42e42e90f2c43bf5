// SPDX-License-Identifier: MIT
#include <weft/loop/epoll_reactor.hpp>
#include <weft/loop/io_source.hpp>
#include <weft/loop/poll_reactor.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "support/catch.hpp"
#include "support/fork.hpp"
#include "support/reactors.hpp"

using weft::io_source;
using weft::reactor;
using weft::readiness;
using weft::unique_fd;

namespace {

// Remembers what it was told, and does `then`.
class listener final : public weft::readiness_waiter {
public:
    explicit listener(std::function<void()> then = {}) : then_(std::move(then)) {}

    int times = 0;
    readiness what{};

private:
    void ready(readiness happened) noexcept override {
        ++times;
        what = happened;
        if (then_) then_();
    }

    std::function<void()> then_;
};

struct connection {
    unique_fd ours, theirs;

    connection() {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
        ours = unique_fd(ends[0]);
        theirs = unique_fd(ends[1]);
    }
    void arrives(std::size_t bytes = 1) const {
        const std::vector<char> data(bytes);
        REQUIRE(::write(theirs.get(), data.data(), bytes) == static_cast<ssize_t>(bytes));
    }
    long read(std::size_t bytes = 1) const {
        std::vector<char> data(bytes);
        return ::read(ours.get(), data.data(), bytes);
    }
    void fill() const {
        const std::array<char, 4096> data{};
        while (::write(ours.get(), data.data(), data.size()) > 0) {}
    }
    void drain_theirs() const {
        std::array<char, 4096> data;
        while (::read(theirs.get(), data.data(), data.size()) > 0) {}
    }
};

// A wait that would never end fails after ten seconds instead.
void wait(reactor& events) { events.wait(events.now() + 10'000'000'000); }

void poll(reactor& events) { events.wait(reactor::immediately); }

std::set<int> open_descriptors() {
    std::set<int> open;
    for (int fd = 0; fd < 256; ++fd)
        if (::fcntl(fd, F_GETFD) >= 0) open.insert(fd);
    return open;
}

} // namespace

// Time and wake-ups ------------------------------------------------------------

TEMPLATE_TEST_CASE("a wait ends at its deadline and not before", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    TestType events;

    for (const std::int64_t delay : {1, 999, 1'000, 999'999, 1'000'001, 20'000'000}) {
        const auto deadline = events.now() + delay;
        CHECK(events.wait(deadline));
        CHECK(events.now() >= deadline);
    }
}

TEMPLATE_TEST_CASE("a wait whose deadline has passed does not block", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    TestType events;

    CHECK(events.wait(reactor::immediately));
    CHECK(events.wait(reactor::immediately + 1));
    CHECK(events.wait(0));
    CHECK(events.wait(events.now()));
}

TEMPLATE_TEST_CASE("a deadline in the far future does not overflow", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    TestType events;

    for (const auto deadline : {reactor::never, reactor::never - 1}) {
        events.wake();
        events.wait(deadline);
    }

    SUCCEED("or this would not be reached");
}

TEMPLATE_TEST_CASE("a wake before the wait ends it at once", "[loop][reactor]", SYSTEM_REACTORS) {
    TestType events;

    for (int i = 0; i < 1000; ++i) events.wake();
    events.wait(reactor::never);

    // All of it was one wake: this one has to wait.
    const auto deadline = events.now() + 1'000'000;
    events.wait(deadline);
    CHECK(events.now() >= deadline);
}

TEMPLATE_TEST_CASE("another thread ends a wait", "[loop][reactor]", SYSTEM_REACTORS) {
    TestType events;

    for (int i = 0; i < 1000; ++i) {
        std::thread other([&] { events.wake(); });
        events.wait(reactor::never);
        other.join();
    }

    SUCCEED("or this would not be reached");
}

TEMPLATE_TEST_CASE("a wake-up descriptor that is full still wakes", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    const auto before = open_descriptors();
    TestType events;
    for (int fd : open_descriptors()) {
        if (before.contains(fd)) continue;
        const std::uint64_t fill = 0xffff'ffff'ffff'fffe; // what an eventfd holds at most
        while (::write(fd, &fill, sizeof fill) > 0) {}
        const char byte = 0;
        while (::write(fd, &byte, 1) > 0) {}
    }

    events.wake();
    events.wait(reactor::never);
    events.wake();
    events.wait(reactor::never);

    SUCCEED("or this would not be reached");
}

namespace {
reactor* woken_by_signal = nullptr;
volatile std::sig_atomic_t signals = 0;

void stop_timer() {
    const itimerval off{};
    ::setitimer(ITIMER_REAL, &off, nullptr);
}
} // namespace

TEMPLATE_TEST_CASE("a signal handler ends a wait", "[loop][reactor]", SYSTEM_REACTORS) {
    TestType events;
    woken_by_signal = &events;
    struct sigaction action{}, previous{};
    action.sa_handler = [](int) { woken_by_signal->wake(); };
    ::sigaction(SIGALRM, &action, &previous);
    const itimerval once{{0, 0}, {0, 2000}};
    ::setitimer(ITIMER_REAL, &once, nullptr);

    events.wait(reactor::never);

    ::sigaction(SIGALRM, &previous, nullptr);
    SUCCEED("or this would not be reached");
}

TEMPLATE_TEST_CASE("a storm of signals neither ends a wait nor extends it", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    TestType events;
    signals = 0;
    struct sigaction action{}, previous{};
    action.sa_handler = [](int) {
        signals = signals + 1;
        if (signals == 5000) stop_timer(); // only if the deadline is extended each time
    };
    ::sigaction(SIGALRM, &action, &previous);
    const itimerval storm{{0, 1000}, {0, 1000}};
    ::setitimer(ITIMER_REAL, &storm, nullptr);

    const auto deadline = events.now() + 30'000'000;
    events.wait(deadline);
    const auto end = events.now();
    stop_timer();
    ::sigaction(SIGALRM, &previous, nullptr);

    CHECK(end >= deadline);
    CHECK(signals > 0);
    CHECK(signals < 5000);
}

// Other people's descriptors -----------------------------------------------------

TEMPLATE_TEST_CASE("somebody waits until a descriptor is readable", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    TestType events;
    connection c;
    listener reader;

    REQUIRE(events.wait_once(c.ours.get(), readiness::readable, reader));
    poll(events);
    CHECK(reader.times == 0);
    CHECK(reader.waiting());
    c.arrives();
    wait(events);

    CHECK(reader.times == 1);
    CHECK(reader.what == readiness::readable);
    CHECK_FALSE(reader.waiting());
    CHECK(events.idle());
}

TEMPLATE_TEST_CASE("somebody waits until a descriptor is writable", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    TestType events;
    connection c;
    listener writer;
    c.fill();

    REQUIRE(events.wait_once(c.ours.get(), readiness::writable, writer));
    poll(events);
    CHECK(writer.times == 0);
    c.drain_theirs();
    wait(events);

    CHECK(writer.times == 1);
    CHECK(events.idle());
}

TEMPLATE_TEST_CASE("a descriptor that is ready already is reported", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    TestType events;
    connection c;
    c.arrives();

    for (int i = 0; i < 3; ++i) {
        listener reader;
        REQUIRE(events.wait_once(c.ours.get(), readiness::readable, reader));
        wait(events);
        CHECK(reader.times == 1);
    }
}

TEMPLATE_TEST_CASE("several wait for one descriptor, in both directions", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    TestType events;
    connection c;
    c.fill();
    std::vector<char> order;
    listener first([&] { order.push_back('1'); }), second([&] { order.push_back('2'); });
    listener writer([&] { order.push_back('w'); });

    events.wait_once(c.ours.get(), readiness::readable, first);
    events.wait_once(c.ours.get(), readiness::writable, writer);
    events.wait_once(c.ours.get(), readiness::readable, second);
    c.arrives();
    wait(events);
    CHECK(order == std::vector<char>{'1', '2'});

    // The state lasts: whoever comes now must hear of it, though nothing changes any more.
    listener third;
    events.wait_once(c.ours.get(), readiness::readable, third);
    wait(events);
    CHECK(third.times == 1);

    c.drain_theirs();
    wait(events);
    CHECK(order == std::vector<char>{'1', '2', 'w'});
    CHECK(events.idle());
}

TEMPLATE_TEST_CASE("one waiter waits for either direction", "[loop][reactor]", SYSTEM_REACTORS) {
    TestType events;
    connection c;
    c.fill();
    listener either;

    events.wait_once(c.ours.get(), readiness::readable | readiness::writable, either);
    c.arrives();
    wait(events);

    CHECK(either.times == 1);
    CHECK(either.what == readiness::readable);
}

TEMPLATE_TEST_CASE("a peer that has gone makes both directions ready", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    TestType events;
    connection c;
    c.fill();
    listener reader, writer;

    events.wait_once(c.ours.get(), readiness::readable, reader);
    events.wait_once(c.ours.get(), readiness::writable, writer);
    c.theirs = {};
    wait(events);

    CHECK(reader.times == 1);
    CHECK(writer.times == 1);
    CHECK(any(reader.what & readiness::hangup));
}

TEMPLATE_TEST_CASE("whoever stops waiting leaves nothing behind", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    TestType events;
    connection c;

    listener reader;
    events.wait_once(c.ours.get(), readiness::readable, reader);
    reader.cancel();
    reader.cancel();
    {
        listener destroyed;
        events.wait_once(c.ours.get(), readiness::readable, destroyed);
    }
    CHECK(events.idle());
    c.arrives();
    poll(events);

    CHECK(reader.times == 0);
}

TEMPLATE_TEST_CASE("whoever is withdrawn while an event is delivered is not called",
                   "[loop][reactor]", SYSTEM_REACTORS) {
    TestType events;
    connection a, b;
    std::optional<listener> first, second;
    first.emplace([&] { second.reset(); });
    second.emplace([&] { first.reset(); });

    events.wait_once(a.ours.get(), readiness::readable, *first);
    events.wait_once(b.ours.get(), readiness::readable, *second);
    a.arrives();
    b.arrives();
    poll(events);

    CHECK(first.has_value() != second.has_value());
    CHECK((first ? first : second)->times == 1);
    CHECK(events.idle());
}

TEMPLATE_TEST_CASE("whoever begins to wait while an event is delivered is served next time",
                   "[loop][reactor]", SYSTEM_REACTORS) {
    TestType events;
    connection c;
    c.arrives();
    listener next;
    listener first([&] { events.wait_once(c.ours.get(), readiness::readable, next); });

    events.wait_once(c.ours.get(), readiness::readable, first);
    poll(events);
    CHECK(first.times == 1);
    CHECK(next.times == 0);
    poll(events);

    CHECK(next.times == 1);
}

TEMPLATE_TEST_CASE("a regular file is always ready", "[loop][reactor]", SYSTEM_REACTORS) {
    TestType events;
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), &std::fclose);
    REQUIRE(file);
    const int fd = ::fileno(file.get());

    listener reader;
    if (events.wait_once(fd, readiness::readable, reader)) {
        wait(events);
        CHECK(reader.times == 1);
    }
    CHECK_FALSE(reader.waiting());
    {
        io_source source(events, fd);
        CHECK(source.may_be(readiness::readable));
    }

    CHECK(events.idle());
}

TEMPLATE_TEST_CASE("a descriptor that is not open is refused", "[loop][reactor]", SYSTEM_REACTORS) {
    TestType events;
    int closed = connection().ours.get();

    for (int fd : {-1, closed}) {
        listener reader;
        try {
            events.wait_once(fd, readiness::readable, reader);
            FAIL("no exception");
        } catch (const std::system_error& error) {
            CHECK(error.code() == std::errc::bad_file_descriptor);
        }
        CHECK_FALSE(reader.waiting());
        CHECK_THROWS_AS(io_source(events, fd), std::system_error);
    }

    CHECK(events.idle());
}

TEMPLATE_TEST_CASE("a number that means another file is not the old waiter's", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    TestType events;
    std::optional<connection> c(std::in_place);
    const int number = c->ours.get();
    listener old, fresh;
    events.wait_once(number, readiness::readable, old);

    c.reset(); // without a word
    if (std::is_same_v<TestType, weft::poll_reactor>) poll(events);
    c.emplace();
    REQUIRE(c->ours.get() == number);
    events.wait_once(number, readiness::readable, fresh);
    CHECK(old.times == 1);
    CHECK(any(old.what & readiness::closed));

    c->arrives();
    wait(events);
    CHECK(fresh.what == readiness::readable);
    CHECK(old.times == 1);
    CHECK(events.idle());
}

TEMPLATE_TEST_CASE("ready_now asks without waiting", "[loop][reactor]", SYSTEM_REACTORS) {
    const auto both = readiness::readable | readiness::writable;
    connection c;

    CHECK(weft::ready_now(c.ours.get(), both) == readiness::writable);
    CHECK(weft::ready_now(c.ours.get(), readiness::readable) == readiness::none);
    c.arrives();
    CHECK(weft::ready_now(c.ours.get(), both) == both);
    c.theirs = {};
    CHECK(any(weft::ready_now(c.ours.get(), readiness::none) & readiness::hangup));
    const int closed = c.ours.get();
    c.ours = {};
    CHECK(weft::ready_now(closed, both) == readiness::closed);
    CHECK(weft::ready_now(-1, both) == readiness::closed);
}

// Our own descriptors ------------------------------------------------------------

TEMPLATE_TEST_CASE("a source waits after a system call would have blocked", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    TestType events;
    connection c;
    io_source source(events, c.ours.get());
    listener reader;

    CHECK(source.fd() == c.ours.get());
    CHECK(source.may_be(readiness::readable)); // nobody has tried
    for (int round = 0; round < 3; ++round) {
        REQUIRE(c.read() < 0);
        source.blocked(readiness::readable);
        source.wait(readiness::readable, reader);
        poll(events);
        CHECK(reader.times == round);
        c.arrives();
        wait(events);
        CHECK(reader.times == round + 1);
        CHECK(source.may_be(readiness::readable));
        REQUIRE(c.read() == 1);
    }
}

TEMPLATE_TEST_CASE("a reader and a writer share a source", "[loop][reactor]", SYSTEM_REACTORS) {
    TestType events;
    connection c;
    c.fill();
    io_source source(events, c.ours.get());
    source.blocked(readiness::readable | readiness::writable);
    listener reader, writer;
    source.wait(readiness::readable, reader);
    source.wait(readiness::writable, writer);

    c.drain_theirs();
    wait(events);
    CHECK(writer.times == 1);
    CHECK(reader.times == 0);
    c.arrives();
    wait(events);

    CHECK(reader.times == 1);
    CHECK(writer.times == 1);
}

TEMPLATE_TEST_CASE("data that comes while nobody waits is not missed", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    TestType events;
    connection c;
    c.arrives();
    io_source source(events, c.ours.get());
    listener reader;

    CHECK(c.read(2) == 1);
    source.drained(readiness::readable); // one was all there was: no second read to find out
    poll(events);
    c.arrives();
    poll(events);
    if (!source.may_be(readiness::readable)) { // else it may be read at once
        source.wait(readiness::readable, reader);
        wait(events);
        CHECK(reader.times == 1);
    }
    CHECK(c.read() == 1);
}

TEMPLATE_TEST_CASE("an end of stream behind a short read is not missed", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    TestType events;
    connection c;
    io_source source(events, c.ours.get());
    const bool seen_before_reading = GENERATE(true, false);
    const bool half_closed = GENERATE(true, false);
    source.blocked(readiness::readable);
    c.arrives();
    if (half_closed)
        REQUIRE(::shutdown(c.theirs.get(), SHUT_WR) == 0);
    else
        c.theirs = {};
    if (seen_before_reading) poll(events);

    CHECK(c.read(2) == 1);
    source.drained(readiness::readable);
    if (!source.may_be(readiness::readable)) {
        listener reader;
        source.wait(readiness::readable, reader);
        wait(events);
        CHECK(reader.times == 1);
    }

    CHECK(c.read() == 0);
}

TEMPLATE_TEST_CASE("a source whose data nobody reads does not keep the loop awake",
                   "[loop][reactor]", SYSTEM_REACTORS) {
    TestType events;
    connection c;
    io_source source(events, c.ours.get());
    c.arrives();
    if (GENERATE(false, true)) c.theirs = {};
    poll(events);

    const auto deadline = events.now() + 1'000'000;
    events.wait(deadline);

    CHECK(events.now() >= deadline);
}

TEMPLATE_TEST_CASE("a source may move while somebody waits", "[loop][reactor]", SYSTEM_REACTORS) {
    TestType events;
    connection c;
    listener reader;
    io_source target;
    {
        io_source source(events, c.ours.get());
        source.blocked(readiness::readable);
        source.wait(readiness::readable, reader);
        target = std::move(source);
        CHECK_FALSE(source.registered()); // NOLINT
    }

    c.arrives();
    wait(events);

    CHECK(reader.times == 1);
    CHECK(target.registered());
    target = io_source();
    CHECK(events.idle());
}

TEMPLATE_TEST_CASE("closing tells all who wait, once", "[loop][reactor]", SYSTEM_REACTORS) {
    TestType events;
    connection c;
    io_source source(events, c.ours.get()), another(events, c.ours.get());
    listener reader, foreign;
    source.blocked(readiness::readable);
    source.wait(readiness::readable, reader);
    events.wait_once(c.ours.get(), readiness::readable, foreign);
    c.arrives(); // too late

    source.closing();
    c.ours = {};
    CHECK(reader.times == 1);
    CHECK(foreign.times == 1);
    CHECK(reader.what == readiness::closed);
    CHECK_FALSE(source.registered());
    CHECK_FALSE(another.registered());
    CHECK(events.idle());
    poll(events);

    CHECK(reader.times == 1);
}

TEMPLATE_TEST_CASE("a source, another and a stranger share a descriptor", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    TestType events;
    connection c;
    listener owner, stranger, later;
    std::optional<io_source> source(std::in_place, events, c.ours.get());
    io_source another(events, c.ours.get());
    source->blocked(readiness::readable);
    source->wait(readiness::readable, owner);
    events.wait_once(c.ours.get(), readiness::readable, stranger);

    c.arrives();
    wait(events);
    CHECK(owner.times == 1);
    CHECK(stranger.times == 1);

    // The registration outlives the stranger, and the first source.
    REQUIRE(c.read() == 1);
    source.reset();
    another.blocked(readiness::readable);
    another.wait(readiness::readable, later);
    c.arrives();
    wait(events);
    CHECK(later.times == 1);
}

TEMPLATE_TEST_CASE("a number that is used again gets nobody else's events", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    TestType events;
    const bool duplicated = GENERATE(false, true); // keeps the old file alive in the kernel
    const bool told = GENERATE(true, false);       // closing() before close
    unique_fd duplicate;
    // poll(2) keeps no state that could be stale: less will do.
    const int rounds = std::is_same_v<TestType, weft::epoll_reactor> ? 25'000 : 1'000;
    int false_alarms = 0, missed = 0;

    for (int round = 0; round < rounds; ++round) {
        std::optional<connection> old(std::in_place);
        unique_fd their_end(std::move(old->theirs));
        const int number = old->ours.get();
        io_source source(events, number);
        if (duplicated) duplicate = unique_fd(::fcntl(number, F_DUPFD_CLOEXEC, 100));
        const char byte = 0;
        // An event that nobody has collected.
        REQUIRE(::send(their_end.get(), &byte, 1, MSG_NOSIGNAL) == 1);
        if (told) source.closing();
        old.reset();
        source = io_source();

        const connection fresh;
        REQUIRE(fresh.ours.get() == number);
        io_source reused(events, number);
        reused.blocked(readiness::readable);
        listener reader;
        reused.wait(readiness::readable, reader);
        REQUIRE(::send(their_end.get(), &byte, 1, MSG_NOSIGNAL) == (duplicated ? 1 : -1));
        poll(events);
        false_alarms += reader.times;
        fresh.arrives();
        poll(events);
        missed += reader.times == 0;
    }

    CHECK(false_alarms == 0);
    CHECK(missed == 0);
}

TEMPLATE_TEST_CASE("a file that comes back to its old number is registered again",
                   "[loop][reactor]", SYSTEM_REACTORS) {
    TestType events;
    connection c;
    const int number = c.ours.get();
    std::optional<io_source> old(std::in_place, events, number);
    const unique_fd duplicate(::fcntl(number, F_DUPFD_CLOEXEC, 100));

    c.ours = {}; // without a word: the kernel keeps the registration for the duplicate
    old.reset();
    REQUIRE(::dup3(duplicate.get(), number, O_CLOEXEC) == number);
    c.ours = unique_fd(number);
    io_source fresh(events, number);
    fresh.blocked(readiness::readable);
    listener reader;
    fresh.wait(readiness::readable, reader);
    c.arrives();
    wait(events);

    CHECK(reader.times == 1);
}

TEMPLATE_TEST_CASE("more descriptors than one wait reports are all served", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    TestType events;
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const rlimit more{std::max<rlim_t>(before.rlim_cur, std::min<rlim_t>(before.rlim_max, 1024)),
                      before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &more);
    if (more.rlim_cur < 900) {
        WARN("so many descriptors are not to be had here");
        return;
    }
    std::vector<connection> connections(400);
    std::vector<std::unique_ptr<listener>> readers;
    for (auto& c : connections) {
        readers.push_back(std::make_unique<listener>());
        events.wait_once(c.ours.get(), readiness::readable, *readers.back());
        c.arrives();
    }

    while (!events.idle()) poll(events);

    for (auto& reader : readers) CHECK(reader->times == 1);
    connections.clear();
    ::setrlimit(RLIMIT_NOFILE, &before);
}

// Processes ------------------------------------------------------------------------

TEMPLATE_TEST_CASE("a child process destroys the loop and the parent misses nothing",
                   "[loop][reactor]", SYSTEM_REACTORS) {
    std::optional<TestType> events(std::in_place);
    connection a, b;
    std::optional<io_source> source(std::in_place, *events, a.ours.get());
    std::optional<listener> reader(std::in_place), foreign(std::in_place);
    source->blocked(readiness::readable);
    source->wait(readiness::readable, *reader);
    events->wait_once(b.ours.get(), readiness::readable, *foreign);

    const int exit_code = exit_code_of([&] {
        foreign.reset();
        reader.reset();
        source->closing();
        source.reset();
        a.ours = {};
        b.ours = {};
        const bool idle = events->idle();
        events.reset();
        return idle ? 0 : 1;
    });
    CHECK(exit_code == 0);
    a.arrives();
    b.arrives();
    poll(*events);

    CHECK(reader->times == 1);
    CHECK(foreign->times == 1);
}

TEMPLATE_TEST_CASE("no program that is executed inherits a descriptor", "[loop][reactor]",
                   SYSTEM_REACTORS) {
    const auto before = open_descriptors();
    TestType events;

    for (int fd : open_descriptors())
        if (!before.contains(fd)) CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

TEMPLATE_TEST_CASE("a reactor that finds no descriptors left says so and leaks none",
                   "[loop][reactor]", SYSTEM_REACTORS) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const auto before = open_descriptors();
    // The first time that the sanitizer meets a type, it needs a descriptor to look at it.
    static_cast<void>(TestType());
    try {
        weft::raise<std::system_error>(EMFILE, std::system_category(), "to be seen before");
    } catch (const std::system_error& seen) {
        static_cast<void>(seen.code());
    }

    int failures = 0;
    for (rlim_t most = 0;; ++most) {
        const rlimit tight{most, limit.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &tight);
        std::error_code error;
        try {
            TestType events;
            ::setrlimit(RLIMIT_NOFILE, &limit);
        } catch (const std::system_error& caught) {
            ::setrlimit(RLIMIT_NOFILE, &limit);
            error = caught.code();
        }
        if (!error) break;
        ++failures;
        REQUIRE(error == std::errc::too_many_files_open);
        REQUIRE(open_descriptors() == before);
    }

    CHECK(failures > 0);
    CHECK(open_descriptors() == before);
}

// Linux ------------------------------------------------------------------------------

TEST_CASE("the epoll descriptor is readable when something is ready", "[loop][reactor]") {
    weft::epoll_reactor events;
    const auto ready = [&] {
        return any(weft::ready_now(events.native_handle(), readiness::readable));
    };
    connection c;
    listener reader;
    events.wait_once(c.ours.get(), readiness::readable, reader);

    CHECK_FALSE(ready());
    c.arrives();
    CHECK(ready());
    poll(events);
    CHECK_FALSE(ready());
    events.wake();
    CHECK(ready());
    poll(events);
    CHECK_FALSE(ready());

    CHECK(weft::poll_reactor().native_handle() == -1);
}

TEST_CASE("a kernel without epoll_pwait2 waits in whole milliseconds, rounded up",
          "[loop][reactor]") {
    const int refusal = GENERATE(ENOSYS, EPERM);

    const int exit_code = exit_code_of([&] {
        sock_filter program[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), // the number of the system call
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(refusal)),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const sock_fprog filter{4, program};
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 77;
        if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) return 77;

        weft::epoll_reactor events;
        for (const std::int64_t delay : {1, 1'000'000, 1'000'001}) {
            const auto deadline = events.now() + delay;
            events.wait(deadline);
            if (events.now() < deadline) return 1;
        }
        events.wake();
        events.wait(reactor::never - 1);
        return 0;
    });

    if (exit_code == 77)
        WARN("no system call filters here");
    else
        CHECK(exit_code == 0);
}
