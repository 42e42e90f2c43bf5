// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <weft/compose/when_all.hpp>
#include <weft/core/raise.hpp>
#include <weft/coro/join_handle.hpp>
#include <weft/coro/task.hpp>
#include <weft/net/buffer.hpp>
#include <weft/testing/leak_check.hpp>
#include <weft/time/sleep.hpp>

namespace weft::testing {

/// Endless bytes, of which it can be told where they belong.
class byte_pattern {
public:
    static constexpr std::size_t period = 65'521; // a prime: blocks that change places are noticed

    byte_pattern() : bytes_(2 * period) {
        std::uint32_t state = 1;
        for (std::size_t i = 0; i != period; ++i) {
            state = state * 1'664'525u + 1'013'904'223u;
            bytes_[i] = bytes_[i + period] = static_cast<std::byte>(state >> 24);
        }
    }
    /// Those from `place` on: `size`, or a period.
    const_buffer at(std::size_t place, std::size_t size) const noexcept {
        return const_buffer(bytes_).subspan(place % period, std::min(size, period));
    }
    void check(std::size_t place, const_buffer got) const {
        const auto wanted = at(place, got.size());
        const auto wrong = std::mismatch(got.begin(), got.end(), wanted.begin()).first;
        if (wrong != got.end())
            raise<failure>("byte " +
                           std::to_string(place + static_cast<std::size_t>(wrong - got.begin())) +
                           " is not the one that was written there");
    }

private:
    std::vector<std::byte> bytes_;
};

/// One direction of a connection: the pattern is written here, and must be read there.
template <class Writer, class Reader>
struct byte_flow {
    Writer& writer;
    Reader& reader;
    const byte_pattern& pattern;
    std::size_t goal = 0;
    std::size_t sent = 0;
    std::size_t received = 0;
    std::vector<std::byte> buffer = std::vector<std::byte>(byte_pattern::period);

    task<> write_some(std::size_t most) {
        const auto from = pattern.at(sent, most);
        const std::size_t size = co_await writer.write_some(from);
        if (size == 0 || size > from.size())
            raise<failure>("write_some took " + std::to_string(size) + " bytes of " +
                           std::to_string(from.size()));
        sent += size;
    }
    task<> fill() {
        while (sent < goal) co_await write_some(goal - sent);
    }
    task<> write(std::size_t size) {
        goal = sent + size;
        co_await fill();
    }
    task<std::size_t> read_some(std::size_t most) {
        const auto to = mutable_buffer(buffer).first(std::min(most, buffer.size()));
        const std::size_t size = co_await reader.read_some(to);
        if (size > to.size()) raise<failure>("read_some returned more than there was room for");
        pattern.check(received, to.first(size));
        received += size;
        co_return size;
    }
    task<> read(std::size_t size, std::size_t at_once = byte_pattern::period) {
        for (const auto end = received + size; received < end;) {
            const std::size_t some = co_await read_some(std::min(at_once, end - received));
            if (some == 0)
                raise<failure>("the stream ended after " + std::to_string(received) + " bytes");
        }
    }
    /// Writes and reads at the same time: nobody says that there is room for more than one byte.
    task<> pass(std::size_t size) { co_await when_all(write(size), read(size)); }
    /// `more` may have arrived than is known to have been sent.
    task<> read_to_end(std::size_t more = 0) {
        while (const std::size_t size = co_await read_some(byte_pattern::period))
            static_cast<void>(size);
        if (received < sent || received > sent + more)
            raise<failure>(std::to_string(sent) + " bytes were written, and " +
                           std::to_string(received) + " were read");
        const std::size_t after = co_await read_some(1);
        if (after != 0) raise<failure>("there were bytes after the end");
    }
    /// Lets `writing` get as far as it can while nobody reads.
    task<> stall(const join_handle<>& writing) const {
        for (std::size_t before = goal; before != sent && !writing.done();) {
            before = sent;
            co_await sleep_for(std::chrono::milliseconds(10)); // systems find more room by and by
        }
    }
};

} // namespace weft::testing
