// SPDX-License-Identifier: MIT
#include <weft/testing/stream_conformance.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <unistd.h>

#include <weft/compose/when_any.hpp>
#include <weft/core/error.hpp>
#include <weft/coro/task.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/net/async_stream.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/connect.hpp>
#include <weft/net/duplex.hpp>
#include <weft/net/tcp_listener.hpp>
#include <weft/net/tcp_stream.hpp>
#include <weft/net/unix_listener.hpp>
#include <weft/net/unix_stream.hpp>
#include <weft/testing/simulation.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

#include "support/catch.hpp"
#include "support/failure_of.hpp"

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using weft::const_buffer;
using weft::duplex;
using weft::mutable_buffer;
using weft::task;
using weft::testing::check_stream_conformance;
using weft::testing::simulation;
using weft::testing::stream_terms;

namespace {

template <class S>
struct connection {
    S ours, theirs;
    connection(S a, S b) : ours(std::move(a)), theirs(std::move(b)) {}
};

task<connection<weft::tcp_stream>> make_tcp(weft::endpoint at) {
    weft::tcp_listener listener(at);
    auto ours = co_await weft::connect(listener.local_endpoint());
    auto theirs = co_await listener.accept();
    co_return connection<weft::tcp_stream>(std::move(ours), std::move(theirs));
}
task<connection<weft::unix_stream>> make_unix() {
    const auto name = "@weft-conformance-" + std::to_string(::getpid());
    weft::unix_listener listener(name);
    auto ours = co_await weft::connect_unix(name);
    auto theirs = co_await listener.accept();
    co_return connection<weft::unix_stream>(std::move(ours), std::move(theirs));
}

enum class bug {
    none,
    fills_the_buffer,
    ends_when_empty,
    swaps_bytes,
    never_ends,
    ends_only_once,
    ends_both_ways,
    read_loses_when_cancelled,
    read_loses_within_a_turn,
    write_sends_within_a_turn,
    write_sends_when_cancelled,
    stays_busy,
    admits_all_readers,
    writes_to_nobody,
    raises_a_signal,
    close_tells_nobody,
    keeps_old_errors
};

/// A stream of a user's: tasks around a duplex, one of which may be wrong.
class user_stream {
public:
    user_stream(duplex below, bug which) : below_(std::move(below)), bug_(which) {}

    task<std::size_t> read_some(mutable_buffer to) {
        switch (bug_) {
        case bug::fills_the_buffer: return read_all(to);
        case bug::ends_when_empty: return read_what_is_there(to);
        case bug::ends_only_once: return read_and_end_once(to);
        case bug::read_loses_when_cancelled: return read_slowly(to);
        case bug::read_loses_within_a_turn: return read_a_turn_later(to);
        case bug::stays_busy: return read_alone(to);
        case bug::admits_all_readers: return read_in_turn(to);
        default: return read(to);
        }
    }
    task<std::size_t> write_some(const_buffer from) {
        switch (bug_) {
        case bug::swaps_bytes: return write_swapped(from);
        case bug::write_sends_when_cancelled: return write_slowly(from);
        case bug::write_sends_within_a_turn: return write_a_turn_later(from);
        case bug::writes_to_nobody:
        case bug::raises_a_signal: return write_wrongly(from);
        default: return write(from);
        }
    }
    task<> shutdown_write() {
        if (bug_ == bug::ends_both_ways) below_.close();
        if (bug_ == bug::ends_both_ways || bug_ == bug::never_ends) co_return;
        co_await below_.shutdown_write();
    }
    void close() {
        if (bug_ != bug::close_tells_nobody) below_.close();
    }

    task<std::size_t> read_some(mutable_buffer to, std::error_code& code) {
        std::error_code own;
        const std::size_t size = co_await below_.read_some(to, own);
        if (own || bug_ != bug::keeps_old_errors) code = own;
        co_return size;
    }
    task<std::size_t> write_some(const_buffer from, std::error_code& code) {
        const std::size_t size = co_await below_.write_some(from, code);
        co_return size;
    }
    task<> shutdown_write(std::error_code& code) { co_await below_.shutdown_write(code); }

private:
    task<std::size_t> read(mutable_buffer to) {
        const std::size_t size = co_await below_.read_some(to);
        co_return size;
    }
    task<std::size_t> write(const_buffer from) {
        const std::size_t size = co_await below_.write_some(from);
        co_return size;
    }

    task<std::size_t> read_all(mutable_buffer to) {
        std::size_t size = 0;
        while (size != to.size()) {
            const std::size_t some = co_await below_.read_some(to.subspan(size));
            if (some == 0) break;
            size += some;
        }
        co_return size;
    }
    task<std::size_t> read_what_is_there(mutable_buffer to) {
        auto result = co_await weft::when_any(below_.read_some(to), weft::yield());
        co_return std::get<0>(result).value_or(0);
    }
    task<std::size_t> read_and_end_once(mutable_buffer to) {
        if (std::exchange(flag_, false))
            throw std::system_error(make_error_code(std::errc::io_error));
        const std::size_t size = co_await below_.read_some(to);
        flag_ = size == 0 && !to.empty();
        co_return size;
    }
    task<std::size_t> read_slowly(mutable_buffer to) {
        const std::size_t size = co_await below_.read_some(to);
        co_await weft::sleep_for(1us); // who is cancelled here has lost them
        co_return size;
    }
    task<std::size_t> read_a_turn_later(mutable_buffer to) {
        const std::size_t size = co_await below_.read_some(to);
        co_await weft::yield();
        co_return size;
    }
    task<std::size_t> write_a_turn_later(const_buffer from) {
        const std::size_t size = co_await below_.write_some(from);
        co_await weft::yield();
        co_return size;
    }
    task<std::size_t> read_alone(mutable_buffer to) {
        if (flag_) throw std::system_error(make_error_code(weft::errc::busy));
        flag_ = true;
        const std::size_t size = co_await below_.read_some(to);
        flag_ = false; // no destructor does it
        co_return size;
    }
    task<std::size_t> read_in_turn(mutable_buffer to) {
        for (;;) {
            std::error_code code;
            const std::size_t size = co_await below_.read_some(to, code);
            if (!code) co_return size;
            if (code != weft::errc::busy) throw std::system_error(code);
            co_await weft::sleep_for(1ms);
        }
    }
    task<std::size_t> write_swapped(const_buffer from) {
        std::vector<std::byte> turned(from.begin(), from.end());
        if (turned.size() >= 100) std::swap(turned[98], turned[99]);
        const std::size_t size = co_await below_.write_some(turned);
        co_return size;
    }
    task<std::size_t> write_slowly(const_buffer from) {
        const std::size_t size = co_await below_.write_some(from);
        co_await weft::sleep_for(1us); // sent, and nobody is told
        co_return size;
    }
    task<std::size_t> write_wrongly(const_buffer from) {
        std::error_code code;
        const std::size_t size = co_await below_.write_some(from, code);
        if (!code) co_return size;
        if (bug_ == bug::writes_to_nobody) co_return from.size();
        std::raise(SIGPIPE);
        throw std::system_error(code);
    }

    duplex below_;
    bug bug_;
    bool flag_ = false;
};
static_assert(weft::reporting_stream<user_stream>);

constexpr stream_terms small{.most_unread = 1 << 20};

/// What is said of user streams that have this bug.
std::string failure_with(bug which, stream_terms terms = small, std::size_t capacity = 4096) {
    const auto make_pair = [=]() -> task<connection<user_stream>> {
        auto both = weft::make_duplex(capacity);
        user_stream ours(std::move(both.first), which);
        user_stream theirs(std::move(both.second), which);
        co_return connection<user_stream>(std::move(ours), std::move(theirs));
    };
    return failure_of([&] {
        simulation sim;
        sim.run([&] { return check_stream_conformance(make_pair, terms); });
    });
}

} // namespace

TEST_CASE("duplex conforms, whatever its capacity", "[testing][stream_conformance]") {
    for (const auto capacity : std::array<std::size_t, 4>{50, 1000, 65'536, 1'000'000}) {
        simulation sim;
        const auto make_pair = [=]() -> task<std::pair<duplex, duplex>> {
            co_return weft::make_duplex(capacity);
        };
        CHECK_NOTHROW(sim.run([&] { return check_stream_conformance(make_pair); }));
    }
}

TEST_CASE("simulated tcp conforms, in many orders", "[testing][stream_conformance]") {
    for (std::uint64_t seed = 0; seed != 3; ++seed) {
        simulation sim(seed);
        const auto make_pair = [] { return make_tcp(weft::endpoint::loopback(0)); };
        CHECK_NOTHROW(sim.run([&] { return check_stream_conformance(make_pair); }));
    }
}

TEST_CASE("real tcp conforms", "[testing][stream_conformance]") {
    weft::event_loop loop;
    const auto make_pair = [] { return make_tcp(weft::endpoint::loopback(0)); };
    CHECK_NOTHROW(loop.run([&] { return check_stream_conformance(make_pair); }));
}

TEST_CASE("unix sockets conform", "[testing][stream_conformance]") {
    weft::event_loop loop;
    CHECK_NOTHROW(loop.run([&] { return check_stream_conformance(make_unix); }));
}

TEST_CASE("a stream that is made of tasks conforms", "[testing][stream_conformance]") {
    CHECK(failure_with(bug::none) == "no failure");
}

TEST_CASE("mutants of a stream are found, by the rule that each breaks",
          "[testing][stream_conformance]") {
    const auto breaks = [](const std::string& text, const std::string& rule) {
        CHECK_THAT(text, ContainsSubstring("check_stream_conformance, " + rule + ": "));
    };
    const char* const short_reads = "a read returns what is there, and waits if that is nothing";
    const char* const the_end = "after shutdown_write comes what was written, then the end";
    const char* const pending_write = "a peer that goes ends a write that waits";
    breaks(failure_with(bug::fills_the_buffer), short_reads);
    breaks(failure_with(bug::ends_when_empty), short_reads);
    breaks(failure_with(bug::swaps_bytes), "bytes arrive whole and in order");
    breaks(failure_with(bug::never_ends), the_end);
    breaks(failure_with(bug::ends_only_once), the_end);
    breaks(failure_with(bug::ends_both_ways), "each direction ends by itself");
    breaks(failure_with(bug::none, small, small.most_unread),
           "a writer waits while nobody reads, and goes on then");
    breaks(failure_with(bug::read_loses_when_cancelled), "a cancelled read takes nothing");
    breaks(failure_with(bug::read_loses_within_a_turn), "a cancelled read takes nothing");
    breaks(failure_with(bug::write_sends_within_a_turn), "a cancelled write sends nothing");
    breaks(failure_with(bug::stays_busy), "a cancelled read takes nothing");
    breaks(failure_with(bug::write_sends_when_cancelled), "a cancelled write sends nothing");
    breaks(failure_with(bug::admits_all_readers), "a second reader is refused");
    breaks(failure_with(bug::writes_to_nobody), pending_write);
    breaks(failure_with(bug::raises_a_signal), pending_write);
    breaks(failure_with(bug::close_tells_nobody), "close ends a read that waits");
    breaks(failure_with(bug::keeps_old_errors), "an error code gets the error, or is cleared");
}

TEST_CASE("terms allow what a stream says of itself", "[testing][stream_conformance]") {
    auto terms = small;
    terms.many_readers = true;
    CHECK(failure_with(bug::admits_all_readers, terms) == "no failure");
    terms = small;
    terms.cancelled_write_may_send = true;
    CHECK(failure_with(bug::write_sends_when_cancelled, terms) == "no failure");
    terms = small;
    terms.most_unread = 1000;
    CHECK_THAT(failure_with(bug::none, terms), ContainsSubstring("bytes that nobody reads"));
}

TEST_CASE("an error of who makes the connections is rethrown", "[testing][stream_conformance]") {
    simulation sim;
    const auto nothing = []() -> task<std::pair<duplex, duplex>> {
        throw std::runtime_error("no connection");
        co_return weft::make_duplex();
    };
    CHECK_THROWS_WITH(sim.run([&] { return check_stream_conformance(nothing); }), "no connection");
}
