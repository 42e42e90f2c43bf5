// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>

#include <weft/core/error.hpp>
#include <weft/core/prepared.hpp>
#include <weft/core/raise.hpp>
#include <weft/net/async_stream.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/byte_pipe.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft {

/// One end of a connection that is in memory: it behaves like a socket and needs no system, for
/// tests, and for parts of a program that talk to each other as if they were two.
///
///     auto [client, server] = weft::make_duplex();
///
/// Every operation has a form with an `std::error_code&`, which gets the error, or is cleared, and
/// nothing is thrown.
/// Errors    Those of a socket, as `std::system_error`: EPIPE for a write that nobody will read,
///           ECONNRESET after the peer has aborted or closed with bytes unread (what had arrived is
///           read first), EBADF after this end was closed, also while the operation waits;
///           errc::busy for a second reader or a second writer.
/// Order     A writer waits while `capacity` bytes are unread.
/// Cancel    Moves no byte.
/// Lifetime  Either end may go at any time, also while somebody waits for the other, or for itself.
class duplex {
    struct pair;
    template <class Buffers>
    struct transfer;
    struct finishing;
    template <class Buffers>
    using transfers =
        prepared<queued<transfer<Buffers>>, pair*, unsigned, Buffers, std::error_code*>;
    using finishes = prepared<queued<finishing>, pair*, unsigned, std::error_code*>;
    using many_to_fill = std::span<const mutable_buffer>;
    using many_to_send = std::span<const const_buffer>;

public:
    /// One that is closed.
    duplex() noexcept = default;
    duplex(duplex&& other) noexcept
        : pair_(std::exchange(other.pair_, nullptr)), side_(other.side_) {}
    duplex& operator=(duplex&& other) noexcept {
        duplex moved(std::move(other));
        std::swap(pair_, moved.pair_);
        std::swap(side_, moved.side_);
        return *this;
    }
    ~duplex();

    /// Reads what is there; waits until something is. Returns how many bytes; 0 at the end of the
    /// stream, or if `to` is empty.
    auto read_some(mutable_buffer to) noexcept { return read(to, nullptr); }
    auto read_some(mutable_buffer to, std::error_code& code) noexcept { return read(to, &code); }
    auto read_some(std::span<const mutable_buffer> to) noexcept { return read(to, nullptr); }
    auto read_some(std::span<const mutable_buffer> to, std::error_code& code) noexcept {
        return read(to, &code);
    }

    /// Writes what there is room for; waits until there is some. Returns how many bytes.
    auto write_some(const_buffer from) noexcept { return write(from, nullptr); }
    auto write_some(const_buffer from, std::error_code& code) noexcept {
        return write(from, &code);
    }
    auto write_some(std::span<const const_buffer> from) noexcept { return write(from, nullptr); }
    auto write_some(std::span<const const_buffer> from, std::error_code& code) noexcept {
        return write(from, &code);
    }

    /// Ends what is written: the peer reads all of it, then the end of the stream. A write that
    /// waits gets EPIPE.
    auto shutdown_write() noexcept { return finishes(pair_, out(), nullptr); }
    auto shutdown_write(std::error_code& code) noexcept { return finishes(pair_, out(), &code); }

    /// Closes it. What was written can still be read; if something was left unread here, the peer
    /// gets ECONNRESET after that.
    void close() noexcept;
    /// Closes it; the peer gets ECONNRESET.
    void abort() noexcept { close(true); }
    bool is_open() const noexcept;

    /// There is no descriptor: -1.
    int native_handle() const noexcept { return -1; }

private:
    friend std::pair<duplex, duplex> make_duplex(std::size_t capacity);

    duplex(pair* both, unsigned side) noexcept : pair_(both), side_(side) {}

    template <class Buffers>
    transfers<Buffers> read(Buffers to, std::error_code* code) noexcept {
        return transfers<Buffers>(pair_, in(), to, code);
    }
    template <class Buffers>
    transfers<Buffers> write(Buffers from, std::error_code* code) noexcept {
        return transfers<Buffers>(pair_, out(), from, code);
    }
    void close(bool reset) noexcept;
    unsigned in() const noexcept { return side_; }
    unsigned out() const noexcept { return 1 - side_; }

    pair* pair_ = nullptr; // null: closed
    unsigned side_ = 0;
};

/// Makes two ends that are connected, with `capacity` bytes of room in each direction.
/// Errors  Throws `std::invalid_argument` if there is no room at all.
std::pair<duplex, duplex> make_duplex(std::size_t capacity = 65536);

// Implementation ------------------------------------------------------------

/// Both directions. It lives as long as an end, or an operation that has begun.
struct duplex::pair {
    explicit pair(std::size_t capacity) : pipes{byte_pipe(capacity), byte_pipe(capacity)} {}

    static byte_pipe* pipe_of(pair* both, unsigned which) noexcept {
        return both ? &both->pipes[which] : nullptr;
    }
    void release() noexcept {
        if (--uses == 0) delete this;
    }

    std::array<byte_pipe, 2> pipes;
    std::size_t uses = 2;
};

/// A read or a write. Bytes move when its turn has come: who is destroyed before has moved none.
template <class Buffers>
struct duplex::transfer {
    static constexpr bool reads =
        std::is_same_v<Buffers, mutable_buffer> || std::is_same_v<Buffers, many_to_fill>;
    using buffer = std::conditional_t<reads, mutable_buffer, const_buffer>;

    transfer(pair* ends, unsigned which, Buffers buffers, std::error_code* error) noexcept
        : both(ends), through(pair::pipe_of(ends, which)), data(buffers), code(error) {
        if (both) ++both->uses;
    }
    transfer(transfer&&) = delete;
    ~transfer() {
        if (both) both->release();
    }

    wait_queue& queue() noexcept {
        static thread_local wait_queue of_what_is_closed;
        return through ? own_end().waiter : of_what_is_closed;
    }
    bool begin() noexcept {
        if (!through) return true;
        busy = own_end().taken;
        if (busy) return true;
        if (!is_empty() && through->obstacle(buffer()) == 0 && through->must_wait(buffer()))
            return false;
        return own_end().taken = true;
    }
    void waits(branch&) noexcept { own_end().taken = true; }
    void give_back() noexcept { left(); }
    void left() noexcept {
        if (through && !busy) own_end().taken = false;
    }
    std::size_t result() {
        left();
        const int obstacle = !through || own_end().closed ? EBADF
                             : is_empty()                 ? 0
                                                          : through->obstacle(buffer());
        const auto error = busy ? make_error_code(errc::busy)
                                : std::error_code(obstacle, std::system_category());
        if (code)
            *code = error;
        else if (error)
            raise<std::system_error>(error,
                                     reads ? "reading from a duplex" : "writing to a duplex");
        std::size_t size = 0;
        if (!error)
            for (const auto& each : list()) size += through->move(each);
        return size;
    }
    static constexpr const char* name = reads ? "duplex.read_some" : "duplex.write_some";

    byte_pipe::end& own_end() noexcept { return through->template end_for<buffer>(); }
    std::span<const buffer> list() const noexcept {
        if constexpr (std::is_same_v<Buffers, buffer>)
            return {&data, 1};
        else
            return data;
    }
    bool is_empty() const noexcept {
        return std::all_of(list().begin(), list().end(), [](buffer each) { return each.empty(); });
    }

    pair* both;
    byte_pipe* through; // null: closed
    Buffers data;
    std::error_code* code; // null: throw
    bool busy = false;
};

struct duplex::finishing {
    finishing(pair* both, unsigned which, std::error_code* error) noexcept
        : through(pair::pipe_of(both, which)), code(error) {}

    wait_queue& queue() noexcept { return through->end_for<const_buffer>().waiter; }
    bool begin() noexcept {
        open = through && !through->end_for<const_buffer>().closed;
        if (open) through->finish();
        return true;
    }
    void result() const {
        const std::error_code error(open ? 0 : EBADF, std::system_category());
        if (code)
            *code = error;
        else if (error)
            raise<std::system_error>(error, "ending a duplex");
    }
    static constexpr const char* name = "duplex.shutdown_write";

    byte_pipe* through;
    std::error_code* code;
    bool open = false;
};

inline bool duplex::is_open() const noexcept { return pair_ && !pair_->pipes[in()].is_closed(); }

inline void duplex::close(bool reset) noexcept {
    if (!is_open()) return;
    pair_->pipes[in()].close_reader(reset);
    pair_->pipes[out()].close_writer(reset);
}
inline void duplex::close() noexcept { close(pair_ && pair_->pipes[in()].has_bytes()); }

inline duplex::~duplex() {
    close();
    if (pair_) pair_->release();
}

inline std::pair<duplex, duplex> make_duplex(std::size_t capacity) {
    if (capacity == 0) raise<std::invalid_argument>("make_duplex: no capacity");
    auto* both = new duplex::pair(capacity);
    return {duplex(both, 0), duplex(both, 1)};
}

} // namespace weft
