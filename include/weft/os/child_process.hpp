// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <signal.h>
#include <sys/types.h>

#include <weft/compose/when_all.hpp>
#include <weft/core/raise.hpp>
#include <weft/coro/task.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/write_all.hpp>
#include <weft/os/file_stream.hpp>
#include <weft/os/process_options.hpp>
#include <weft/os/unique_process.hpp>

namespace weft {

namespace detail {
class spawn_actions;
}

/// What a process left: its exit status, as `child_process::wait` gives it, and what it wrote, as
/// far as that led here.
struct process_result {
    int status = 0;
    std::string out, err;
};

/// A program that runs beside this one. `spawn_process` starts it.
///
/// Ownership  The destructor kills it (SIGKILL) if it still runs and waits for its end: no zombie.
///            To end it kindly, `terminate` it and wait. Move-only.
/// Lifetime   Not longer than its loop, because of its streams.
class child_process {
public:
    child_process(child_process&&) noexcept = default;
    child_process& operator=(child_process&& other) noexcept {
        if (this == &other) return *this;
        if (process_) process_->end();
        process_ = std::move(other.process_);
        streams_ = std::move(other.streams_);
        return *this;
    }
    ~child_process() {
        if (process_) process_->end();
    }

    ::pid_t id() const noexcept { return process_->id(); }

    /// This end of its standard streams; closed unless the options said `redirect::pipe()`.
    output_stream& standard_input() noexcept { return streams_[0]; }
    input_stream& standard_output() noexcept { return streams_[1]; }
    input_stream& standard_error() noexcept { return streams_[2]; }

    /// Waits until it has ended. Returns what it passed to exit(), or if a signal ended it the
    /// number of that, negative. Any number of waiters, any number of times.
    /// Errors  Throws `std::system_error` with ECHILD if somebody else has waited for it.
    /// Cancel  Leaves it alone.
    template <class = if_used>
    task<int> wait() { return unique_process::wait(process_); }
    /// The same if it has ended, else nothing; at once.
    std::optional<int> status() { return process_->status(); }

    /// Writes all of `input` to its standard input and closes that, reads its output and its errors
    /// to their ends, and waits for its end. Streams that are not here, or closed, take no part.
    /// Errors  Throws `std::invalid_argument`, and does nothing, if there is `input` and nowhere to
    ///         write it to. That the process does not read all of it is no error.
    /// Cancel  What was read is lost.
    template <class = if_used>
    task<process_result> communicate(std::string input = {});

    /// Asks it to end (SIGTERM).
    void terminate() noexcept { send_signal(SIGTERM); }
    /// Ends it (SIGKILL).
    void kill() noexcept { send_signal(SIGKILL); }
    /// No effect when it has ended.
    void send_signal(int signal) noexcept { process_->send(signal); }

private:
    friend class detail::spawn_actions;

    child_process(std::shared_ptr<unique_process> process,
                  std::array<file_stream, 3> streams) noexcept
        : process_(std::move(process)), streams_(std::move(streams)) {}

    std::shared_ptr<unique_process> process_; // shared with those who wait
    std::array<file_stream, 3> streams_;
};

// Implementation ------------------------------------------------------------

namespace detail {

template <class Stream>
task<> feed(Stream& to, std::string_view input) {
    std::error_code error;
    co_await write_all(to, input, error);
    to.close();
    // It need not read all of it, nor run any more.
    if (error && error != std::errc::broken_pipe)
        raise<std::system_error>(error, "writing to the standard input of a child process");
}

template <class Stream>
task<std::string> read_to_end(Stream& from) {
    std::string result;
    std::vector<std::byte> chunk(from.is_open() ? 65536 : 0);
    while (from.is_open()) {
        const std::size_t size = co_await from.read_some(chunk);
        result += text({chunk.data(), size});
        if (size == 0) from.close();
    }
    co_return result;
}

} // namespace detail

template <class Used>
task<process_result> child_process::communicate(std::string input) {
    // Else it would be lost without a word, while the process waits for it somewhere else.
    if (!input.empty() && !standard_input().is_open())
        raise<std::invalid_argument>("communicate: the process was given no standard input from "
                                     "here (redirect::pipe), or that is closed");
    auto ended = co_await when_all(detail::feed(streams_[0], input),
                                   detail::read_to_end(streams_[1]),
                                   detail::read_to_end(streams_[2]), wait<Used>());
    process_result result;
    result.status = std::get<3>(ended);
    result.out = std::move(std::get<1>(ended));
    result.err = std::move(std::get<2>(ended));
    co_return result;
}

} // namespace weft
