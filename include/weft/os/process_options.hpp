// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <weft/loop/loop_clock.hpp>

namespace weft {

/// Where a standard stream of a child process comes from, or leads to.
class redirect {
public:
    /// It is this process's.
    static constexpr redirect inherit() noexcept { return redirect(kind::inherit); }
    /// The other end is a stream of the `child_process`.
    static constexpr redirect pipe() noexcept { return redirect(kind::pipe); }
    /// /dev/null: nothing to read; what is written vanishes.
    static constexpr redirect null() noexcept { return redirect(kind::null); }
    /// An open descriptor, of a file for example; it stays open here.
    static constexpr redirect to(int fd) noexcept { return redirect(kind::descriptor, fd); }
    /// For the standard error: where the standard output leads.
    static constexpr redirect to_output() noexcept { return redirect(kind::output); }

    enum class kind : unsigned char { inherit, pipe, null, descriptor, output };
    constexpr kind which() const noexcept { return kind_; }
    constexpr int descriptor() const noexcept { return descriptor_; }

private:
    constexpr explicit redirect(kind which, int fd = -1) noexcept : kind_(which), descriptor_(fd) {}

    kind kind_;
    int descriptor_;
};

/// How a program is started.
struct process_options {
    redirect input = redirect::inherit();
    redirect output = redirect::pipe();
    redirect error = redirect::inherit();

    /// The directory that it starts in; empty: this process's.
    std::string_view directory{};
    /// "NAME=value" each, and nothing else; nothing: this process's environment.
    std::optional<std::span<const std::string>> environment{};
    /// How long `run_process` waits, when it is cancelled, from SIGTERM to SIGKILL.
    duration grace = std::chrono::seconds(5);
};

// An option struct may be written in an awaited expression: see the README on g++ 12.
static_assert(std::is_trivially_destructible_v<process_options>);

} // namespace weft
