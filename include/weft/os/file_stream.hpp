// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <weft/core/operation.hpp>
#include <weft/core/prepared.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/readiness.hpp>
#include <weft/loop/unique_fd.hpp>
#include <weft/net/async_stream.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/socket.hpp>
#include <weft/net/socket_operation.hpp>

namespace weft {

/// A stream over a descriptor that is read and written like a file: an end of a pipe, a terminal, a
/// device. Regular files work too, but the loop waits for the disk: for large ones see `to_thread`.
///
/// It is an `async_stream`, so `buffered_reader`, `write_all` and the like take it; a descriptor
/// that is open in one direction only answers EBADF in the other.
/// Errors     Throws `std::system_error` that names the stream: EPIPE for a pipe that nobody will
///            read, and never a SIGPIPE; EBADF if it is closed, also while the operation waits;
///            errc::busy for a second reader or a second writer. The forms with an
///            `std::error_code&` store it there, or clear it.
/// Cancel     Nothing was read or written.
/// Ownership  Closes the descriptor. Move-only; one that was moved from, or made from nothing, is
///            closed.
/// Lifetime   Not longer than its loop.
class file_stream {
    struct read_call;
    struct write_call;
    class close_operation;
    using closes = prepared<close_operation, file_stream*, std::error_code*>;

public:
    file_stream() noexcept = default;
    /// Takes over `fd` on this thread's loop, and has it not block, nor any copy of it, here or in
    /// another process. `name` is for errors, and must live as long as the stream: "the serial
    /// line".
    /// Errors  Throws `std::system_error`; `fd` is closed.
    file_stream(unique_fd fd, const char* name) : file_stream(this_loop(), std::move(fd), name) {}
    file_stream(event_loop& loop, unique_fd fd, const char* name);
    /// Takes over what does not block.
    file_stream(event_loop& loop, unique_socket fd, const char* name)
        : socket_(std::move(fd)), name_(name) {
        socket_.attach(loop);
    }
    file_stream(file_stream&& other) noexcept
        : socket_(std::move(other.socket_)), name_(other.name_),
          restored_flags_(std::exchange(other.restored_flags_, -1)) {}
    file_stream& operator=(file_stream&& other) noexcept;
    ~file_stream() { close(); }

    /// Uses what `fd` refers to, which is somebody else's: `fd` stays open, and as it was, after
    /// this is closed. Of several that borrow one socket, close the first one last: it has made all
    /// of them not block, and takes that back.
    /// Errors  Throws `std::system_error`.
    static file_stream borrow(event_loop& loop, int fd, const char* name);

    /// Reads what is there, at most what `to` holds; waits until something is.
    /// Returns how many bytes; 0 at the end of the stream, or if `to` is empty.
    auto read_some(mutable_buffer to) noexcept {
        return operate<read_call>(socket_, nullptr, to, name_);
    }
    auto read_some(mutable_buffer to, std::error_code& code) noexcept {
        return operate<read_call>(socket_, &code, to, name_);
    }

    /// Writes what there is room for; waits until there is some. Returns how many bytes.
    auto write_some(const_buffer from) noexcept {
        return operate<write_call>(socket_, nullptr, from, name_);
    }
    auto write_some(const_buffer from, std::error_code& code) noexcept {
        return operate<write_call>(socket_, &code, from, name_);
    }

    /// Closes it, which is how the reader of a pipe learns that no more will be written.
    auto shutdown_write() noexcept { return closes(this, nullptr); }
    auto shutdown_write(std::error_code& code) noexcept { return closes(this, &code); }

    /// Closes it; who waits for it gets EBADF. No effect the second time.
    void close() noexcept;
    void abort() noexcept { close(); }
    bool is_open() const noexcept { return socket_.is_open(); }

    /// Returns -1 if it is closed. The descriptor is the stream's.
    int native_handle() const noexcept { return socket_.fd(); }

private:
    unique_socket socket_; // what it has in common with sockets: a descriptor that is registered
    const char* name_ = "a closed stream";
    int restored_flags_ = -1;
};

/// What the halves of a pipe, and the standard streams, are called.
using input_stream = file_stream;
using output_stream = file_stream;

// Implementation ------------------------------------------------------------

struct file_stream::read_call : socket_call {
    mutable_buffer to;
    const char* from;

    static constexpr auto direction = readiness::readable;
    // `most` says nothing: a terminal gives one line at a time, however many there are.
    static constexpr const char* name = "read_some";
    bool is_empty() const noexcept { return to.empty(); }
    std::size_t result(std::size_t size) const noexcept { return size; }
    std::string what(const unique_socket&) const { return std::string("reading from ") + from; }
    ssize_t operator()(unique_socket& on) const noexcept {
        return on.calls().read(on.fd(), to.data(), to.size());
    }
};

struct file_stream::write_call : socket_call {
    const_buffer from;
    const char* to;

    static constexpr auto direction = readiness::writable;
    static constexpr const char* name = "write_some";
    bool is_empty() const noexcept { return from.empty(); }
    std::size_t result(std::size_t size) const noexcept { return size; }
    std::string what(const unique_socket&) const { return std::string("writing to ") + to; }
    ssize_t operator()(unique_socket& on) const noexcept {
        return on.calls().write(on.fd(), from.data(), from.size());
    }
};

class file_stream::close_operation final : public operation<close_operation> {
public:
    explicit close_operation(file_stream* stream, std::error_code* code) noexcept
        : stream_(stream), code_(code) {}

    bool start(branch&) noexcept {
        stream_->close();
        return true;
    }
    bool withdraw() noexcept override { return true; }
    void await_resume() const noexcept {
        if (code_) code_->clear();
    }
    const char* describe() const noexcept override { return "shutdown_write"; }

private:
    file_stream* stream_;
    std::error_code* code_; // null: it cannot fail, so nobody is told that either
};

namespace detail {

/// Returns the flags before, or -1 if it did not block already.
inline int set_non_blocking(int fd, const char* name) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK)) return -1;
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        raise_system_error(errno, std::string("opening ") + name);
    return flags;
}

/// A file with a position, which whoever opens it anew does not share. It never blocks.
inline bool has_position(int fd) noexcept {
    struct ::stat what;
    return ::fstat(fd, &what) == 0 && (S_ISREG(what.st_mode) || S_ISBLK(what.st_mode));
}

/// Whether what would be opened anew is a new thing: the master of another pseudo-terminal.
inline bool is_cloned_by_open([[maybe_unused]] int fd) noexcept {
#ifdef TIOCGPTN
    unsigned number;
    return ::ioctl(fd, TIOCGPTN, &number) == 0;
#else
    return false;
#endif
}

} // namespace detail

inline file_stream::file_stream(event_loop& loop, unique_fd fd, const char* name) : name_(name) {
    detail::set_non_blocking(fd.get(), name);
    socket_ = unique_socket(loop.system().calls(), fd.release());
    socket_.attach(loop);
}

inline file_stream& file_stream::operator=(file_stream&& other) noexcept {
    if (this == &other) return *this;
    close();
    socket_ = std::move(other.socket_);
    name_ = other.name_;
    restored_flags_ = std::exchange(other.restored_flags_, -1);
    return *this;
}

inline file_stream file_stream::borrow(event_loop& loop, int fd, const char* name) {
    const int access = ::fcntl(fd, F_GETFL);
    if (access < 0) raise_system_error(errno, std::string("opening ") + name);
    // Not to block is a flag of what the descriptor shares with others: with other processes, and
    // with this one's standard output if that is the same terminal, of which printf knows nothing.
    // Where the system can open it anew, it gets flags of its own.
    unique_fd own;
    const bool never_blocks = detail::has_position(fd);
    if (!never_blocks && !detail::is_cloned_by_open(fd)) {
        const auto path = "/proc/self/fd/" + std::to_string(fd);
        const int same = access & O_ACCMODE;
        own = unique_fd(::open(path.c_str(), same | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    }
    int flags = -1;
    if (!own) {
        own = unique_fd(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
        if (!own) raise_system_error(errno, std::string("opening ") + name);
        if (!never_blocks) flags = detail::set_non_blocking(own.get(), name);
    }
    file_stream result;
    result.name_ = name;
    result.restored_flags_ = flags;
    result.socket_ = unique_socket(loop.system().calls(), own.release());
    result.socket_.attach(loop);
    return result;
}

inline void file_stream::close() noexcept {
    if (const int flags = std::exchange(restored_flags_, -1); flags >= 0)
        ::fcntl(socket_.fd(), F_SETFL, flags);
    socket_.close();
}

} // namespace weft
