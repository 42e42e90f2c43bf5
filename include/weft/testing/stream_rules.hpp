// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include <weft/compose/when_all.hpp>
#include <weft/compose/when_all_settled.hpp>
#include <weft/compose/when_any.hpp>
#include <weft/core/error.hpp>
#include <weft/core/outcome.hpp>
#include <weft/core/raise.hpp>
#include <weft/coro/task.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/loop/loop_clock.hpp>
#include <weft/net/async_stream.hpp>
#include <weft/net/buffer.hpp>
#include <weft/testing/byte_flow.hpp>
#include <weft/testing/leak_check.hpp>
#include <weft/testing/sigpipe_watch.hpp>
#include <weft/time/sleep.hpp>
#include <weft/time/yield.hpp>

namespace weft::testing {

/// What a stream says of itself, where `async_stream` leaves that to it.
struct stream_terms {
    bool many_readers = false; ///< a second reader waits, instead of being refused
    /// A cancelled write may have sent a part, which the peer gets in any case: `tls_stream`.
    bool cancelled_write_may_send = false;
    std::size_t most_unread = 64 << 20; ///< it takes less than so much while nobody reads
    duration limit = std::chrono::seconds(30); ///< of each rule: what lasts longer never ends
};
static_assert(std::is_trivially_destructible_v<stream_terms>);

/// The rules that `check_stream_conformance` lists, for a new connection. `ours` writes `there`.
template <async_stream Ours, async_stream Theirs>
struct stream_rules {
    Ours& ours;
    Theirs& theirs;
    const stream_terms& terms;
    const byte_pattern& pattern;
    byte_flow<Ours, Theirs> there{ours, theirs, pattern};
    byte_flow<Theirs, Ours> back{theirs, ours, pattern};

    task<> in_order() {
        constexpr std::size_t all = 200'000;
        const auto write = [&]() -> task<> {
            for (std::size_t size = 1; there.sent < all; size = size * 3 % 70'001)
                co_await there.write(std::min(size, all - there.sent));
        };
        co_await when_all(write(), there.read(all));
    }
    task<> short_reads() {
        for (std::size_t size = 1; size < 100; size *= 5) {
            const auto write = [&]() -> task<> {
                co_await yields(3);
                co_await there.write(size);
            };
            const auto read = [&]() -> task<> {
                for (const auto end = there.sent + size; there.received != end;) {
                    const std::size_t some = co_await there.read_some(byte_pattern::period);
                    if (some == 0) raise<failure>("it has ended, and nobody had said so");
                }
            };
            co_await when_all(read(), write());
        }
    }
    task<> empty() {
        const auto read = [&]() -> task<> {
            for (std::size_t i = 0; i != 4; ++i) { // nothing is there, then something
                const std::size_t in = co_await theirs.read_some(mutable_buffer());
                const std::size_t out = co_await back.writer.write_some(const_buffer());
                if (in != 0 || out != 0) raise<failure>("it returned something else than 0");
                co_await yields(1);
            }
            co_await there.read(1);
        };
        co_await when_all(read(), there.write(1));
    }
    task<> single_bytes() {
        constexpr std::size_t all = 20'000;
        co_await when_all(there.write(all), there.read(all, 1));
    }
    task<> the_end() {
        const auto write = [&]() -> task<> {
            co_await there.write(1000);
            co_await ours.shutdown_write();
        };
        co_await when_all(write(), there.read_to_end());
    }
    task<> half_close() {
        co_await ours.shutdown_write();
        co_await there.read_to_end();
        co_await back.pass(1000);
        const auto end = [&]() -> task<> {
            co_await yields(3); // the reader waits for it
            co_await theirs.shutdown_write();
        };
        co_await when_all(back.read_to_end(), end());
    }
    task<> both_ways() {
        constexpr std::size_t all = 200'000;
        co_await when_all(there.write(all), back.write(all), back.read(all), there.read(all));
        co_await when_all(back.read(1), there.write(100), there.read(100), back.write(1));
    }
    task<> back_pressure() {
        task_group group;
        there.goal = terms.most_unread;
        auto writing = group.spawn(there.fill());
        co_await there.stall(writing);
        if (there.sent >= terms.most_unread)
            raise<failure>("it took " + std::to_string(there.sent) + " bytes that nobody reads");
        if (writing.done()) co_await writing;
        there.goal = there.sent + 1;
        co_await there.read(there.goal);
        co_await writing;
        co_await ours.shutdown_write();
        co_await there.read_to_end();
    }
    task<> cancelled_read() {
        const auto write = [&]() -> task<> {
            for (std::size_t i = 0; i != 200; ++i) {
                co_await there.write(1 + i % 5);
                co_await yields(i % 31); // as a rule the reader is faster, and waits
            }
            co_await ours.shutdown_write();
        };
        const auto read = [&]() -> task<> {
            for (std::size_t k = 0;; ++k) {
                auto result = co_await when_any(there.read_some(1 + k % 3), pause(k));
                if (std::get<0>(result) == std::size_t{0}) break; // else some, or cancelled
            }
        };
        co_await when_all(write(), read());
        co_await there.read_to_end();
    }
    task<> cancelled_write() {
        bool written = false;
        const auto write = [&]() -> task<> {
            std::size_t cancelled = terms.cancelled_write_may_send ? 49 : 0;
            for (std::size_t k = 0; cancelled != 50 && there.sent < terms.most_unread; ++k) {
                const auto before = there.sent;
                co_await when_any(there.write_some(byte_pattern::period), pause(k));
                if (there.sent == before) ++cancelled;
            }
            co_await ours.shutdown_write();
            written = true;
        };
        const auto read = [&]() -> task<> {
            for (std::size_t k = 0; !written; ++k) {
                const std::size_t size = co_await there.read_some(10'000);
                if (size == 0) break;
                co_await yields(k % 31); // as a rule the writer is faster, and waits
            }
        };
        co_await when_all(write(), read());
        co_await there.read_to_end(unconfirmed());
    }
    task<> destroyed() {
        std::optional<task_group> group(std::in_place);
        group->spawn(there.read_some(1));
        co_await yields(3);
        group.emplace(); // which destroys the old one
        co_await there.pass(10);
        there.goal = terms.most_unread;
        auto writing = group->spawn(there.fill());
        co_await there.stall(writing);
        group.reset();
        co_await when_all(ours.shutdown_write(), there.read_to_end(unconfirmed()));
    }
    task<> second_reader() {
        if (terms.many_readers) co_return;
        std::byte one{};
        task_group group(on_error::report);
        auto first = group.spawn(there.read(3));
        co_await yields(3);
        const auto read = [&]() -> task<> { co_await theirs.read_some(mutable_buffer(&one, 1)); };
        auto second = group.spawn(read);
        for (std::size_t i = 0; i != 100 && !second.done(); ++i) co_await yield();
        if (!second.done()) raise<failure>("it waits");
        auto refused = co_await second.settled();
        if (!refused.error()) raise<failure>("it returned");
        co_await there.write(3);
        co_await first;
    }
    task<> peer_goes() {
        task_group group(on_error::report);
        co_await back.pass(10);
        auto reading = group.spawn(back.read_some(10));
        co_await yields(3);
        { const Theirs gone = std::move(theirs); }
        auto ended = co_await reading.settled();
        pass_on_failure(ended); // the end, or an error: it says neither
    }
    task<> peer_has_gone() {
        const sigpipe_watch signal;
        { const Theirs gone = std::move(theirs); }
        const auto write = [&]() -> task<> {
            for (;;) { // a system may take some before it knows
                co_await there.write_some(1);
                co_await sleep_for(std::chrono::milliseconds(1));
            }
        };
        auto ended = co_await when_all_settled(write());
        must_have_failed(std::get<0>(ended));
    }
    task<> peer_goes_unread() {
        const sigpipe_watch signal;
        task_group group(on_error::report);
        there.goal = terms.most_unread;
        auto writing = group.spawn(there.fill());
        co_await there.stall(writing);
        { const Theirs gone = std::move(theirs); }
        auto ended = co_await writing.settled();
        must_have_failed(ended);
    }
    task<> close_while_reading() {
        if constexpr (requires { theirs.close(); }) {
            task_group group(on_error::report);
            auto reading = group.spawn(there.read_some(1));
            co_await yields(3);
            theirs.close();
            auto ended = co_await reading.settled();
            pass_on_failure(ended);
            theirs.close(); // and a second time
        }
        co_return;
    }
    task<> gathering() {
        if constexpr (gathering_stream<Ours>) {
            for (std::size_t size = 0; size != 100; ++size) {
                const auto all = pattern.at(there.sent, 3 * size + 1);
                const const_buffer parts[] = {all.first(size), const_buffer(), all.subspan(size)};
                const auto write = [&]() -> task<> {
                    const std::size_t taken = co_await ours.write_some(std::span(parts));
                    there.sent += taken;
                };
                co_await when_all(write(), there.read(1));
                if (there.sent > there.received) co_await there.read(there.sent - there.received);
            }
        }
        co_return;
    }
    task<> reporting() {
        if constexpr (reporting_stream<Ours>) {
            std::byte one{};
            std::error_code reading = make_error_code(errc::closed), writing = reading;
            const auto read = [&]() -> task<> {
                co_await ours.read_some(mutable_buffer(&one, 1), reading);
            };
            const auto write = [&]() -> task<> {
                co_await ours.write_some(pattern.at(there.sent, 1), writing);
                ++there.sent;
            };
            co_await when_all(back.write(1), read(), write(), there.read(1));
            if (reading || writing) raise<failure>("what went well left an error");
            { const Theirs gone = std::move(theirs); }
            while (!writing) {
                co_await write();
                co_await sleep_for(std::chrono::milliseconds(1));
            }
        }
        co_return;
    }

private:
    static task<> yields(std::size_t times) {
        for (; times != 0; --times) co_await yield();
    }
    /// The k-th of waits that have various lengths, and become longer.
    static task<> pause(std::size_t k) {
        co_await yields(k % 8);
        if (k % 8 == 7) co_await sleep_for(std::chrono::microseconds(2 * k));
    }
    std::size_t unconfirmed() const noexcept {
        return terms.cancelled_write_may_send ? byte_pattern::period : 0;
    }
    /// Errors of the stream are welcome here; those that it has made are not.
    template <class T>
    static void pass_on_failure(const outcome<T>& ended) {
        if (ended.template error_as<failure>()) std::rethrow_exception(ended.error());
    }
    static void must_have_failed(const outcome<void>& write) {
        pass_on_failure(write);
        if (!write.error()) raise<failure>("it has written everything");
        if (sigpipe_watch::seen()) raise<failure>("there was a SIGPIPE");
    }
};

} // namespace weft::testing
