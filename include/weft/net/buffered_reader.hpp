// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>

#include <weft/core/branch.hpp>
#include <weft/core/error.hpp>
#include <weft/core/prepared.hpp>
#include <weft/core/raise.hpp>
#include <weft/coro/task.hpp>
#include <weft/net/async_stream.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/end_of_stream_error.hpp>
#include <weft/net/read_buffer.hpp>
#include <weft/net/shortcut.hpp>

namespace weft {

/// Reads lines and other records from a stream.
///
///     weft::buffered_reader reader(client);
///
///     while (auto line = co_await reader.read_line()) ...
///
/// A view that is returned is valid until the next call on this reader. `limit` is how many bytes a
/// record may have, its separator not counted.
/// Errors    What fails has consumed nothing. A record over the limit: `error` (`errc::limit`); the
///           stream ends in the middle of what was to be read: `end_of_stream_error`, with what had
///           arrived; what the stream throws. A call while another one waits: `error`
///           (`errc::busy`). `buffered()` and `consume()` are the way out.
///           The forms with an `error_code` store the code instead; it is cleared otherwise.
/// Cancel    Nothing is consumed.
/// Lifetime  The stream must outlive it. It may have read more than was asked for: read all that
///           comes from this stream by one reader.
template <async_stream S>
class buffered_reader {
    using record = std::optional<std::string_view>;
    struct reading_record;
    struct reading_exactly;
    template <class Attempt>
    using reads = prepared<shortcut<Attempt>, Attempt>; // what is buffered needs no coroutine

public:
    explicit buffered_reader(S& stream, std::size_t limit = 65536) noexcept
        : stream_(stream), limit_(limit) {}
    buffered_reader(buffered_reader&&) = delete;

    /// Returns the next line without its end, "\n" or "\r\n" (the "\r" counts for the limit); the
    /// last one may end with the stream. Nothing at the end of stream.
    auto read_line() noexcept { return read_record("\n", true, nullptr); }
    auto read_line(std::error_code& error) noexcept
        requires reporting_stream<S>
    {
        return read_record("\n", true, &error);
    }

    /// Returns what comes before `separator`, which is consumed as well. Nothing at the end of
    /// stream; but there must be no bytes without a separator before it.
    /// Precondition: `separator` is not empty.
    auto read_until(std::string_view separator) noexcept {
        return read_record(separator, false, nullptr);
    }
    auto read_until(std::string_view separator, std::error_code& error) noexcept
        requires reporting_stream<S>
    {
        return read_record(separator, false, &error);
    }

    /// Reads until `into` is full. It may be larger than the limit; until everything has arrived,
    /// it is kept in the reader.
    auto read_exactly(mutable_buffer into) noexcept { return read_whole(into, nullptr); }
    auto read_exactly(mutable_buffer into, std::error_code& error) noexcept
        requires reporting_stream<S>
    {
        return read_whole(into, &error);
    }

    /// Reads what there is. Returns the number of bytes; 0 at the end of stream.
    task<std::size_t> read_some(mutable_buffer into) {
        return read_some(into, static_cast<std::error_code*>(nullptr));
    }
    task<std::size_t> read_some(mutable_buffer into, std::error_code& error)
        requires reporting_stream<S>
    {
        return read_some(into, &error);
    }

    /// What was read from the stream and not consumed.
    std::string_view buffered() const noexcept { return buffer_.text(); }
    /// Drops the first `size` bytes of it. Precondition: there are so many.
    void consume(std::size_t size) noexcept { buffer_.consume(size); }

    S& stream() const noexcept { return stream_; }

private:
    // A call that has begun: there is one at a time, because others would read into the same room.
    class turn {
    public:
        turn(bool& taken, std::error_code* error) : taken_(taken), busy_(taken) {
            if (error) error->clear();
            if (busy_) fail(error, errc::busy);
            taken_ = true;
        }
        turn(turn&&) = delete;
        ~turn() {
            if (!busy_) taken_ = false;
        }
        bool is_busy() const noexcept { return busy_; }

    private:
        bool& taken_;
        bool busy_;
    };

    reads<reading_record> read_record(std::string_view separator, bool is_line,
                                      std::error_code* error) noexcept;
    reads<reading_exactly> read_whole(mutable_buffer into, std::error_code* error) noexcept;
    task<std::size_t> read_some(mutable_buffer into, std::error_code* error);
    task<std::size_t> read_more(std::error_code* error);

    static void fail(std::error_code* error, errc code) {
        if (!error) raise<weft::error>(code, "buffered_reader");
        *error = code;
    }
    void fail_early(std::error_code* error) const {
        if (!error) raise<end_of_stream_error>(bytes(buffered()));
        *error = errc::closed;
    }
    S& stream_;
    std::size_t limit_;
    read_buffer buffer_;
    bool reading_ = false;
};

template <async_stream S>
auto read_line(buffered_reader<S>& reader) {
    return reader.read_line();
}
template <async_stream S>
auto read_until(buffered_reader<S>& reader, std::string_view separator) {
    return reader.read_until(separator);
}

// Implementation ------------------------------------------------------------

template <async_stream S>
struct buffered_reader<S>::reading_record {
    buffered_reader* reader;
    std::string_view separator;
    bool is_line;
    std::error_code* error; // null: throw
    record found{};
    std::size_t searched = 0; // where no separator begins

    bool attempt(branch&) {
        if (reader->reading_) return false;
        if (error) error->clear();
        return take();
    }
    record result() const noexcept { return found; }
    task<record> rest() { return read(*this); }

    /// Takes the record out of the buffer. Returns whether that is decided.
    bool take() {
        const auto text = reader->buffered();
        const auto size = text.find(separator, searched);
        if (size != text.npos && size <= reader->limit_) {
            reader->consume(size + separator.size());
            found = text.substr(0, size);
            if (is_line && found->ends_with('\r')) found->remove_suffix(1);
            return true;
        }
        searched = text.size() - std::min(text.size(), separator.size() - 1);
        if (size == text.npos && (text.size() < separator.size() ||
                                  text.size() - separator.size() < reader->limit_))
            return false;
        fail(error, errc::limit); // none can begin within the limit any more
        return true;
    }
    /// The stream has ended, and what is left is all there is.
    void take_last() {
        const auto text = reader->buffered();
        if (text.size() > reader->limit_)
            fail(error, errc::limit);
        else if (!is_line && !text.empty())
            reader->fail_early(error);
        else if (!text.empty())
            reader->consume((found = text)->size());
    }

private:
    static task<record> read(reading_record self) {
        const turn mine(self.reader->reading_, self.error);
        if (mine.is_busy()) co_return std::nullopt;
        self.searched = 0; // by another one, perhaps
        while (!self.take()) {
            const std::size_t more = co_await self.reader->read_more(self.error);
            if (more != 0) continue;
            if (!detail::has_failed(self.error)) self.take_last();
            break;
        }
        co_return self.found;
    }
};

template <async_stream S>
struct buffered_reader<S>::reading_exactly {
    buffered_reader* reader;
    mutable_buffer into;
    std::error_code* error;

    bool attempt(branch&) {
        if (reader->reading_ || reader->buffered().size() < into.size()) return false;
        if (error) error->clear();
        reader->buffer_.take(into);
        return true;
    }
    void result() const noexcept {}
    task<> rest() { return read(*this); }

private:
    static task<> read(reading_exactly self) {
        const turn mine(self.reader->reading_, self.error);
        if (mine.is_busy()) co_return;
        while (self.reader->buffered().size() < self.into.size()) {
            const std::size_t more = co_await self.reader->read_more(self.error);
            if (more != 0) continue;
            if (!detail::has_failed(self.error)) self.reader->fail_early(self.error);
            co_return;
        }
        self.reader->buffer_.take(self.into);
    }
};

template <async_stream S>
auto buffered_reader<S>::read_record(std::string_view separator, bool is_line,
                                     std::error_code* error) noexcept -> reads<reading_record> {
    assert(!separator.empty());
    return reads<reading_record>(reading_record{this, separator, is_line, error});
}

template <async_stream S>
auto buffered_reader<S>::read_whole(mutable_buffer into, std::error_code* error) noexcept
    -> reads<reading_exactly> {
    return reads<reading_exactly>(reading_exactly{this, into, error});
}

template <async_stream S>
task<std::size_t> buffered_reader<S>::read_some(mutable_buffer into, std::error_code* error) {
    const turn mine(reading_, error);
    if (mine.is_busy() || into.empty()) co_return 0;
    if (buffered().empty()) {
        if (into.size() >= read_buffer::first_capacity) {
            const std::size_t size = co_await detail::read_some(stream_, into, error);
            co_return size;
        }
        const std::size_t more = co_await read_more(error);
        if (more == 0) co_return 0;
    }
    co_return buffer_.take(into);
}

/// Reads once into the buffer. Returns 0 at the end of stream or after a failure.
template <async_stream S>
task<std::size_t> buffered_reader<S>::read_more(std::error_code* error) {
    const std::size_t size = co_await detail::read_some(stream_, buffer_.room(), error);
    buffer_.filled(size);
    co_return size;
}

} // namespace weft
