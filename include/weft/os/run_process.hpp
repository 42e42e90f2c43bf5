// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <weft/compose/finally.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/coro/task.hpp>
#include <weft/os/child_process.hpp>
#include <weft/os/process_options.hpp>
#include <weft/os/spawn_process.hpp>

namespace weft {

/// Runs a program to its end and returns what it left.
///
///     const std::vector<std::string> command{"git", "log", "-1", "--format=%h"};
///     auto last = co_await weft::run_process(command);
///     if (last.status == 0) use(last.out);
///
/// It gets `input`; where that is empty, `options.input`. Its output and its errors are in the
/// result unless the options lead them elsewhere. A status other than 0 is no error.
/// Errors  As `spawn_process`.
/// Cancel  Asks it to end (SIGTERM), kills it if it has not after `options.grace`, and waits for
///         its end. A drop kills it.
template <class = if_used>
task<process_result> run_process(std::vector<std::string> argv, std::string input = {},
                                 process_options options = {.input = redirect::null(),
                                                            .error = redirect::pipe()});

// Implementation ------------------------------------------------------------

namespace detail {

template <class = if_used>
task<> end_kindly(child_process& child, duration grace) {
    if (child.status()) co_return;
    child.terminate();
    const auto ended = co_await try_for(grace, child.wait());
    if (ended) co_return;
    child.kill();
    co_await child.wait();
}

} // namespace detail

template <class>
task<process_result> run_process(std::vector<std::string> argv, std::string input,
                                 process_options options) {
    if (!input.empty()) options.input = redirect::pipe();
    auto child = spawn_process(std::move(argv), options);
    const auto body = [&] { return child.communicate(std::move(input)); };
    const auto cleanup = [&] { return detail::end_kindly(child, options.grace); };
    process_result result = co_await finally(body, cleanup);
    co_return result;
}

} // namespace weft
